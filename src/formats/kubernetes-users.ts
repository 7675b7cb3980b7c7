import type { Actor, JsonObject, User, UserKind } from '../domain/event.ts'
import { stringIn, stringsIn } from './loose.ts'

/** `user` of a record. A request without a valid credential (401) has an empty one. */
export function actorOf(user: JsonObject | undefined): Actor {
  return personOf(user) ?? { kind: 'anonymous' }
}

/** `impersonatedUser`: as whom the request was made. */
export function impersonatedActor(user: JsonObject | undefined): User | undefined {
  return personOf(user)
}

/** Somebody of whom only the name is known. */
export function userOfName(name: string): User {
  const kind = kindOf(name)
  return { kind, name, ...(kind === 'person' && name.includes('@') && { email: name }) }
}

function personOf(user: JsonObject | undefined): User | undefined {
  const name = stringIn(user, 'username')
  if (name === undefined) return undefined
  const id = stringIn(user, 'uid')
  const groups = stringsIn(user, 'groups') ?? []
  return { ...userOfName(name), ...(id && { id }), ...(groups.length > 0 && { group: { name: groups } }) }
}

function kindOf(name: string): UserKind {
  if (name === 'system:anonymous') return 'anonymous'
  if (name.startsWith('system:serviceaccount:') || name.endsWith('.gserviceaccount.com')) return 'service'
  // EKS keeps names that begin with `eks:` for its own controllers; those of AKS sign in under one name.
  return name.startsWith('system:') || name.startsWith('eks:') || name === 'aksService' ? 'system' : 'person'
}
