import type { Message, MessagesStream } from '@platformatic/kafka'
import { Consumer } from '@platformatic/kafka'
import { AuditError } from '../domain/errors.ts'
import { pause } from '../lib/clock.ts'
import { boundUnpacking, clientOptions, kafkaError } from './kafka-client.ts'
import type { KafkaConfig } from './kafka-config.ts'
import { watchLag } from './kafka-lag.ts'
import type { TopicKey } from './kafka-positions.ts'
import { KafkaPositions } from './kafka-positions.ts'
import { placeGroup } from './kafka-start.ts'
import type { Emit, SourceDeps, SourceRecord } from './source.ts'

const BATCH_RECORDS = 1000
const BATCH_BYTES = 1 << 20
const RETRY_MS = 1000
/** A member that was killed is missed after this; until then its partitions are nobody's. */
const SESSION_MS = 10_000

type Stream = MessagesStream<Buffer, Buffer, Buffer, Buffer>
type Arrived = Message

boundUnpacking()

/**
 * Works until `signal` aborts.
 *
 * @throws AuditError that says what a broker refused, or what `emit` threw.
 */
export async function followKafka(
  config: KafkaConfig,
  deps: SourceDeps,
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  if (config.sasl?.mechanism === 'plain' && config.tls === undefined) {
    deps.log(`${deps.name}: sasl plain without tls sends its password in the clear`)
  }
  const closers: (() => Promise<void>)[] = []
  try {
    await follow(config, deps, emit, signal, closers)
  } catch (error) {
    // Whatever a batch in flight made of the signal: it was not acknowledged, so it comes again.
    if (!signal.aborted) throw error instanceof FromEmit ? error.cause : kafkaError(error)
  } finally {
    for (const close of closers.toReversed()) await close().catch(() => undefined)
  }
}

/** Tells an error of the intake, which is handed on as it is, from one of a broker. */
class FromEmit extends Error {}

async function follow(
  config: KafkaConfig,
  deps: SourceDeps,
  emit: Emit,
  signal: AbortSignal,
  closers: (() => Promise<void>)[],
): Promise<void> {
  const options = clientOptions(config, deps)
  const groupId = config.group ?? `whodid-${deps.name}`
  let positions = positionsOf(deps)
  const start = { id: groupId, topics: config.topics, from: config.from, positions }
  const keys = await unlessAborted(placeGroup(options, start), signal)
  const consumer = new Consumer({ ...options, groupId, autocommit: false, sessionTimeout: SESSION_MS })
  closers.push(() => consumer.close(true))
  const stream = await unlessAborted(consumer.consume({ ...CONSUME, topics: [...config.topics] }), signal)
  closers.push(() => stream.close())
  const arrivals = watchArrivals(stream, signal)
  const lag = watchLag(consumer, stream, config.topics, deps)
  closers.push(async () => lag.stop())
  const held = new Set(keys.values())
  let committing = Promise.resolve()
  closers.push(() => committing)
  while (!signal.aborted) {
    const batch = takeBatch(stream, keys, positions)
    if (batch.length === 0) {
      await arrivals.next()
      continue
    }
    const after = positions.after(batch)
    lag.inHand(batch.length)
    await emitPatiently(emit, recordsOf(batch, config), after.format(held), deps, signal)
    // A crash before this line repeats the batch: it is behind the cursor that was sealed with it.
    positions = after
    lag.inHand(0)
    // One at a time, and the next batch does not wait for it.
    await committing
    committing = commit(consumer, batch, deps)
  }
}

const CONSUME = {
  mode: 'committed',
  // Where the group has no offset (placeGroup has set all that `from` asks for), or its records are gone by now.
  fallbackMode: 'earliest',
  autocommit: false,
  sessionTimeout: SESSION_MS,
  heartbeatInterval: 2000,
  rebalanceTimeout: 30_000,
  minBytes: 1,
  maxBytes: 4 << 20,
  maxBytesPerPartition: 1 << 20,
  maxWaitTime: 500,
  highWaterMark: BATCH_RECORDS,
} as const

function positionsOf(deps: SourceDeps): KafkaPositions {
  const known = KafkaPositions.parse(deps.cursor)
  if (known !== undefined) return known
  deps.log(`${deps.name}: its cursor cannot be read, so it goes on where its group is`)
  return KafkaPositions.parse(undefined) ?? never()
}

