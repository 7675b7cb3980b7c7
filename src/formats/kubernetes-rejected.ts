import { secretPlaces } from './kubernetes-secret-places.ts'
import { replaced } from './kubernetes-secrets.ts'
import { parseRecord } from './record-json.ts'

/**
 * What may be kept of records that became no events, as one record that can be fed again: who is asked later has not said
 * what they are, so everything that could be a secret is masked. Of several the JSON objects are a list of events.
 */
export function keepable(records: readonly Uint8Array[]): Uint8Array {
  const [first, ...more] = records
  if (first === undefined) return new Uint8Array()
  const objects = more.length === 0 ? [] : records.filter((each) => parseRecord(each).kind === 'record')
  if (objects.length === 0) return withoutAny(first)
  const items = objects.map((each) => Buffer.from(withoutAny(each)).toString('utf8'))
  return Buffer.from(`{"kind":"EventList","items":[${items.join(',')}]}`)
}

const ALL = new Set(['data', 'token'] as const)
/** Where bodies begin, also in JSON inside of strings. */
const BODY = /requestObject|responseObject|protoPayload|stringData|"data|token|secret/i

/** What is no JSON cannot be looked through, so it is kept up to its first body; of what is broken gzip, nothing. */
function withoutAny(bytes: Uint8Array): Uint8Array {
  const read = parseRecord(bytes)
  if (read.kind === 'record') return Buffer.from(replaced(read.text, secretPlaces(read.text, ALL)))
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return new Uint8Array()
  const text = Buffer.from(bytes).toString('latin1')
  if (text.startsWith('H4sI')) return new Uint8Array()
  const body = text.search(BODY)
  return body < 0 ? bytes : bytes.subarray(0, body)
}
