import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from './client.ts'
import { RARE_WORD, userName, USERS } from './corpus.ts'
import type { Figure } from './report.ts'
import { percentile } from './report.ts'
import { diskBytes } from './server.ts'

export interface SearchOptions {
  readonly client: Client
  readonly data: string
  readonly events: number
  /** Of events that are there. */
  readonly ids: readonly string[]
}

/** How long people wait, over HTTP, one question after the other; and what the events take on the disk. */
export async function measureSearch({ client, data, events, ids }: SearchOptions): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const { what, paths, atLeast, aim } of questions()) {
    const took = await askAll(client, paths)
    figures.push({
      what: `${what}, p95`,
      ...middle(took),
      value: percentile(took, 0.95),
      unit: 'ms',
      ...limits(atLeast, aim),
    })
  }
  const proofs = await askAll(
    client,
    sampleOf(ids, 300).map((id) => `/v1/events/${id}/proof`),
  )
  const value = percentile(proofs, 0.99)
  figures.push({ what: 'inclusion proof, p99', ...middle(proofs), value, unit: 'ms', atLeast: 20, aim: 2 })
  return [...figures, ...(await disk(data, events))]
}

interface Question {
  readonly what: string
  readonly paths: readonly string[]
  readonly atLeast?: number
  readonly aim?: number
}

const RUNS = 40
const RANGE = 'since=31d'

/** Another user each time, so that nothing is answered out of a cache of answers. */
function questions(): readonly Question[] {
  const runs = Array.from({ length: RUNS }, (_, n) => n)
  const newestOf = (rank: (n: number) => number): readonly string[] =>
    runs.map((n) => `/v1/events?limit=50&q=${encodeURIComponent(`actor:${userName(rank(n))}`)}&${RANGE}`)
  const people = { atLeast: 150, aim: 40 }
  return [
    { what: 'newest 50', paths: runs.map(() => `/v1/events?limit=50&${RANGE}`) },
    { what: 'newest 50 of a user with many events', paths: newestOf((n) => n), ...people },
    { what: 'newest 50 of a user with some', paths: newestOf((n) => 300 + n), ...people },
    { what: 'newest 50 of a user with few', paths: newestOf((n) => USERS - 1 - n), ...people },
    { what: 'histogram and facets', paths: runs.map(() => `/v1/events:summary?${RANGE}`), atLeast: 500, aim: 150 },
    {
      what: 'histogram and facets of a team',
      paths: runs.map((n) => `/v1/events:summary?${RANGE}&q=labels.team:${TEAMS[n % TEAMS.length]}`),
    },
    { what: 'newest 50 with a rare word', paths: runs.map(() => `/v1/events?limit=50&q=${RARE_WORD}&${RANGE}`) },
  ]
}

const TEAMS = ['billing', 'sales', 'platform', 'support']

/** Milliseconds of each. The first two are asked twice: code and caches are warm on any server that is used. */
async function askAll(client: Client, paths: readonly string[]): Promise<readonly number[]> {
  for (const path of paths.slice(0, 2)) await ask(client, path)
  const took: number[] = []
  for (const path of paths) {
    const began = performance.now()
    await ask(client, path)
    took.push(performance.now() - began)
  }
  return took
}

async function ask(client: Client, path: string): Promise<void> {
  for (;;) {
    const { status, body } = await client.get(path)
    if (status === 200) return
    // A proof that no checkpoint covers yet.
    if (status !== 409) throw new Error(`GET ${path} answered ${status}: ${body.toString()}`)
    await sleep(200)
  }
}

/** The engine keeps parts that it has replaced for about a minute and a half: what is waited for would be counted twice. */
const OLD_PARTS_MS = 120_000

async function disk(data: string, events: number): Promise<readonly Figure[]> {
  await sleep(OLD_PARTS_MS)
  const [engine, ledger, keys] = ['engine', 'ledger', 'keys'].map((name) => diskBytes(join(data, name)) / events)
  const parts = { engine: engine ?? 0, ledger: ledger ?? 0, keys: keys ?? 0 }
  const value = parts.engine + parts.ledger + parts.keys
  return [
    { what: 'disk per event, the journal apart', value, unit: 'B', atLeast: 300, aim: 180 },
    { what: 'of that, engine', value: parts.engine, unit: 'B' },
    { what: 'of that, ledger', value: parts.ledger, unit: 'B' },
    { what: 'of that, keys', value: parts.keys, unit: 'B' },
  ]
}

function sampleOf(ids: readonly string[], count: number): readonly string[] {
  const step = Math.max(1, ids.length / count)
  return Array.from({ length: Math.min(count, ids.length) }, (_, n) => ids[Math.floor(n * step)] ?? '')
}

function middle(took: readonly number[]): { readonly p50: number } {
  return { p50: percentile(took, 0.5) }
}

function limits(atLeast: number | undefined, aim: number | undefined): Pick<Figure, 'atLeast' | 'aim'> {
  return { ...(atLeast !== undefined && { atLeast }), ...(aim !== undefined && { aim }) }
}
