/** `event.type` (ECS) of a command of SQL. */
export function typeOfCommand(command: string, pgauditClass?: string, ofAccount = false): readonly string[] {
  const [first = ''] = command.toUpperCase().split(' ', 1)
  const type = TYPE_OF_WORD.get(first) ?? TYPE_OF_CLASS.get(pgauditClass ?? '') ?? 'info'
  return ofAccount ? [type, 'user'] : [type]
}

const TYPE_OF_WORD: ReadonlyMap<string, string> = new Map(
  Object.entries({
    access: 'SELECT COPY FETCH DECLARE EXECUTE CALL DO PREPARE EXPLAIN SHOW VALUES TABLE WITH',
    creation: 'INSERT CREATE',
    change:
      'UPDATE MERGE ALTER COMMENT GRANT REVOKE REASSIGN REINDEX CLUSTER REFRESH SECURITY IMPORT RENAME SET RESET LOCK VACUUM ANALYZE ANALYSE CHECKPOINT LOAD NOTIFY',
    deletion: 'DELETE TRUNCATE DROP DISCARD',
  }).flatMap(([type, words]) => words.split(' ').map((word): [string, string] => [word, type])),
)

const TYPE_OF_CLASS: ReadonlyMap<string, string> = new Map([
  ['READ', 'access'],
  ['WRITE', 'change'],
  ['FUNCTION', 'access'],
  ['ROLE', 'change'],
  ['DDL', 'change'],
  ['MISC_SET', 'change'],
])

/** Commands whose second word says what they are: `create table`, but not `select id`. */
const TWO_WORDS: ReadonlySet<string> = new Set(['CREATE', 'ALTER', 'DROP', 'COMMENT', 'REFRESH', 'REASSIGN'])

/** The command that a statement begins with, in capitals; comments before it are passed over. */
export function commandIn(statement: string | undefined): string | undefined {
  const begin = withoutComments(statement ?? '').slice(0, 200)
  const [, first = '', second = ''] = /^([a-z]{1,30})(?:\s+([a-z]{1,30}))?/i.exec(begin) ?? []
  const word = first.toUpperCase()
  // What is no command is somebody's slip or choice of words, and no name of an act.
  if (!TYPE_OF_WORD.has(word)) return undefined
  return TWO_WORDS.has(word) && second !== '' ? `${word} ${second.toUpperCase()}` : word
}

/** What a process shows of itself, where that is a command: not `idle`, `authentication` or `SELECT waiting`. */
export function commandOfTag(tag: string | undefined): string | undefined {
  return tag !== undefined && tag.length <= 64 && /^[A-Z]+(?: [A-Z]+)*$/.test(tag) ? tag : undefined
}

const MOST_COMMENTS = 10

function withoutComments(statement: string): string {
  let rest = statement.trimStart()
  for (let count = 0; count < MOST_COMMENTS; count++) {
    const end = rest.startsWith('/*') ? rest.indexOf('*/') : rest.startsWith('--') ? rest.indexOf('\n') - 1 : -1
    if (end < 0) return rest
    rest = rest.slice(end + 2).trimStart()
  }
  return rest
}

const DEFINES = /^(?:CREATE|ALTER|DROP) ([A-Z]{1,20}(?: [A-Z]{1,20}){0,2}?)(?: AS)?$/
const WORDS = /^\s*[a-z]{1,10}(?:\s+(?:or\s+replace|unlogged|temp|temporary|unique|recursive))?\s+/i
const PART = '(?:"(?:[^"]|"")*"|`(?:[^`]|``)*`|\'[^\']*\'|[\\p{L}_][\\p{L}\\p{N}_$]*)'
const NAMED = new RegExp(`^(?:concurrently\\s+)?(?:if\\s+(?:not\\s+)?exists\\s+)?(${PART}(?:\\.${PART}){0,2})`, 'iu')
const FAR = 400

