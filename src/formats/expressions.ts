import { Environment, type ParseResult, serialize } from '@marcbachmann/cel-js'
import { FunctionExpressionType, type JSONPathQuery, JSONPathEnvironment, type JSONValue } from 'json-p3'
import { RE2JS } from 're2js'
import { AuditError } from '../domain/errors.ts'
import type { Json, JsonObject } from '../domain/event.ts'
import { DEPTH_LIMIT } from './limits.ts'
import { isObject } from './loose.ts'

/**
 * JSONPath (RFC 9535) and CEL (cel.dev) from a configuration, over records that somebody else wrote. Patterns may come from
 * both, so they run on an engine that is linear in the text whatever the pattern (RE2).
 */
export type Select = (record: JsonObject) => readonly Json[]

/** Compiles a JSONPath. @throws AuditError `invalid_config` that names `where`. */
export function jsonPath(text: string, where: string): Select {
  let query: JSONPathQuery
  try {
    query = paths.compile(text)
  } catch (cause) {
    throw wrong(where, `${text} is no JSONPath: ${reasonOf(cause)}`, cause)
  }
  const names = NAMES_ONLY.test(text) ? text.split('.').slice(1) : undefined
  if (names !== undefined) return (record) => memberAt(record, names)
  // What was parsed from JSON holds JSON, and that is all that comes out of it.
  return (record) => query.query(record as JSONValue).values() as Json[]
}

/** `$.user.name`: one place at most, which is found without an engine. Most paths are such. */
const NAMES_ONLY = /^\$(?:\.[A-Za-z_][A-Za-z0-9_]*)+$/

function memberAt(record: JsonObject, names: readonly string[]): readonly Json[] {
  let at: Json | undefined = record
  for (const name of names) {
    if (!isObject(at) || !Object.hasOwn(at, name)) return []
    at = at[name]
  }
  return at === undefined ? [] : [at]
}

/**
 * Compiles a CEL expression over `record`. Its value must be a text, number, truth value or a list of them; null says
 * nothing. @throws AuditError `invalid_config` that names `where`.
 */
export function cel(text: string, where: string): Select {
  let expression: ParseResult
  try {
    expression = parseLinear(text)
    const checked = expression.check()
    if (!checked.valid) throw new Error(checked.error?.message ?? 'its types do not fit')
  } catch (cause) {
    throw wrong(where, `${text} is no CEL expression: ${reasonOf(cause)}`, cause)
  }
  return (record) => {
    const value: unknown = expression({ record })
    const values: readonly unknown[] = Array.isArray(value) ? value : [value]
    return values.flatMap(plainValue)
  }
}

const LIMITS = { maxAstNodes: 2000, maxDepth: 50, maxListElements: 1000, maxMapEntries: 1000, maxCallArguments: 32 }
const LONGEST_PATTERN = 1000
const MOST_PATTERNS = 200
const patterns = new Map<string, RE2JS | undefined>()

function patternOf(text: string): RE2JS | undefined {
  if (patterns.has(text)) return patterns.get(text)
  if (patterns.size >= MOST_PATTERNS) patterns.clear()
  const compiled = text.length > LONGEST_PATTERN ? undefined : compiledOrNot(text)
  patterns.set(text, compiled)
  return compiled
}

function compiledOrNot(text: string): RE2JS | undefined {
  try {
    return RE2JS.compile(text)
  } catch {
    // RFC 9535, 2.4.6: what is no pattern matches nothing.
    return undefined
  }
}

const paths = new JSONPathEnvironment({ maxRecursionDepth: DEPTH_LIMIT + 1 })
for (const [name, isWhole] of [
  ['match', true],
  ['search', false],
] as const) {
  // Its own would hand the pattern to RegExp, which can take for ever.
  paths.functionRegister.set(name, {
    argTypes: [FunctionExpressionType.ValueType, FunctionExpressionType.ValueType],
    returnType: FunctionExpressionType.LogicalType,
    call(text: unknown, pattern: unknown) {
      if (typeof text !== 'string' || typeof pattern !== 'string') return false
      const matcher = patternOf(pattern)?.matcher(text)
      return matcher !== undefined && (isWhole ? matcher.matches() : matcher.find())
    },
  })
}

const expressions = new Environment({ limits: LIMITS, homogeneousAggregateLiterals: false, enableOptionalTypes: true })
  .registerVariable('record', 'dyn')
  .registerFunction('string.re2match(string): bool', (text: string, pattern: string) => {
    return patternOf(pattern)?.matcher(text).find() === true
  })

/** The built-in `matches` is RegExp and cannot be replaced, so the call is given another name before it is compiled. */
function parseLinear(text: string): ParseResult {
  const parsed = expressions.parse(text)
  let found = false
  const rename = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(rename)
    if (typeof node !== 'object' || node === null || !('op' in node) || !('args' in node)) return
    if (node.op === 'rcall' && Array.isArray(node.args) && node.args[0] === 'matches') {
      node.args[0] = 're2match'
      found = true
    }
    rename(node.args)
  }
  rename(parsed.ast)
  return found ? expressions.parse(serialize(parsed.ast)) : parsed
}

function plainValue(value: unknown): readonly Json[] {
  if (value === null || value === undefined) return []
  if (typeof value === 'bigint') return [Number(value)]
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return [value]
  throw new Error('the expression gives neither text, number nor truth value')
}

function wrong(where: string, message: string, cause: unknown): AuditError {
  return new AuditError('invalid_config', `${where}: ${message}`, { cause, faults: [{ path: where, message }] })
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? (cause.message.split('\n', 1)[0] ?? '') : String(cause)
}
