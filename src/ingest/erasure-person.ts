import type { Json, JsonObject } from '../domain/event.ts'
import { identityOf } from '../domain/identity.ts'
import { BLOCK_NAMES, type BlockName, type SealedEvent } from '../domain/sealed.ts'
import type { ErasedPerson } from '../state/erasures.ts'

/** How an event is about a person. */
interface About {
  readonly actor: boolean
  readonly target: boolean
  /** Blocks that go, of those that are there. */
  readonly blocks: readonly BlockName[]
}

/** Says of sealed events what of them an erasure of that person takes. */
export interface PersonMatcher {
  /** @param keys ids of keys that are the person's. */
  about(event: SealedEvent, keys: ReadonlySet<number>): About
  /** Identities of those in an event whom the person's names mean. */
  identitiesIn(event: Pick<SealedEvent, 'blocks'>): readonly string[]
}

const OF_ACTOR: readonly BlockName[] = ['actor', 'place', 'body', 'original']
/** No format says which parts of a body name the target, so it goes whole. */
const OF_TARGET: readonly BlockName[] = ['target', 'body', 'original']

/** @see docs/erasure.md, What is erased. */
export function createPersonMatcher(person: ErasedPerson): PersonMatcher {
  const names = new Set(person.names)
  const ids = new Set(person.ids)
  const emails = new Set(person.emails.map((each) => each.toLowerCase()))
  const identities = new Set(person.identities)
  const needles = needlesOf(person)

  function isNamed(user: JsonObject): boolean {
    return (
      textsOf(user['name']).some((each) => names.has(each)) ||
      textsOf(user['id']).some((each) => ids.has(each)) ||
      textsOf(user['email']).some((each) => emails.has(each.toLowerCase()))
    )
  }

  const isThem = (user: JsonObject | undefined): boolean =>
    user !== undefined && (isNamed(user) || identities.has(identityIn(user)))

  return {
    about({ blocks, actorKey, targetKey }, keys) {
      const actor = keys.has(actorKey) || isThem(userIn(blocks[0]))
      const target = blocks[2] !== undefined && (keys.has(targetKey) || isThem(userIn(blocks[2], 'target')))
      const mentioned = person.mentions
        ? BLOCK_NAMES.filter((_, at) => needles.some((needle) => blocks[at]?.includes(needle) === true))
        : []
      const gone = new Set([
        ...(actor ? OF_ACTOR : []),
        ...(target ? OF_TARGET : []),
        ...mentioned,
        // It repeats what the others hold.
        ...(mentioned.length > 0 ? (['original'] as const) : []),
      ])
      return { actor, target, blocks: BLOCK_NAMES.filter((name, at) => gone.has(name) && blocks[at] !== undefined) }
    },
    identitiesIn({ blocks }) {
      const users = [userIn(blocks[0]), userIn(blocks[2], 'target')]
      return users.flatMap((user) => (user !== undefined && isNamed(user) ? [identityIn(user)] : []))
    },
  }
}

/** Texts by which a person is looked for in bytes: as they are written, and as JSON writes them. */
export function needlesOf({ names, ids, emails }: Pick<ErasedPerson, 'names' | 'ids' | 'emails'>): readonly string[] {
  const texts = [...names, ...ids, ...emails]
  return [...new Set(texts.flatMap((each) => [each, JSON.stringify(each).slice(1, -1)]))]
}

/** A block is JSON that we wrote. */
function userIn(block: string | undefined, below?: 'target'): JsonObject | undefined {
  if (block === undefined) return undefined
  const user = objectOf((JSON.parse(block) as JsonObject)['user'])
  return below === undefined ? user : objectOf(user?.[below])
}

/** Made of the very values of which the key's name was made. */
function identityIn(user: JsonObject): string {
  return identityOf(user)
}

function objectOf(value: Json | undefined): JsonObject | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  // Neither null nor an array.
  return value as JsonObject
}

function textsOf(value: Json | undefined): readonly string[] {
  if (typeof value === 'string') return [value]
  if (typeof value === 'number' || typeof value === 'boolean') return [String(value)]
  return Array.isArray(value) ? value.flatMap((each: Json) => textsOf(each)) : []
}
