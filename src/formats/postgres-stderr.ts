import { dropEmpty } from './loose.ts'
import type { PostgresLine } from './postgres-line.ts'
import type { PrefixMatch, PrefixPattern } from './postgres-prefix.ts'
import { prefixPattern } from './postgres-prefix.ts'

/** Prefixes that are tried where the configuration names none: RDS, Debian, pgBadger's advice, PostgreSQL's own. */
const KNOWN_PREFIXES: readonly string[] = [
  '%t:%r:%u@%d:[%p]:',
  '%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ',
  '%m [%p] %q%u@%d/%a %h ',
  '%m [%p] %q%u@%d ',
  '%m [%p] ',
]

/** Lines that say more of the message before them. The server writes them under the same prefix. */
const MORE = /(?:DETAIL|HINT|QUERY|CONTEXT|STATEMENT|LOCATION|BACKTRACE): {2}/
const FAR = 600

export interface StderrReader {
  /** A message with all its lines, as the server writes them to stderr. Undefined: no line of it begins so. */
  parse(text: string): PostgresLine | undefined
  /** Whether a line goes on with the message of the line before it. */
  continues(line: string): boolean
}

/** @throws TypeError when `prefix` is no `log_line_prefix`. */
export function stderrReader(prefix: string | undefined): StderrReader {
  const patterns = (prefix === undefined ? KNOWN_PREFIXES : [prefix]).map(prefixPattern)
  return {
    parse(text) {
      const head = firstMatch(patterns, text)
      return head === undefined ? undefined : messageOf(head, text, patterns)
    },
    continues(line) {
      if (line.startsWith('\t')) return true
      if (!MORE.test(line.slice(0, FAR))) return false
      return isMore(firstMatch(patterns, line)?.severity ?? '')
    },
  }
}

function firstMatch(patterns: readonly PrefixPattern[], text: string): PrefixMatch | undefined {
  for (const pattern of patterns) {
    const found = pattern.match(text)
    if (found !== undefined) return found
  }
  return undefined
}

function isMore(severity: string): boolean {
  return MORE.test(`${severity}:  `)
}

/** Line breaks of a message are followed by a tab (`append_with_tabs` of the server's elog.c). */
function messageOf(head: PrefixMatch, text: string, patterns: readonly PrefixPattern[]): PostgresLine {
  const more = new Map<string, string>()
  let name = ''
  let from = head.end
  const take = (until: number): void => {
    more.set(name, text.slice(from, until).replaceAll('\n\t', '\n'))
  }
  for (let end = text.indexOf('\n', from); end >= 0; end = text.indexOf('\n', end + 1)) {
    if (text.charAt(end + 1) === '\t') continue
    const next = text.slice(end + 1, end + 1 + FAR)
    const match = MORE.test(next) ? firstMatch(patterns, next) : undefined
    if (match === undefined || !isMore(match.severity)) continue
    take(end)
    name = match.severity
    from = end + 1 + match.end
  }
  take(text.length)
  return {
    ...lineOf(head),
    message: more.get('') ?? '',
    ...dropEmpty({
      detail: more.get('DETAIL'),
      hint: more.get('HINT'),
      context: more.get('CONTEXT'),
      statement: more.get('STATEMENT'),
    }),
  }
}

/** The server writes `[unknown]` for a name that it does not know yet. */
function lineOf({ fields, severity, isAmbiguous }: PrefixMatch): Omit<PostgresLine, 'message'> {
  const said = (letter: string): string | undefined => {
    const value = fields.get(letter)
    return value === '[unknown]' ? undefined : value
  }
  const [, remote, port] = /^(.*)\((\d+)\)$/.exec(said('r') ?? '') ?? []
  return {
    carrier: 'stderr',
    severity,
    ...dropEmpty({
      time: said('m') ?? said('t') ?? said('n'),
      user: said('u'),
      database: said('d'),
      application: said('a'),
      host: remote ?? said('r') ?? said('h'),
      port,
      pid: said('p'),
      session: said('c'),
      number: said('l'),
      sessionStart: said('s'),
      commandTag: said('i'),
      transaction: said('x'),
      state: said('e'),
      backend: said('b'),
      queryId: said('Q'),
    }),
    ...(isAmbiguous && { doubts: ['prefix:ambiguous'] }),
  }
}
