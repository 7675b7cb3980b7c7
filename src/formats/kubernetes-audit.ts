import { z } from 'zod'
import { AuditError } from '../domain/errors.ts'
import type { Decoded, DecodedEvent, Format, Reject } from './format.ts'
import type { Budget } from './kubernetes-envelope.ts'
import { inflated, MOST_ITEMS, unwrapped } from './kubernetes-envelope.ts'
import type { Reading } from './kubernetes-record.ts'
import { decodeParsed } from './kubernetes-record.ts'
import { keepable } from './kubernetes-rejected.ts'
import { parseRecord } from './record-json.ts'

const NAME = 'kubernetes-audit'

/**
 * Records of the Kubernetes API server: `audit.k8s.io/v1` events as the log file has them (one a line), as the webhook sends
 * them (items of an EventList, without `kind`), and in the envelopes of the three large clouds. An envelope becomes an
 * event per record in it. Every stage of a request is an event of its own; `http.request.id` joins them.
 */
export const kubernetesAudit: Format = formatWith(1)

function formatWith(trustedHops: number): Format {
  return {
    name: NAME,
    version: 3,
    stream: 'kubernetes',
    decode: (bytes, context) => decode(bytes, { context, trustedHops }),
    configure: (given) => formatWith(parseOptions(given).trustedHops),
  }
}

const options = z.strictObject({ trustedHops: z.int().min(1).max(32).default(1) })

function parseOptions(given: unknown): z.infer<typeof options> {
  const parsed = options.safeParse(given)
  if (parsed.success) return parsed.data
  const said = z.prettifyError(parsed.error).replaceAll('\n', ' ')
  const hint = 'trustedHops is how many of the sourceIPs are believed, counted from the API server: 1 to 32'
  throw new AuditError('invalid_config', `options of format ${NAME}: ${said}`, { hint })
}

/** A CloudWatch document in a record of Firehose in a message: no real envelope has more around it. */
const DEEPEST_ENVELOPE = 3
const INFLATED_LIMIT_BYTES = 32 << 20

function decode(bytes: Uint8Array, reading: Reading): Decoded {
  const all: Collected = { events: [], refused: [], budget: { bytes: INFLATED_LIMIT_BYTES } }
  collect(bytes, reading, all, DEEPEST_ENVELOPE)
  const [first, ...more] = all.refused
  if (first === undefined) return { kind: 'events', events: all.events }
  // What is kept of them holds no secrets either, and nothing that became an event.
  const reject: Reject = { ...first.reject, bytes: keepable(all.refused.map((each) => each.bytes)) }
  if (all.events.length === 0) return reject
  return { kind: 'events', events: all.events, rejects: [reject, ...more.map((each) => each.reject)] }
}

interface Collected {
  readonly events: DecodedEvent[]
  readonly refused: { readonly reject: Reject; readonly bytes: Uint8Array }[]
  readonly budget: Budget
}

/** An item that is no event is told beside the events that the others became. */
function collect(bytes: Uint8Array, reading: Reading, all: Collected, deepest: number): void {
  const refuse = (reject: Reject, of = bytes): void => void all.refused.push({ reject, bytes: of })
  const plain = inflated(bytes, all.budget) ?? bytes
  if ('kind' in plain) return refuse(plain)
  const read = parseRecord(plain)
  if (read.kind === 'reject') return refuse(read, plain)
  const inside = deepest === 0 ? undefined : unwrapped(read.value, plain, all.budget)
  if (inside === undefined) {
    const decoded = decodeParsed(read, plain.length, reading)
    if ('kind' in decoded) refuse(decoded, plain)
    else all.events.push(decoded)
    return
  }
  if ('kind' in inside) return refuse(inside, plain)
  for (const each of inside) {
    if (all.events.length + all.refused.length >= MOST_ITEMS) {
      const message = `more than ${MOST_ITEMS} records in one`
      return refuse({ kind: 'reject', reason: 'too_large', message }, new Uint8Array())
    }
    if ('kind' in each) refuse(each, each.bytes ?? new Uint8Array())
    else collect(each, reading, all, deepest - 1)
  }
}
