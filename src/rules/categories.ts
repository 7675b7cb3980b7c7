import { AuditError, type InputFault } from '../domain/errors.ts'
import { nearest } from '../domain/nearest.ts'

/** EngFlow's own words for what its audit log has (docs/rules/categories.md). */
export const CATEGORIES = ['auth', 'iam', 'file'] as const
export type Category = (typeof CATEGORIES)[number]

export const CATEGORIES_FLAG = 'audit_log_excluded_categories'

/** One use of the flag: `=` sets, `+=` appends to what there is. */
export interface CategoriesFlag {
  readonly operator: '=' | '+='
  readonly value: string
  /** Where it stands, for who reads what is wrong with it: `--audit_log_excluded_categories`, `flags.txt:3`. */
  readonly where: string
}

/**
 * The categories of a configuration's list, each once and in one order. Throws `invalid_config` that names an unknown word
 * and the three that there are.
 */
export function parseExcludedCategories(words: readonly string[], where: string): readonly Category[] {
  return inOrder(new Set(words.map((word) => categoryOf(word, where))))
}

/** What is excluded after flags, in their order, upon what was before them. Throws like `parseExcludedCategories`. */
export function afterFlags(before: readonly Category[], flags: readonly CategoriesFlag[]): readonly Category[] {
  let excluded = new Set(before)
  for (const { operator, value, where } of flags) {
    if (operator === '=') excluded = new Set()
    // The flag takes one word; setting it to none empties it.
    if (value !== '' || operator === '+=') excluded.add(categoryOf(value, where))
  }
  return inOrder(excluded)
}

const MOST_BYTES = 1 << 20

/**
 * The uses of the flag in a file that has a flag a line, as a service is started with it: empty lines and those that begin
 * with `#` say nothing, and flags about other things are passed over. Throws `invalid_config` with file and line for what
 * begins like ours and is another word.
 */
export function flagsOfFile(text: string, file: string): readonly CategoriesFlag[] {
  if (text.length > MOST_BYTES) throw new AuditError('invalid_config', `${file} has more than ${MOST_BYTES} characters`)
  return text.split('\n').flatMap((line, n): readonly CategoriesFlag[] => {
    const flag = line.trim()
    const where = `${file}:${n + 1}`
    if (!flag.startsWith('--audit_log')) return []
    const equals = flag.indexOf('=')
    const operator = flag[equals - 1] === '+' ? '+=' : '='
    const name = flag.slice(2, equals < 0 ? undefined : equals - (operator === '+=' ? 1 : 0))
    if (name !== CATEGORIES_FLAG)
      throw refusal(where, `there is no flag --${name}`, `did you mean --${CATEGORIES_FLAG}?`)
    if (equals < 0) throw refusal(where, `--${name} needs a value`, `write --${name}=iam, or += to append`)
    return [{ operator, value: unquoted(flag.slice(equals + 1)), where }]
  })
}

function unquoted(value: string): string {
  const quote = value[0]
  const isQuoted = value.length > 1 && (quote === '"' || quote === "'") && value.endsWith(quote)
  return isQuoted ? value.slice(1, -1) : value
}

function categoryOf(word: string, where: string): Category {
  const found = CATEGORIES.find((each) => each === word)
  if (found !== undefined) return found
  const meant = nearest(word, CATEGORIES)
  const advice = meant === undefined ? '' : `did you mean ${meant}? `
  throw refusal(
    where,
    `there is no category ${JSON.stringify(word.slice(0, 40))}`,
    `${advice}known: ${CATEGORIES.join(', ')}`,
  )
}

function refusal(where: string, message: string, hint: string): AuditError {
  const fault: InputFault = { path: where, message }
  return new AuditError('invalid_config', `${where}: ${message}; ${hint}`, { hint, faults: [fault] })
}

function inOrder(categories: ReadonlySet<Category>): readonly Category[] {
  return CATEGORIES.filter((each) => categories.has(each))
}
