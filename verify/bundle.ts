import { VerifyError } from './errors.ts'

/** The longest entry that a bundle can hold. */
export const MAX_ENTRY_BYTES = 65_535

/** Entries of a bundle: `uint16 BE length || entry`, exactly `count` of them and nothing after (tlog-tiles). Views, no copies. */
export function parseBundle(bytes: Uint8Array, count: number): readonly Uint8Array[] {
  const entries: Uint8Array[] = []
  let at = 0
  while (entries.length < count) {
    if (at + 2 > bytes.length) throw new VerifyError('malformed', `it holds ${entries.length} entries, not ${count}`)
    const end = at + 2 + bytes[at]! * 256 + bytes[at + 1]!
    if (end > bytes.length) throw new VerifyError('malformed', `entry ${entries.length} in it is cut short`)
    entries.push(bytes.subarray(at + 2, end))
    at = end
  }
  if (at !== bytes.length) throw new VerifyError('malformed', `${bytes.length - at} bytes after its ${count} entries`)
  return entries
}

/** As many whole entries as the bytes begin with, and where the first that is cut short begins: for files a crash may have torn. */
export function parseWholeEntries(bytes: Uint8Array): {
  readonly entries: readonly Uint8Array[]
  readonly end: number
} {
  const entries: Uint8Array[] = []
  let at = 0
  while (at + 2 <= bytes.length) {
    const end = at + 2 + bytes[at]! * 256 + bytes[at + 1]!
    if (end > bytes.length) break
    entries.push(bytes.subarray(at + 2, end))
    at = end
  }
  return { entries, end: at }
}

/** The bytes of a bundle of these entries. */
export function formatBundle(entries: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + 2 + entry.length, 0))
  let at = 0
  for (const entry of entries) {
    if (entry.length > MAX_ENTRY_BYTES) throw new VerifyError('too_large', `an entry of ${entry.length} bytes`)
    bytes[at] = entry.length >> 8
    bytes[at + 1] = entry.length & 0xff
    bytes.set(entry, at + 2)
    at += 2 + entry.length
  }
  return bytes
}
