import { z } from 'zod'
import type { UserKind } from '../domain/event.ts'

/** Which roles of a database are people and which are programs: the database does not know. By name, or with `*`. */
export interface RoleKinds {
  readonly persons?: readonly string[]
  readonly applications?: readonly string[]
}

export const roleKindsConfig = {
  persons: z.array(z.string().min(1)).exactOptional(),
  applications: z.array(z.string().min(1)).exactOptional(),
}

/** One list given: whoever is not in it is of the other kind. Both or none: whoever is in none has no kind. */
export function roleKinds({ persons, applications }: RoleKinds): (user: string) => UserKind | undefined {
  const isPerson = anyOf(persons ?? [])
  const isApplication = anyOf(applications ?? [])
  const other = persons === undefined ? 'person' : 'service'
  const rest = (persons === undefined) === (applications === undefined) ? undefined : other
  return (user) => (isPerson(user) ? 'person' : isApplication(user) ? 'service' : rest)
}

const LONGEST_NAME = 256

function anyOf(patterns: readonly string[]): (name: string) => boolean {
  const parts = patterns.map((pattern) => pattern.split('*'))
  return (name) => name.length <= LONGEST_NAME && parts.some((each) => matches(name, each))
}

/** Whether a name is these texts in order, with anything between them. */
function matches(name: string, [first = '', ...others]: readonly string[]): boolean {
  const last = others.pop()
  if (last === undefined) return name === first
  if (!name.startsWith(first)) return false
  let at = first.length
  for (const part of others) {
    const found = name.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return name.length - last.length >= at && name.endsWith(last)
}
