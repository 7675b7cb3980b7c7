import type { SealedEvent } from '../domain/sealed.ts'
import type { ErasedPerson } from '../state/erasures.ts'
import type { Erases } from '../store/erase.ts'
import { needlesOf } from './erasure-person.ts'

const PAGE_ROWS = 1000
/** Feed numbers that one statement looks at: it must end in its time however many events there are. */
const WINDOW = 1_000_000

/** Rows that may be about a person, a page at a time, from behind one feed number to another. */
export async function* rowsAbout(
  store: Pick<Erases, 'find'>,
  person: ErasedPerson,
  keys: readonly number[],
  afterFeed: number,
  asOf: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly SealedEvent[]> {
  const { names, emails } = person
  // An identity is made of an id, a name or an e-mail.
  const ids = [...new Set([...person.ids, ...person.identities.map(valueOf)])]
  const texts = person.mentions ? needlesOf(person) : []
  const which = { names: [...new Set([...names, ...ids])], ids, emails: [...emails, ...ids], keys, texts }
  for (let from = afterFeed; from < asOf; from += WINDOW) {
    const end = Math.min(asOf, from + WINDOW)
    for (let after = from; ;) {
      const rows = await store.find({ ...which, afterFeed: after, asOf: end, limit: PAGE_ROWS }, signal)
      const last = rows.at(-1)
      if (last === undefined) break
      yield rows
      after = last.feed
    }
  }
}

/** `["domain","value"]`, as `identityOf` writes it. */
function valueOf(identity: string): string {
  const [, value] = JSON.parse(identity) as readonly [string, unknown]
  return typeof value === 'string' ? value : JSON.stringify(value)
}
