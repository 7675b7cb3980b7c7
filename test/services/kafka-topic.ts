import { Admin, Producer } from '@platformatic/kafka'
import { onTestFinished } from 'vitest'

/** A topic of a real broker, and what a test does with it; clients are closed when the test ends. */
export interface KafkaTopic {
  readonly name: string
  /** Values in order; null is a tombstone. Spread over the partitions by their number, or all into one. */
  write(values: readonly (string | Buffer | null)[], options?: WriteOptions): Promise<void>
  remove(): Promise<void>
  make(): Promise<void>
  /** Sets a group that has no members to the beginning. */
  rewind(group: string): Promise<void>
  /** What a group has committed, summed over the partitions; 0 before its first commit. */
  committed(group: string): Promise<number>
}

interface WriteOptions {
  readonly compression?: 'gzip' | 'snappy' | 'lz4' | 'zstd' | 'none'
  readonly partition?: number
}

let topics = 0

export async function aTopic(
  broker: string,
  partitions = 3,
  name = `audit-${Date.now()}-${++topics}`,
): Promise<KafkaTopic> {
  const client = { clientId: 'test', bootstrapBrokers: [broker], retries: 10, retryDelay: 200 }
  const admin = new Admin(client)
  // Idempotent: what it tries again, as a new topic makes it, is in the topic once.
  const producer = new Producer({ ...client, idempotent: true, acks: -1, maxInflights: 1 })
  onTestFinished(async () => {
    await producer.close(true)
    await admin.close()
  })
  const make = async (): Promise<void> => {
    await admin.createTopics({ topics: [name], partitions, replicas: 1 })
  }
  // A test may have made it before the server that it is for.
  if (!(await admin.listTopics()).includes(name)) await make()
  let written = 0
  return {
    name,
    make,
    async write(values, { compression = 'none', partition } = {}) {
      const messages = values.map((value) => ({
        topic: name,
        partition: partition ?? written++ % partitions,
        ...(value !== null && { value: Buffer.from(value) }),
      }))
      await producer.send({ messages, compression })
    },
    async remove() {
      await admin.deleteTopics({ topics: [name] })
    },
    async rewind(group) {
      const partitionOffsets = Array.from({ length: partitions }, (_, partition) => ({ partition, offset: 0n }))
      await admin.alterConsumerGroupOffsets({ groupId: group, topics: [{ name, partitionOffsets }] })
    },
    async committed(group) {
      const [found] = await admin.listConsumerGroupOffsets({ groups: [group] })
      const places = found?.topics.flatMap((each) => each.partitions) ?? []
      return places.reduce((sum, { committedOffset }) => sum + Math.max(0, Number(committedOffset)), 0)
    },
  }
}

/** For a source that is there before its far side. */
export async function makeTopic(broker: string, name: string): Promise<void> {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [broker] })
  await admin.createTopics({ topics: [name], partitions: 1, replicas: 1 })
  await admin.close()
}
