import type { Block } from './blocks.ts'
import { BLOCKS } from './blocks.ts'
import { VerifyError } from './errors.ts'
import { isBlock } from './erasure.ts'
import { isTarName } from './tar.ts'

/** What an evidence pack says of itself (docs/ledger.md, Evidence pack). Only its hashes and its logs are checked; who and why is their word. */
export interface PackManifest {
  readonly format: typeof PACK_FORMAT
  /** `range`: all leaves of a stretch of each log. `selection`: single leaves, which shows nothing about what is not among them. */
  readonly kind: 'range' | 'selection'
  readonly install: string
  readonly version: string
  /** RFC 3339. */
  readonly createdAt: string
  readonly createdBy: string
  readonly query: string
  readonly since?: string
  readonly until?: string
  /** How many people a decision took where it was made. */
  readonly approvals: 'single' | 'two'
  /** Blocks that are shown of the events that match. */
  readonly disclose: readonly Block[]
  /** Of those: what who made the pack was not allowed to see. */
  readonly hidden: readonly { readonly block: Block; readonly reason: string }[]
  readonly logs: readonly PackLog[]
  /** Every other member but `manifest.sha256`, in order. */
  readonly files: readonly PackFile[]
}

export interface PackLog {
  readonly origin: string
  /** Leaves from..to, end exclusive, in order and apart. */
  readonly ranges: readonly { readonly from: number; readonly to: number }[]
  /** How many events in them match the query. */
  readonly events: number
}

interface PackFile {
  readonly name: string
  readonly size: number
  /** Hex. */
  readonly sha256: string
}

export const PACK_FORMAT = 'whodid-evidence@1'
const MAX_TEXT = 64 * 1024
const ORIGIN = /^[a-z0-9][a-z0-9.-]{0,62}(?:\/[a-z0-9][a-z0-9.-]{0,62}){3}$/
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/

/** Reads a manifest strictly: known keys only. Throws VerifyError `malformed`. */
export function parseManifest(text: string): PackManifest {
  const top = fieldsOf(parseJson(text), 'manifest.json', REQUIRED, ['since', 'until'])
  if (top.get('format') !== PACK_FORMAT) throw bad('format', `it is not ${PACK_FORMAT}: get a newer whodid to check it`)
  const [since, until] = [top.get('since'), top.get('until')]
  const disclose = listOf(top, 'disclose').map(blockOf)
  return {
    format: PACK_FORMAT,
    kind: oneOf(top, 'kind', ['range', 'selection']),
    install: textOf(top, 'install'),
    version: textOf(top, 'version'),
    createdAt: timeOf(top.get('createdAt'), 'createdAt'),
    createdBy: textOf(top, 'createdBy'),
    query: textOf(top, 'query'),
    ...(since !== undefined && { since: timeOf(since, 'since') }),
    ...(until !== undefined && { until: timeOf(until, 'until') }),
    approvals: oneOf(top, 'approvals', ['single', 'two']),
    disclose,
    hidden: listOf(top, 'hidden').map(parseHidden),
    logs: listOf(top, 'logs').map(parseLog),
    files: listOf(top, 'files').map(parseFile),
  }
}

const REQUIRED = 'format kind install version createdAt createdBy query approvals disclose hidden logs files'.split(' ')

/** JSON, parsed within bounds. Throws VerifyError `malformed`. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new VerifyError('malformed', 'it is no JSON', cause)
  }
}

type Fields = ReadonlyMap<string, unknown>

/** The fields of an object that has these and no others. Throws VerifyError `malformed`. */
export function fieldsOf(
  value: unknown,
  what: string,
  required: readonly string[],
  optional: readonly string[] = [],
): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new VerifyError('malformed', `${what} is no object`)
  }
  const fields = new Map(Object.entries(value))
  const missing = required.find((name) => !fields.has(name))
  if (missing !== undefined) throw new VerifyError('malformed', `${what} lacks "${missing}"`)
  const foreign = [...fields.keys()].find((name) => !required.includes(name) && !optional.includes(name))
  if (foreign !== undefined) throw new VerifyError('malformed', `${what} has an unknown "${foreign.slice(0, 60)}"`)
  return fields
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function parseHidden(value: unknown): { block: Block; reason: string } {
  const fields = fieldsOf(value, 'an entry of hidden', ['block', 'reason'])
  return { block: blockOf(fields.get('block')), reason: textOf(fields, 'reason') }
}

function parseLog(value: unknown): PackLog {
  const fields = fieldsOf(value, 'a log', ['origin', 'ranges', 'events'])
  const [origin, events] = [textOf(fields, 'origin'), fields.get('events')]
  if (!ORIGIN.test(origin)) throw bad('logs', 'an origin is none')
  if (!isCount(events)) throw bad('logs', `the number of events of ${origin} is none`)
  let end = -1
  const ranges = listOf(fields, 'ranges').map((each) => {
    const range = fieldsOf(each, 'a range', ['from', 'to'])
    const [from, to] = [range.get('from'), range.get('to')]
    // Two that touch would be one.
    if (!isCount(from) || !isCount(to) || from >= to || from <= end) throw bad('logs', `a range of ${origin} is none`)
    end = to
    return { from, to }
  })
  if (ranges.length === 0) throw bad('logs', `${origin} has no leaves`)
  return { origin, ranges, events }
}

function parseFile(value: unknown): PackFile {
  const fields = fieldsOf(value, 'a file', ['name', 'size', 'sha256'])
  const [name, size, sha256] = [textOf(fields, 'name'), fields.get('size'), textOf(fields, 'sha256')]
  if (!isTarName(name) || !isCount(size) || !/^[0-9a-f]{64}$/.test(sha256)) throw bad('files', 'an entry is none')
  return { name, size, sha256 }
}

function textOf(fields: Fields, name: string): string {
  const value = fields.get(name)
  if (typeof value !== 'string' || value.length > MAX_TEXT) throw bad(name, 'it is no text')
  return value
}

function timeOf(value: unknown, name: string): string {
  if (typeof value !== 'string' || !TIME.test(value) || Number.isNaN(Date.parse(value)))
    throw bad(name, 'it is no time')
  return value
}

function oneOf<T extends string>(fields: Fields, name: string, words: readonly T[]): T {
  const word = words.find((each) => each === fields.get(name))
  if (word === undefined) throw bad(name, `it is none of ${words.join(', ')}`)
  return word
}

function listOf(fields: Fields, name: string): readonly unknown[] {
  const value = fields.get(name)
  if (!Array.isArray(value)) throw bad(name, 'it is no list')
  return value
}

function blockOf(value: unknown): Block {
  if (typeof value !== 'string' || !isBlock(value)) throw bad('disclose', `a block is none of ${BLOCKS.join(', ')}`)
  return value
}

function bad(name: string, why: string): VerifyError {
  return new VerifyError('malformed', `"${name}": ${why}`)
}
