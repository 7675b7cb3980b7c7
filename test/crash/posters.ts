import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../api-client.ts'
import type { Random } from '../seeded.ts'
import type { Batch, MarkedRecord, Promises } from './promises.ts'

export interface Load {
  /** How many events this load got acknowledged so far. */
  readonly acknowledged: number
  /** Rejects with what no kill explains; never resolves. */
  readonly failed: Promise<never>
  /** Resolves when every connection has seen its end; rejects like `failed`. Call it once the server is dead. */
  stopped(): Promise<void>
  /** From now on a broken connection is what was to be expected. */
  expectEnd(): void
}

export interface LoadOptions {
  readonly api: ApiClient
  readonly promises: Promises
  readonly random: Random
  /** Begins every marker of this load. */
  readonly name: string
  readonly connections: number
  /** How long each connection rests between two batches, at most. */
  readonly restMs: number
}

/**
 * Posts from several connections at once until the server is gone: first what an earlier life left unanswered, then batches
 * with an Idempotency-Key, with natural ids (now and then ones that were acknowledged already), and with neither.
 */
export function startLoad({ api, promises, random, name, connections, restMs }: LoadOptions): Load {
  let acknowledged = 0
  const ending = new AbortController()
  const again = promises.unanswered.splice(0)

  async function connection(c: number): Promise<void> {
    const sent: Batch[] = []
    for (let n = 0; !ending.signal.aborted; n++) {
      const known = random.chance(0.1) ? sent[random.between(0, sent.length - 1)] : undefined
      const batch = again.pop() ?? known ?? newBatch(random, `${name}-${c}-${n}`)
      if (!(await send(batch))) return
      if (isRepeatable(batch)) sent.push(batch)
      if (random.chance(0.3)) await sleep(random.between(0, restMs))
    }
  }

  /** False when the server is gone. */
  async function send(batch: Batch): Promise<boolean> {
    for (;;) {
      const posted = await attempt(() => api.post(batch.records, batch.idempotencyKey))
      if (posted === undefined) {
        if (isRepeatable(batch)) promises.unanswered.push(batch)
        return false
      }
      if (posted.receipt !== undefined) {
        promises.enter(batch, posted.receipt)
        acknowledged += posted.receipt.kept
        return true
      }
      if (posted.status !== 429) throw new Error(`a post was answered ${posted.status}: ${posted.text}`)
      await sleep(50)
    }
  }

  async function attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (ending.signal.aborted) return undefined
      throw error
    }
  }

  const running = Array.from({ length: connections }, (_, c) => connection(c))
  const failed = Promise.all(running).then(() => new Promise<never>(() => undefined))
  // Whoever waits for the end hears of it.
  failed.catch(() => undefined)
  return {
    get acknowledged() {
      return acknowledged
    },
    failed,
    expectEnd() {
      ending.abort()
    },
    async stopped() {
      await Promise.all(running)
      promises.unanswered.push(...again)
    },
  }
}

function isRepeatable({ idempotencyKey, records }: Batch): boolean {
  return idempotencyKey !== undefined || records.every((record) => 'event' in record && hasId(record.event))
}

function hasId(event: unknown): boolean {
  return typeof event === 'object' && event !== null && 'id' in event
}

function newBatch(random: Random, name: string): Batch {
  const kind = random.between(0, 2)
  const records = Array.from({ length: random.between(1, 80) }, (_, n) => {
    const marker = `${name}-${n}`
    return anEvent(random, marker, kind === 0 ? { id: `natural ${marker}` } : {})
  })
  // One that is rejected, so that the accounts have something to tell.
  if (kind !== 0 && random.chance(0.1))
    records[random.between(0, records.length - 1)] = { labels: { marker: `${name}-bad` } }
  return kind === 1 ? { records, idempotencyKey: name } : { records }
}

export function anEvent(random: Random, marker: string, event: object = {}): MarkedRecord {
  const user = `user-${random.between(0, 300)}`
  const fields = {
    '@timestamp': new Date().toISOString(),
    event: { action: random.chance(0.5) ? 'update' : 'delete', outcome: 'success', ...event },
    user: { name: user, email: `${user}@example.com` },
    source: { ip: `10.0.0.${random.between(1, 254)}` },
    message: 'x'.repeat(random.between(0, 400)),
  }
  return { ...fields, labels: { marker } }
}
