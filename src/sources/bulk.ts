import { z } from 'zod'
import type { RecordResult } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { ecs } from '../formats/ecs.ts'
import { type BulkItem, bulkItems } from './bulk-body.ts'
import { asProduct, bulkError, type BulkProduct, probeAnswer } from './bulk-probes.ts'
import type { FormatConfig, SourceBase } from './config.ts'
import { formatConfig, secret, sourceBase } from './config.ts'
import type { Emit, Receiver, ReceiverRequest, ReceiverResponse, SourceRecord } from './source.ts'

export interface BulkConfig extends SourceBase, Partial<FormatConfig> {
  readonly kind: 'bulk'
  /** Which formats documents have, by the name of their index; the first that matches. Left out or none: `format`. */
  readonly indices?: readonly IndexFormat[]
  /** Left out: `opensearch`. */
  readonly speaks?: BulkProduct
}

interface IndexFormat extends FormatConfig {
  /** The index's name; `*` stands for anything. */
  readonly match: string
}

export const bulkConfig: z.ZodType<BulkConfig> = z.strictObject({
  ...sourceBase,
  kind: z.literal('bulk'),
  /** Left out: `ecs`. */
  format: formatConfig.format.exactOptional(),
  options: formatConfig.options,
  indices: z.array(z.strictObject({ match: z.string().min(1).max(255), ...formatConfig })).exactOptional(),
  speaks: z.enum(['opensearch', 'elasticsearch']).exactOptional(),
  token: secret.exactOptional(),
})

const MAX_RECORDS = 10_000

/**
 * The bulk interface of OpenSearch and Elasticsearch, as far as shippers of logs use it: documents are cut out verbatim, and
 * each is answered for itself. An index is not made; its name chooses a format.
 */
export function createBulk(config: BulkConfig): Receiver {
  const { speaks = 'opensearch' } = config
  return {
    async handle(request, emit, signal) {
      return asProduct(await answerTo(request, config, speaks, emit, signal), speaks)
    },
  }
}

async function answerTo(
  request: ReceiverRequest,
  config: BulkConfig,
  speaks: BulkProduct,
  emit: Emit,
  signal: AbortSignal,
): Promise<ReceiverResponse> {
  const path = /^(?:\/([^/]+))?\/_bulk\/?$/.exec(request.path)
  if (path === null) return probeAnswer(request, speaks) ?? notHere(request)
  if (request.method !== 'POST' && request.method !== 'PUT') return notHere(request)
  try {
    return await take(bulkItems(request.body, path[1], MAX_RECORDS), config, emit, signal)
  } catch (error) {
    if (!(error instanceof AuditError)) throw error
    const status = STATUS.get(error.code)
    if (status === undefined) throw error
    const answer = bulkError(status, TYPES.get(status) ?? 'exception', `${error.message}: ${error.hint ?? ''}`)
    const { retryAfterMs } = error.details
    if (retryAfterMs === undefined) return answer
    return {
      ...answer,
      headers: { ...answer.headers, 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) },
    }
  }
}

const STATUS = new Map([
  ['bad_request', 400],
  ['busy', 429],
  ['too_large', 413],
])

const TYPES = new Map([
  [400, 'illegal_argument_exception'],
  [413, 'illegal_argument_exception'],
  [429, 'rejected_execution_exception'],
])

function notHere({ method }: ReceiverRequest): ReceiverResponse {
  const type = 'invalid_index_name_exception'
  return bulkError(
    404,
    type,
    `there is nothing here that could be answered to ${method}: send documents by POST to _bulk`,
  )
}

async function take(
  items: readonly BulkItem[],
  config: BulkConfig,
  emit: Emit,
  signal: AbortSignal,
): Promise<ReceiverResponse> {
  const taken = items.filter(isEvent)
  const records = taken.map((item) => recordOf(item, config))
  const { results } = records.length === 0 ? { results: [] } : await emit(records, { signal })
  const resultOf = new Map<BulkItem, RecordResult | undefined>(taken.map((item, n) => [item, results[n]]))
  const said = items.map((item) => ({ [item.operation]: itemAnswer(item, resultOf.get(item)) }))
  const errors = said.some((each) => Object.values(each).some(({ status }) => status >= 300))
  return { status: 200, body: { took: 0, errors, items: said } }
}

type EventItem = BulkItem & { readonly document: Uint8Array }

function isEvent(item: BulkItem): item is EventItem {
  return (item.operation === 'create' || item.operation === 'index') && item.document !== undefined
}

function recordOf({ document, index, id }: EventItem, config: BulkConfig): SourceRecord {
  const { format = ecs.name, options } = config.indices?.find(({ match }) => fits(index ?? '', match)) ?? config
  return {
    bytes: document,
    format,
    ...(options !== undefined && { options }),
    // Where the record names itself that counts, so that it is one with what comes another way.
    ...(id !== undefined && { fallbackId: `${index ?? ''}/${id}` }),
  }
}

/** In linear time: what stands between the stars is looked for from left to right. */
function fits(index: string, pattern: string): boolean {
  const [head = '', ...rest] = pattern.split('*')
  const tail = rest.pop()
  if (tail === undefined) return index === head
  if (!index.startsWith(head) || index.length < head.length + tail.length || !index.endsWith(tail)) return false
  const middle = index.slice(head.length, index.length - tail.length)
  let at = 0
  for (const part of rest) {
    const found = middle.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return true
}

interface ItemAnswer {
  readonly status: number
  readonly [member: string]: unknown
}

function itemAnswer({ operation, index, id }: BulkItem, result: RecordResult | undefined): ItemAnswer {
  const where = { _index: index ?? '', _id: id ?? idOf(result) }
  if (result === undefined) {
    const reason = `${operation} is not taken: events are kept as they came`
    return { ...where, status: 400, error: { type: 'illegal_argument_exception', reason } }
  }
  if ('rejected' in result) {
    const { code, message, path } = result.rejected
    const reason = `${code}: ${path === undefined ? '' : `${path}: `}${message}`
    return { ...where, status: 400, error: { type: 'mapper_parsing_exception', reason } }
  }
  if ('dropped' in result || 'shed' in result) return { ...where, _version: 1, result: 'noop', status: 200 }
  if ('duplicate' in result) {
    if (operation === 'index') return { ...where, _version: 1, result: 'noop', status: 200 }
    const reason = 'the same document is there already'
    return { ...where, status: 409, error: { type: 'version_conflict_engine_exception', reason } }
  }
  return { ...where, _version: 1, result: 'created', status: 201 }
}

function idOf(result: RecordResult | undefined): string | undefined {
  if (result === undefined) return undefined
  if ('id' in result) return result.id
  return 'duplicate' in result ? result.duplicate : undefined
}
