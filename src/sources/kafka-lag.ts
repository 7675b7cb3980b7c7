import type { Consumer, MessagesStream } from '@platformatic/kafka'
import { kafkaError } from './kafka-client.ts'
import type { SourceDeps } from './source.ts'

const LOOK_MS = 5000

export interface LagWatch {
  /** So many records were taken from the stream and are not durable yet. */
  inHand(records: number): void
  stop(): void
}

/**
 * Reports what the topics have and we have not: their ends, asked for every five seconds, less what was fetched, and
 * what was fetched and is not durable. Of partitions that are another member's, nothing.
 */
export function watchLag(
  consumer: Consumer,
  stream: MessagesStream<Buffer, Buffer, Buffer, Buffer>,
  topics: readonly string[],
  deps: SourceDeps,
): LagWatch {
  let ends: ReadonlyMap<string, bigint> = new Map()
  let records = 0
  let isOver = false
  let hasFailed = false
  let timer = deps.clock.later(0, look)

  function report(): void {
    if (isOver) return
    let behind = BigInt(records + stream.readableLength)
    for (const [partition, end] of ends) {
      const fetched = stream.offsetsToFetch.get(partition)
      if (fetched !== undefined && end > fetched) behind += end - fetched
    }
    deps.report({ lag: { records: Number(behind) } })
  }

  function look(): void {
    void askEnds().finally(() => {
      if (!isOver) timer = deps.clock.later(LOOK_MS, look)
    })
  }

  async function askEnds(): Promise<void> {
    try {
      const found = await consumer.listOffsets({ topics: [...topics] })
      const ours = new Set(
        (consumer.assignments ?? []).flatMap((each) => each.partitions.map((n) => `${each.topic}:${n}`)),
      )
      const all = [...found].flatMap(([topic, offsets]) => offsets.map((end, n) => [`${topic}:${n}`, end] as const))
      ends = new Map(all.filter(([partition]) => ours.has(partition)))
      hasFailed = false
      report()
    } catch (error) {
      // Said once: if brokers are gone, reading says so as well.
      if (!isOver && !hasFailed) deps.log(`${deps.name}: its lag is not known: ${kafkaError(error).message}`)
      hasFailed = true
    }
  }

  return {
    inHand(count) {
      records = count
      report()
    },
    stop() {
      isOver = true
      timer.cancel()
    },
  }
}
