import { bareValue, dollarQuoted, quoted, runOfQuote } from './default-masks-assignments.ts'
import type { Hit } from './default-masks-names.ts'
import { isNoSecret } from './default-masks-names.ts'
import type { Trigger } from './secret-scanner-triggers.ts'

/** Secrets that only their place gives away: in command lines, in SQL, before the host of a URL. */
export const COMMANDS: readonly Trigger[] = [
  [' -p', passwordOption],
  [' -u', userOption],
  ['--u', userOption],
  [' -a', redisOption],
  ['fie', identifiedBy],
  ['d f', passwordFor],
  ['://', userinfo],
]

const FAR = 256

/** `mysql -pSECRET`, `sshpass -p SECRET`. */
function passwordOption(text: string, at: number, found: Hit[]): void {
  if (text[at] !== 'p') return
  const before = text.slice(Math.max(0, at - FAR), at)
  const isMysql = /\b(?:mysql|mariadb)[\w-]{0,20}(?:\s|&|'|")/.test(before)
  if (!isMysql && !/\bsshpass\b/.test(before)) return
  const from = !isMysql && text[at + 1] === ' ' ? at + 2 : at + 1
  if (!/^[\s&]?$/.test(text.charAt(from))) addValue(text, from, found)
}

/** `curl -u ada:SECRET`, `--user ada:SECRET`: the name stays. */
function userOption(text: string, at: number, found: Hit[]): void {
  if (!/\b(?:curl|wget|http)\b/.test(text.slice(Math.max(0, at - FAR), at))) return
  const option = /^(?:--user|-u)[ =]?/.exec(text.slice(at - (text[at - 2] === '-' ? 2 : 1), at + 8))?.[0]
  if (option === undefined) return
  const from = at - (text[at - 2] === '-' ? 2 : 1) + option.length
  const quote = runOfQuote(text, from)
  const value = quote === '' ? bareValue(text, from) : quoted(text, from, quote)
  const colon = text.slice(value.start, Math.min(value.end, value.start + FAR)).indexOf(':')
  if (colon >= 0 && value.start + colon + 1 < value.end)
    found.push({ start: value.start + colon + 1, end: value.end, rule: 'secret/command-line' })
}

function redisOption(text: string, at: number, found: Hit[]): void {
  if (text[at] !== 'a' || text[at + 1] !== ' ') return
  if (/\bredis-cli\b/.test(text.slice(Math.max(0, at - FAR), at))) addValue(text, at + 2, found)
}

function addValue(text: string, from: number, found: Hit[]): void {
  const quote = runOfQuote(text, from)
  const { start, end } = quote === '' ? bareValue(text, from) : quoted(text, from, quote)
  if (end > start && !isNoSecret(text.slice(start, end))) found.push({ start, end, rule: 'secret/command-line' })
}

/** MySQL, MariaDB, Oracle, ClickHouse: `IDENTIFIED BY 'x'`, `IDENTIFIED WITH plugin AS 'x'`, `… USING PASSWORD('x')`. */
function identifiedBy(text: string, at: number, found: Hit[]): void {
  if (text.slice(at - 8, at + 2).toLowerCase() !== 'identified') return
  const clause = text.slice(at + 2, at + 2 + FAR)
  const word =
    /^\s{1,8}(?:(?:WITH|VIA)\s{1,8}[\w'"`]{1,64}\s{1,8})?(?:BY|AS|USING)\s{1,8}(?:PASSWORD\s{0,8}\(?\s{0,8}|VALUES\s{1,8})?/i.exec(
      clause,
    )
  if (word === null) return
  addSql(text, at + 2 + word[0].length, found)
}

/** `SET PASSWORD FOR 'ada'@'%' = 'x'` */
function passwordFor(text: string, at: number, found: Hit[]): void {
  if (text.slice(at - 13, at - 1).toLowerCase() !== 'set password') return
  const clause = text.slice(at, at + FAR)
  const assigned = /^for\s[^=\n]{1,200}=\s{0,8}(?:(?:OLD_)?PASSWORD\s{0,8}\(\s{0,8})?/i.exec(clause)
  if (assigned !== null) addSql(text, at + assigned[0].length, found)
}

function addSql(text: string, from: number, found: Hit[]): void {
  const quote = runOfQuote(text, from)
  const value = quote === '' ? dollarQuoted(text, from) : quoted(text, from, quote)
  if (value !== undefined && !isNoSecret(text.slice(value.start, value.end)))
    found.push({ start: value.start, end: value.end, rule: 'secret/sql' })
}

/** `https://ada:SECRET@host`: the name stays. RFC 3986 section 3.2.1. */
function userinfo(text: string, at: number, found: Hit[]): void {
  if (text[at - 2] !== ':') return
  const start = at + 1
  const authority = /^[^\s/?#"'<>\\]{1,512}/.exec(text.slice(start, start + 512))?.[0] ?? ''
  const host = authority.lastIndexOf('@')
  const colon = authority.indexOf(':')
  if (colon < 0 || colon + 1 >= host || isNoSecret(authority.slice(colon + 1, host))) return
  found.push({ start: start + colon + 1, end: start + host, rule: 'secret/url' })
}
