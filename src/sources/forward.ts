import { z } from 'zod'
import { AuditError } from '../domain/errors.ts'
import { configuredFormat, formatNamed } from '../formats/formats.ts'
import type { SourceBase } from './config.ts'
import { name, secret, sourceBase } from './config.ts'
import type { ForwardedBatch, ForwardedFrame, ForwardedRecord } from './forward-batch.ts'
import { parseBatch } from './forward-batch.ts'
import { refused } from './refused.ts'
import type { Emit, Receiver, ReceiverResponse, RecordOrigin, SourceDeps, SourceRecord } from './source.ts'

export interface ForwardConfig extends SourceBase {
  readonly kind: 'forward'
  /** The stream of each of the forwarder's sources, by its name there. */
  readonly streams?: Readonly<Record<string, string>>
}

export const forwardConfig: z.ZodType<ForwardConfig> = z.strictObject({
  ...sourceBase,
  kind: z.literal('forward'),
  token: secret.exactOptional(),
  streams: z.record(name, name).exactOptional(),
})

const HINT = 'whodid forward asks by GET ?epoch=N for what was taken, and sends batches by POST'

/**
 * What `whodid forward` sends to. It numbers its records from 1 in epochs of its own; they are taken in this order and
 * without a gap, so what it sends again is known by its number for ever, and a hole in the trail is a hole in the numbers.
 */
export function createForward(config: ForwardConfig, deps: SourceDeps): Receiver {
  const streams = new Map(Object.entries(config.streams ?? {}))
  const turns = createTurns()

  function take(batch: ForwardedBatch, emit: Emit, signal: AbortSignal): Promise<ReceiverResponse> {
    const { epoch, sent } = batch.header
    const clockOffsetMs = sent - deps.clock.now()
    return turns.next(epoch, async () => {
      const taken = deps.lastNumber(epoch)
      if (!follows(batch, taken)) return outOfOrder(batch, taken)
      const fresh = recordsOf(batch, streamOf).filter(({ sequence }) => sequence.n > taken)
      if (batch.header.lost !== undefined && fresh.length > 0) deps.log(lossOf(config.name, batch))
      // Also where nothing is new: what was taken before is durable once a frame behind it is.
      await emit(fresh, { signal, clockOffsetMs })
      return { status: 200, body: { epoch, n: fresh.at(-1)?.sequence.n ?? taken } }
    })
  }

  /** Never what the batch says: who may write into a stream is decided here. Left out: the source's own. */
  function streamOf(frame: ForwardedFrame, format: string): string | undefined {
    return streams.get(frame.source) ?? (config.stream === undefined ? formatNamed(format).stream : undefined)
  }

  return {
    async handle({ method, query, body }, emit, signal) {
      if (method === 'GET') return position(query, deps, emit, signal)
      if (method !== 'POST') return refused(405, 'bad_request', 'batches are sent by POST', HINT)
      const batch = parseBatch(body)
      refuseUnknownFormats(batch)
      return take(batch, emit, signal)
    },
  }
}

async function position(query: string, deps: SourceDeps, emit: Emit, signal: AbortSignal): Promise<ReceiverResponse> {
  const epoch = Number(new URLSearchParams(query).get('epoch'))
  if (!Number.isSafeInteger(epoch) || epoch < 1) return refused(422, 'bad_request', 'this is no epoch', HINT)
  const n = deps.lastNumber(epoch)
  // What it names is durable once a frame behind it is.
  await emit([], { signal })
  return { status: 200, body: { epoch, n } }
}

/** Nothing of the batch is taken then: its forwarder keeps it until the server knows the format. */
function refuseUnknownFormats({ frames }: ForwardedBatch): void {
  const known = new Set<unknown>()
  for (const { source, records } of frames) {
    for (const { format, options } of records) {
      // Records of one run share the object.
      if (known.has(options ?? format)) continue
      known.add(options ?? format)
      try {
        configuredFormat(format, options)
      } catch (error) {
        if (!(error instanceof AuditError)) throw error
        const hint = 'start the whodid of the forwarder or a newer one here; the forwarder keeps the records until then'
        throw new AuditError(error.code, `source ${source} of the forwarder: ${error.message}`, { hint, cause: error })
      }
    }
  }
}

