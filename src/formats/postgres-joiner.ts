import type { LineJoiner } from './format.ts'
import { RECORD_LIMIT_BYTES } from './limits.ts'
import { beginsCsvlog } from './postgres-csv.ts'
import type { StderrReader } from './postgres-stderr.ts'

/** As much of a line as its beginning can have: enough for a prefix. */
const BEGINNING = 600
const QUOTE = 0x22
const BRACE = 0x7b
const TAB = 0x09

/**
 * Where messages begin in a server's log file. In csvlog line breaks stand within quotes, so quotes are counted; jsonlog
 * has none; in stderr they are followed by a tab, and DETAIL, STATEMENT and their like belong to the line before.
 */
export function postgresJoiner(stderr: StderrReader): LineJoiner {
  let isInQuotes = false
  let bytes = 0
  let mayGoOn = false
  return {
    continues(line) {
      // A file that was cut within a record (a crash) would swallow all that follows: beyond a record's limit, what
      // looks like the beginning of one is one.
      if (isInQuotes && (bytes <= RECORD_LIMIT_BYTES || !beginsCsvlog(beginning(line)))) {
        bytes += line.length + 1
        isInQuotes = hasOddQuotes(line) !== isInQuotes
        return true
      }
      isInQuotes = false
      const isIndented = line[0] === TAB
      if (isIndented && mayGoOn) return true
      const text = isIndented || line[0] === BRACE ? '' : beginning(line)
      if (text !== '' && beginsCsvlog(text)) {
        isInQuotes = hasOddQuotes(line)
        bytes = line.length + 1
        mayGoOn = false
        return false
      }
      if (mayGoOn && stderr.continues(text)) return true
      mayGoOn = line[0] !== BRACE
      return false
    },
  }
}

function beginning(line: Uint8Array): string {
  return Buffer.from(line.buffer, line.byteOffset, Math.min(line.length, BEGINNING)).toString('latin1')
}

function hasOddQuotes(line: Uint8Array): boolean {
  let isOdd = false
  for (let at = line.indexOf(QUOTE); at >= 0; at = line.indexOf(QUOTE, at + 1)) isOdd = !isOdd
  return isOdd
}
