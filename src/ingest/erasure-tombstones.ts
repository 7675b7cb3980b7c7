import { createHmac } from 'node:crypto'
import type { AuditEvent, User } from '../domain/event.ts'
import { identityOf } from '../domain/identity.ts'
import { parseTime } from '../domain/time.ts'
import type { ErasedPerson, Tombstone } from '../state/erasures.ts'

/** Name in the accounts of what does not come back. */
export const ERASED_RULE = 'erased'

/** Whether an event is about somebody who was erased, and happened before that: a replay, a redelivery, an old backup. */
export type IsErased = (event: AuditEvent) => boolean

type Kind = 'name' | 'id' | 'email' | 'identity'

/**
 * Knows who was erased by keyed hashes alone (docs/erasure.md, What does not come back).
 *
 * @param dedupeKey the install's, from which that of the hashes is derived.
 */
export function createIsErased(dedupeKey: Uint8Array, tombstones: readonly Tombstone[]): IsErased | undefined {
  if (tombstones.length === 0) return undefined
  const before = new Map(tombstones.map((each) => [Buffer.from(each.hash).toString('base64url'), each.before]))
  const hashOf = createTombstoneHash(dedupeKey)
  const known = new Map<string, number>()

  /** Milliseconds since 1970 before which nothing of that person comes back; -Infinity for one who was never erased. */
  function endOf(user: User): number {
    const signs = signsOf(user)
    const name = JSON.stringify(signs)
    const found = known.get(name)
    if (found !== undefined) return found
    const ends = signs.map(([kind, value]) => before.get(hashOf(kind, value).toString('base64url')) ?? -Infinity)
    const end = Math.max(...ends, -Infinity)
    if (known.size >= MOST_KNOWN) known.clear()
    known.set(name, end)
    return end
  }

  return ({ user, '@timestamp': time }) => {
    if (user === undefined) return false
    const end = Math.max(endOf(user), user.target === undefined ? -Infinity : endOf(user.target))
    if (end === -Infinity) return false
    const happened = parseTime(time)
    // What says no time that can be read was not just done.
    return happened === undefined || happened < end * 1000
  }
}

const MOST_KNOWN = 50_000

/** Tombstones of all that a person is called. */
export function tombstonesOf(dedupeKey: Uint8Array, person: ErasedPerson, before: number): readonly Tombstone[] {
  const hashOf = createTombstoneHash(dedupeKey)
  const signs: readonly (readonly [Kind, string])[] = [
    ...person.names.map((each) => ['name', each] as const),
    ...person.ids.map((each) => ['id', each] as const),
    ...person.emails.map((each) => ['email', each.toLowerCase()] as const),
    ...person.identities.map((each) => ['identity', each] as const),
  ]
  return signs.map(([kind, value]) => ({ hash: hashOf(kind, value), before }))
}

function createTombstoneHash(dedupeKey: Uint8Array): (kind: Kind, value: string) => Buffer {
  const key = createHmac('sha256', dedupeKey).update('whodid tombstone 1').digest()
  return (kind, value) => createHmac('sha256', key).update(`${kind}\0${value.toWellFormed()}`).digest()
}

function signsOf(user: User): readonly (readonly [Kind, string])[] {
  const { name, id, email } = user
  return [
    ...textsOf(name).map((each) => ['name', each] as const),
    ...textsOf(id).map((each) => ['id', each] as const),
    ...textsOf(email).map((each) => ['email', each.toLowerCase()] as const),
    ['identity', identityOf(user)] as const,
  ]
}

/** Foreign records have numbers, or lists, where a text is expected. */
function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  if (typeof value === 'number' || typeof value === 'boolean') return [String(value)]
  return Array.isArray(value) ? value.flatMap((each: unknown) => textsOf(each)) : []
}
