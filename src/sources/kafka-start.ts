import { Admin, ListOffsetTimestamps } from '@platformatic/kafka'
import type { BaseOptions } from '@platformatic/kafka'
import { AuditError } from '../domain/errors.ts'
import type { KafkaStart } from './kafka-config.ts'
import type { KafkaPositions, TopicKey } from './kafka-positions.ts'
import { topicKey } from './kafka-positions.ts'

export interface Group {
  readonly id: string
  readonly topics: readonly string[]
  readonly from: KafkaStart
  /** What is durable here. */
  readonly positions: KafkaPositions
}

interface Place {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}

/**
 * Puts the group where it has to go on, before it is joined, and gives the key of each topic by its name. Where the
 * group has never read a topic, `from` decides; where we hold more than it has committed (the process ended between the
 * two), it goes on behind that. Partitions that a topic gets later are read from their beginning, whatever `from` says.
 */
export async function placeGroup(options: BaseOptions, group: Group): Promise<ReadonlyMap<string, TopicKey>> {
  const admin = new Admin(options)
  try {
    const metadata = await admin.metadata({ topics: [...group.topics], forceUpdate: true })
    const keys = new Map<string, TopicKey>()
    const counts = new Map<string, number>()
    for (const name of group.topics) {
      const topic = metadata.topics.get(name)
      if (topic === undefined) throw noTopic(name)
      keys.set(name, topicKey(name, topic.id))
      counts.set(name, topic.partitionsCount)
    }
    await place(admin, group, keys, counts)
    return keys
  } finally {
    await admin.close()
  }
}

function noTopic(name: string): AuditError {
  const hint = 'look at topics; brokers hide what a user may not describe'
  return new AuditError('not_found', `topic ${name} is not there, or this user may not see it`, { hint })
}

async function place(
  admin: Admin,
  group: Group,
  keys: ReadonlyMap<string, TopicKey>,
  counts: ReadonlyMap<string, number>,
): Promise<void> {
  const committed = await committedOf(admin, group.id)
  const behind: Place[] = []
  const fresh: string[] = []
  for (const [topic, key] of keys) {
    const partitions = Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => partition)
    const known = partitions.filter((each) => {
      return committed.has(`${topic}/${each}`) || group.positions.next(key, each) !== undefined
    })
    if (known.length === 0) fresh.push(topic)
    for (const partition of known) {
      const held = BigInt(group.positions.next(key, partition) ?? 0)
      if (held > (committed.get(`${topic}/${partition}`) ?? -1n) && held > 0n)
        behind.push({ topic, partition, offset: held })
    }
  }
  const first = group.from === 'earliest' ? [] : await offsetsAt(admin, fresh, counts, group.from)
  if (first.length > 0) await commit(admin, group.id, first)
  // Refused while a member that was killed is still counted as one: what it repeats is then passed over.
  if (behind.length > 0) await commit(admin, group.id, behind).catch(() => undefined)
}

async function committedOf(admin: Admin, groupId: string): Promise<ReadonlyMap<string, bigint>> {
  const [found] = await admin.listConsumerGroupOffsets({ groups: [groupId] })
  const places = (found?.topics ?? []).flatMap(({ name, partitions }) => {
    return partitions.map((each) => [`${name}/${each.partitionIndex}`, each.committedOffset] as const)
  })
  return new Map(places.filter(([, offset]) => offset >= 0n))
}

/** Where no record is that young, it is the end. */
async function offsetsAt(
  admin: Admin,
  topics: readonly string[],
  counts: ReadonlyMap<string, number>,
  from: Exclude<KafkaStart, 'earliest'>,
): Promise<readonly Place[]> {
  if (topics.length === 0) return []
  const at = async (timestamp: bigint): Promise<readonly Place[]> => {
    const asked = topics.map((name) => ({
      name,
      partitions: Array.from({ length: counts.get(name) ?? 0 }, (_, partitionIndex) => ({ partitionIndex, timestamp })),
    }))
    const answer = await admin.listOffsets({ topics: asked })
    return answer.flatMap(({ name, partitions }) => {
      return partitions.map(({ partitionIndex, offset }) => ({ topic: name, partition: partitionIndex, offset }))
    })
  }
  const ends = await at(ListOffsetTimestamps.LATEST)
  if (from === 'latest') return ends
  const found = await at(BigInt(Date.parse(from.timestamp)))
  return found.map((each) => {
    const end = ends.find(({ topic, partition }) => topic === each.topic && partition === each.partition)
    return each.offset >= 0n ? each : { ...each, offset: end?.offset ?? 0n }
  })
}

async function commit(admin: Admin, groupId: string, places: readonly Place[]): Promise<void> {
  const byTopic = Map.groupBy(places, (each) => each.topic)
  const topics = [...byTopic].map(([name, partitionOffsets]) => ({
    name,
    partitionOffsets: partitionOffsets.map(({ partition, offset }) => ({ partition, offset })),
  }))
  await admin.alterConsumerGroupOffsets({ groupId, topics })
}
