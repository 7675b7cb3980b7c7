import { z } from 'zod'

/** A topic for ever: with its id, since a topic that was deleted and made anew counts its records from 0 again. */
export type TopicKey = string

const NO_ID = '00000000-0000-0000-0000-000000000000'

/** @param id of brokers before 2.8 it is all zeros: then the name has to do. */
export function topicKey(name: string, id: string): TopicKey {
  return id === NO_ID || id === '' ? name : `${name}@${id}`
}

/** Up to where records of each partition are durable: the offset of the next one. Never goes back. */
export class KafkaPositions {
  readonly #next: Map<string, number>

  private constructor(next: Map<string, number>) {
    this.#next = next
  }

  /** Undefined for what is no cursor of ours: then the group's own offsets count, and repeats are found by id. */
  static parse(cursor: string | undefined): KafkaPositions | undefined {
    if (cursor === undefined) return new KafkaPositions(new Map())
    try {
      const { next } = cursorSchema.parse(JSON.parse(cursor))
      return new KafkaPositions(new Map(next.map(([topic, partition, offset]) => [keyOf(topic, partition), offset])))
    } catch {
      return undefined
    }
  }

  next(topic: TopicKey, partition: number): number | undefined {
    return this.#next.get(keyOf(topic, partition))
  }

  /** With these records behind it. */
  after(records: Iterable<{ readonly topic: TopicKey; readonly partition: number; readonly offset: number }>) {
    const next = new Map(this.#next)
    for (const { topic, partition, offset } of records) {
      const key = keyOf(topic, partition)
      next.set(key, Math.max(offset + 1, next.get(key) ?? 0))
    }
    return new KafkaPositions(next)
  }

  /** Only of topics that are still read: others may be gone for ever. */
  format(topics: ReadonlySet<TopicKey>): string {
    const next = [...this.#next].flatMap(([key, offset]): [TopicKey, number, number][] => {
      const slash = key.lastIndexOf('/')
      const topic = key.slice(0, slash)
      return topics.has(topic) ? [[topic, Number(key.slice(slash + 1)), offset]] : []
    })
    return JSON.stringify({ v: 1, next })
  }
}

const offset = z.int().nonnegative()
const cursorSchema = z.object({ v: z.literal(1), next: z.array(z.tuple([z.string(), offset, offset])) })

function keyOf(topic: TopicKey, partition: number): string {
  return `${topic}/${partition}`
}