/** Things of a whole server, not of one of its databases. */
export function isOfServer(type: string): boolean {
  return isAccount(type) || type === 'database' || type === 'tablespace'
}

export function isAccount(type: string | undefined): boolean {
  return type === 'role' || type === 'user'
}

/** What `CREATE`, `ALTER` and `DROP` are about, by the words of the statement itself. Undefined for other commands. */
export function definedIn(
  command: string,
  statement: string,
  folding: Folding,
): { readonly type: string; readonly name: string | undefined } | undefined {
  const [, words] = DEFINES.exec(command) ?? []
  if (words === undefined) return undefined
  const begun = WORDS.exec(statement.slice(0, FAR))?.[0] ?? ''
  const said = statement.slice(begun.length, begun.length + FAR)
  const isRole = words === 'ROLE' || words === 'USER' || words === 'GROUP'
  const type = words === 'GROUP' ? 'role' : words.toLowerCase()
  if (NAMELESS.has(words)) return { type, name: undefined }
  const length = lengthOfWords(said, isRole ? ['ROLE', 'USER', 'GROUP'] : [words])
  const name = length === undefined ? undefined : NAMED.exec(said.slice(length))?.[1]
  return { type, name: name === undefined ? undefined : plainName(name, folding) }
}

/** Things that are told by what they belong to. */
const NAMELESS: ReadonlySet<string> = new Set(['USER MAPPING', 'DEFAULT PRIVILEGES'])

const WRITES = /^\s*(?:insert\s+into|update|delete\s+from|truncate(?:\s+table)?|merge\s+into)\s+(?:only\s+)?/i

/** The thing that a statement writes to, or that it creates, alters or drops, by its own words. */
export function namedIn(
  command: string | undefined,
  statement: string,
  folding: Folding,
): { readonly type: string; readonly name: string } | undefined {
  const begin = withoutComments(statement).slice(0, 2 * FAR)
  const defined = definedIn(command ?? '', begin, folding)
  if (defined?.name !== undefined) return { type: defined.type, name: defined.name }
  if (command === 'GRANT' || command === 'REVOKE') return grantedIn(begin, folding)
  const words = WRITES.exec(begin)?.[0]
  const name = words === undefined ? undefined : NAMED.exec(begin.slice(words.length))?.[1]
  return name === undefined ? undefined : { type: 'table', name: plainName(name, folding) }
}

const GRANTS =
  /^\s*(?:grant|revoke)\s[\w\s,()]{1,300}?\son\s+(?:(table|sequence|schema|database|function|procedure)\s+)?(?!all\s)/i

/** What rights were given to or taken from; MariaDB writes `shop.*` for all of a database. */
function grantedIn(begin: string, folding: Folding): { readonly type: string; readonly name: string } | undefined {
  const [words, type = 'table'] = GRANTS.exec(begin) ?? []
  const said = words === undefined ? '' : begin.slice(words.length)
  const name = NAMED.exec(said)?.[1]
  if (name === undefined) return undefined
  const isWhole = said.startsWith('.*', name.length)
  return { type: isWhole ? 'database' : type.toLowerCase(), name: plainName(name, folding) }
}

/** How long the words are that a text begins with, white space behind them included. */
function lengthOfWords(text: string, choices: readonly string[]): number | undefined {
  for (const words of choices) {
    const found = new RegExp(`^${words.replaceAll(' ', '\\s+')}\\s+`, 'i').exec(text)
    if (found !== null) return found[0].length
  }
  return undefined
}

/** PostgreSQL reads names without quotes in lower case; MariaDB keeps them. */
export type Folding = 'lower' | 'kept'

function plainName(name: string, folding: Folding): string {
  return name.replaceAll(/(["`'])((?:(?!\1)[^]|\1\1)*)\1|[^"`'.]+/g, (part, quote?: string, inside?: string) => {
    if (quote !== undefined && inside !== undefined) return inside.replaceAll(quote + quote, quote)
    return folding === 'lower' ? part.toLowerCase() : part
  })
}
