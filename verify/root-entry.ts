import type { Checkpoint } from './checkpoint.ts'
import { parseCheckpoint } from './checkpoint.ts'
import { VerifyError } from './errors.ts'
import type { Sha256 } from './hash.ts'
import { isKeyName, parseNote, parseVerifierKey } from './note.ts'

/**
 * An entry of a node's root log (docs/ledger.md, Root log): a signed checkpoint of one of its other logs, verbatim; the
 * verifier key of such a log; or that a log ended without being closed.
 */
export type RootEntry =
  | { readonly kind: 'checkpoint'; readonly checkpoint: Checkpoint; readonly note: string }
  | { readonly kind: 'key'; readonly origin: string; readonly vkey: string }
  | { readonly kind: 'abandoned'; readonly origin: string; readonly size: number }

/** `log.key <vkey>`, with a line feed. */
export function formatKeyEntry(vkey: string): string {
  return `log.key ${vkey}\n`
}

/** `log.abandoned <origin> <size>`, with a line feed; `size`: how many of its leaves are proved for good. */
export function formatAbandonedEntry(origin: string, size: number): string {
  return `log.abandoned ${origin} ${size}\n`
}

/** Throws VerifyError `malformed`. No signature is checked. */
export function parseRootEntry(sha256: Sha256, entry: string): RootEntry {
  const line = /^(log\.key|log\.abandoned) ([^\n]+)\n$/.exec(entry)
  if (line === null) return { kind: 'checkpoint', checkpoint: parseCheckpoint(parseNote(entry).text), note: entry }
  const said = line[2]!
  if (line[1] === 'log.key') return { kind: 'key', origin: parseVerifierKey(sha256, said).name, vkey: said }
  const [origin = '', count = '', ...more] = said.split(' ')
  const size = /^(0|[1-9]\d{0,15})$/.test(count) ? Number(count) : NaN
  if (isKeyName(origin) && Number.isSafeInteger(size) && more.length === 0) return { kind: 'abandoned', origin, size }
  throw new VerifyError('malformed', 'an entry of a root log that says nothing known')
}