function never(): never {
  throw new AuditError('internal', 'no positions')
}

interface Taken {
  readonly name: string
  readonly topic: TopicKey
  readonly partition: number
  readonly offset: number
  readonly leaderEpoch: number
  readonly value: Uint8Array
  readonly timestamp: number
}

const NOTHING = new Uint8Array()

/** What has arrived, without what is durable already. */
function takeBatch(stream: Stream, keys: ReadonlyMap<string, TopicKey>, positions: KafkaPositions): readonly Taken[] {
  const taken: Taken[] = []
  let bytes = 0
  while (taken.length < BATCH_RECORDS && bytes < BATCH_BYTES) {
    // The stream holds messages and nothing else.
    const message = stream.read() as Arrived | null
    if (message === null) break
    const topic = keys.get(message.topic)
    const offset = Number(message.offset)
    if (topic === undefined || offset < (positions.next(topic, message.partition) ?? 0)) continue
    // A record without a value (a tombstone) is an empty record: its format says that it is none.
    const value: Uint8Array = message.value ?? NOTHING
    const { topic: name, partition, leaderEpoch } = message
    taken.push({ name, topic, partition, offset, leaderEpoch, value, timestamp: Number(message.timestamp) })
    bytes += value.length
  }
  return taken
}

function recordsOf(batch: readonly Taken[], config: KafkaConfig): readonly SourceRecord[] {
  const { format, options } = config
  return batch.map(({ topic, partition, offset, value, timestamp }) => ({
    bytes: value,
    format,
    ...(options !== undefined && { options }),
    naturalId: `${topic}/${partition}/${offset}`,
    ...(timestamp > 0 && { collectedMs: timestamp }),
  }))
}

/** Waits as long as it is told to wait: the topic keeps its records, and the group its members. */
async function emitPatiently(
  emit: Emit,
  records: readonly SourceRecord[],
  cursor: string,
  deps: SourceDeps,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      await emit(records, { cursor, signal })
      return
    } catch (error) {
      if (signal.aborted || !(error instanceof AuditError) || error.code !== 'busy') {
        throw new FromEmit('intake', { cause: error })
      }
      await pause(deps.clock, error.details.retryAfterMs ?? RETRY_MS, signal)
      signal.throwIfAborted()
    }
  }
}

/** A commit that fails loses nothing: the records are durable, the cursor has them, and the next commit says more. */
async function commit(consumer: Consumer, batch: readonly Taken[], deps: SourceDeps): Promise<void> {
  const newest = new Map<string, Taken>()
  for (const each of batch) newest.set(`${each.name}/${each.partition}`, each)
  const offsets = [...newest.values()].map(({ name, partition, offset, leaderEpoch }) => {
    return { topic: name, partition, offset: BigInt(offset + 1), leaderEpoch }
  })
  try {
    await consumer.commit({ offsets })
  } catch (error) {
    const { message } = kafkaError(error)
    deps.log(`${deps.name}: offsets were not committed, the next commit has them too: ${message}`)
  }
}

/** `next` resolves when something may have arrived or the source is to end, and rejects when the stream has failed. */
function watchArrivals(stream: Stream, signal: AbortSignal): { next(): Promise<void> } {
  let failure: Error | undefined
  let hasEnded = false
  let wake = Promise.withResolvers<void>()
  const ring = (): void => {
    wake.resolve()
    wake = Promise.withResolvers()
  }
  stream.on('readable', ring)
  stream.on('error', (error: Error) => {
    failure = error
    ring()
  })
  stream.once('close', () => {
    hasEnded = true
    ring()
  })
  signal.addEventListener('abort', ring, { once: true })
  return {
    async next() {
      if (!signal.aborted && failure === undefined && !hasEnded && stream.readableLength === 0) await wake.promise
      if (signal.aborted) return
      if (failure !== undefined) throw failure
      if (hasEnded) throw new AuditError('io_failed', 'the stream of records ended')
    },
  }
}

/** What the library does cannot be stopped; it is no longer waited for, and closed behind. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const stop = (): void => aborted.reject(new AuditError('internal', 'the source was stopped'))
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', stop)
    work.catch(() => undefined)
    aborted.promise.catch(() => undefined)
  }
}