/** Nothing is missing between what was taken and this batch, but what the forwarder says is lost. */
function follows({ header: { from, lost = 0 } }: ForwardedBatch, taken: number): boolean {
  return from - lost <= taken + 1
}

function outOfOrder({ header: { epoch, from } }: ForwardedBatch, taken: number): ReceiverResponse {
  const detail = `record ${taken + 1} of epoch ${epoch} is missing: the batch begins with ${from}`
  return {
    status: 409,
    headers: { 'content-type': 'application/problem+json' },
    body: {
      type: 'urn:whodid:problem:conflict',
      title: 'In conflict with what is there',
      status: 409,
      code: 'conflict',
      detail,
      hint: 'send from that record on',
      epoch,
      n: taken,
    },
  }
}

type NumberedRecord = SourceRecord & Required<Pick<SourceRecord, 'sequence'>>

function recordsOf(
  { header, frames }: ForwardedBatch,
  streamOf: (frame: ForwardedFrame, format: string) => string | undefined,
): readonly NumberedRecord[] {
  const { host, epoch } = header
  const one = createSharing()
  let n = header.from
  return frames.flatMap((frame) => {
    const origins = new Map<string, RecordOrigin>()
    const originOf = ({ format, authenticated, way = '' }: ForwardedRecord): RecordOrigin => {
      const key = `${format} ${authenticated} ${way}`
      const from = [host, frame.source, way].filter((part) => part !== '').join('/')
      const origin = origins.get(key) ?? one(originIn(frame, from, streamOf(frame, format), authenticated))
      origins.set(key, origin)
      return origin
    }
    return frame.records.map((forwarded) => {
      const { naturalId, fallbackId, options, bytes, format } = forwarded
      const sequence = { epoch, n: n++ }
      return {
        bytes,
        format,
        ...(options !== undefined && { options: one(options) }),
        ...(naturalId !== undefined && { naturalId: `${frame.source}:${naturalId}` }),
        // A place in a file says nothing without its host.
        fallbackId: fallbackId === undefined ? `${epoch}:${sequence.n}` : `${host}/${frame.source}:${fallbackId}`,
        sequence,
        collectedMs: frame.received,
        origin: originOf(forwarded),
      }
    })
  })
}

function originIn(
  { cluster, timezone }: ForwardedFrame,
  way: string,
  stream: string | undefined,
  authenticated: false | undefined,
): RecordOrigin {
  return {
    way,
    ...(stream !== undefined && { stream }),
    ...(cluster !== undefined && { cluster }),
    ...(timezone !== undefined && { timezone }),
    ...(authenticated !== undefined && { authenticated }),
  }
}

/** One object for all that say the same: records that share theirs are sealed in one go. */
function createSharing() {
  const byText = new Map<string, object>()
  const seen = new Map<object, object>()
  return <T extends object>(value: T): T => {
    const known = seen.get(value) ?? byText.get(JSON.stringify(value)) ?? value
    if (known === value && !seen.has(value)) byText.set(JSON.stringify(value), value)
    seen.set(value, known)
    // True: what has the same text is of the same shape, and was put there by this function.
    return known as T
  }
}

function lossOf(source: string, { header: { host, epoch, from, lost = 0 } }: ForwardedBatch): string {
  const numbers = `${from - lost} to ${from - 1} of epoch ${epoch}`
  return `source ${source}: records ${numbers} are lost: the forwarder ${host} had them no more`
}

/** One batch of an epoch after the other: what is sent again while the first is still under way waits for it. */
function createTurns() {
  const last = new Map<number, Promise<unknown>>()
  return {
    next<T>(epoch: number, work: () => Promise<T>): Promise<T> {
      const before = last.get(epoch) ?? Promise.resolve()
      const done = before.then(work, work)
      const settled = done.then(
        () => undefined,
        () => undefined,
      )
      last.set(epoch, settled)
      void settled.then(() => {
        if (last.get(epoch) === settled) last.delete(epoch)
      })
      return done
    },
  }
}
