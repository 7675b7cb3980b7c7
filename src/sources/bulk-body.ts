import { AuditError } from '../domain/errors.ts'

/** One operation of a bulk request, and the document that it is about, verbatim. */
export interface BulkItem {
  readonly operation: 'create' | 'delete' | 'index' | 'update'
  readonly index: string | undefined
  readonly id: string | undefined
  /** Undefined for `delete`, which has none. */
  readonly document: Uint8Array | undefined
}

const LONGEST_ACTION_BYTES = 16 * 1024
const LF = 0x0a
const CR = 0x0d

/**
 * Operations of a `_bulk` body: a line that says what to do, then the document's line
 * (https://docs.opensearch.org/latest/api-reference/document-apis/bulk). What a document holds is nobody's business here.
 *
 * @param pathIndex Index of operations that name none: the one of `/INDEX/_bulk`.
 * @throws AuditError `bad_request` naming the line of an operation that is not understood: from there on nobody can tell
 *   operations from documents. `too_large` beyond `maxItems`.
 */
export function bulkItems(body: Uint8Array, pathIndex: string | undefined, maxItems: number): readonly BulkItem[] {
  const items: BulkItem[] = []
  const lines = readLines(body)
  for (;;) {
    const line = lines.next()
    if (line === undefined) return items
    if (line.length === 0) continue
    if (items.length >= maxItems) {
      throw new AuditError('too_large', `more than ${maxItems} operations in one request`, {
        hint: 'send smaller batches',
      })
    }
    const action = parseAction(line, lines.count)
    const document = action.operation === 'delete' ? undefined : lines.next()
    if (document === undefined && action.operation !== 'delete') {
      throw malformed(lines.count, 'the document that follows it is missing')
    }
    items.push({ ...action, index: action.index ?? pathIndex, document })
  }
}

function readLines(body: Uint8Array) {
  let start = 0
  let count = 0
  return {
    /** Lines that were given out. */
    get count(): number {
      return count
    },
    /** Without its end; undefined behind the last one. */
    next(): Uint8Array | undefined {
      if (start >= body.length) return undefined
      const newline = body.indexOf(LF, start)
      const next = newline < 0 ? body.length : newline
      const end = next > start && body[next - 1] === CR ? next - 1 : next
      const line = body.subarray(start, end)
      start = next + 1
      count++
      return line
    },
  }
}

function parseAction(line: Uint8Array, count: number): Omit<BulkItem, 'document'> {
  if (line.length > LONGEST_ACTION_BYTES) throw malformed(count, `it has more than ${LONGEST_ACTION_BYTES} bytes`)
  const entries = entriesOf(parseJson(line))
  const [name, meta] = entries[0] ?? []
  if (entries.length !== 1 || !isOperation(name))
    throw malformed(count, 'expected one of create, index, update, delete')
  const fields = new Map(entriesOf(meta))
  return { operation: name, index: textOf(fields.get('_index')), id: textOf(fields.get('_id')) }
}

function isOperation(name: string | undefined): name is BulkItem['operation'] {
  return name === 'create' || name === 'index' || name === 'update' || name === 'delete'
}

function parseJson(line: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(line))
  } catch {
    return undefined
  }
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : []
}

/** An id may be written as a number. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' ? value : undefined
}

function malformed(line: number, why: string): AuditError {
  const hint = 'line pairs: {"create":{"_index":"NAME"}}, then the document, each ended by a line feed'
  return new AuditError('bad_request', `malformed operation in line ${line}: ${why}`, { hint })
}
