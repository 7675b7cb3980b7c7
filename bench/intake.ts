import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from './client.ts'
import { createCorpus } from './corpus.ts'
import type { Figure } from './report.ts'
import { percentile } from './report.ts'
import type { MeasuredServer } from './server.ts'
import { cpuSeconds, watchMemory } from './server.ts'

/** Ids that were acknowledged: a sample, and the last one. */
export interface Acknowledged {
  readonly sample: readonly string[]
  readonly last: string
}

export const BATCH = 1000

/** Posts all batches, a few at a time, as fast as they are taken. */
export async function postAll(client: Client, batches: readonly Buffer[]): Promise<Acknowledged> {
  const answers: Buffer[] = []
  let next = 0
  async function connection(): Promise<void> {
    for (let n = next++; n < batches.length; n = next++) {
      const body = batches[n]
      if (body !== undefined) answers[n] = await client.post(body)
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, connection))
  return acknowledged(answers)
}

/** As fast as it goes: what is acknowledged, how far behind search is, what it costs. */
export async function measureSaturated(
  server: MeasuredServer,
  client: Client,
  batches: readonly Buffer[],
): Promise<{ readonly figures: readonly Figure[]; readonly acknowledged: Acknowledged }> {
  const events = batches.length * BATCH
  const engine = server.enginePid()
  const memory = watchMemory(server)
  await server.loopDelay()
  const before = { server: cpuSeconds(server.pid), engine: cpuSeconds(engine), own: process.cpuUsage() }
  const began = performance.now()
  const taken = await postAll(client, batches)
  const ackedS = (performance.now() - began) / 1000
  const loop = await server.loopDelay()
  await found(client, taken.last)
  const searchableS = (performance.now() - began) / 1000
  const used = (from: number, pid: number | undefined): number => ((cpuSeconds(pid) - from) * 1e6) / events
  const own = process.cpuUsage(before.own)
  const figures: readonly Figure[] = [
    { what: 'durable and sealed (acknowledged)', value: events / ackedS, unit: '/s', atLeast: 20_000, aim: 50_000 },
    { what: 'searchable', value: events / searchableS, unit: '/s' },
    { what: 'CPU of the server, per event', value: used(before.server, server.pid), unit: 'µs' },
    { what: 'CPU of the engine, per event', value: used(before.engine, engine), unit: 'µs' },
    { what: 'CPU of this load, per event', value: (own.user + own.system) / events, unit: 'µs' },
    { what: 'event loop late, p99', p50: loop.p50Ms, value: loop.p99Ms, unit: 'ms' },
    { what: 'event loop late, at most', value: loop.maxMs, unit: 'ms' },
    { what: 'memory of server and engine, peak', value: memory.stop() / MIB, unit: 'MiB' },
  ]
  return { figures, acknowledged: taken }
}

/**
 * A steady rate, whether or not it is answered in time: every batch has its moment, and how long it took is counted from
 * then. Every fifth one is asked for until it is found.
 */
export async function measureSteady(
  server: MeasuredServer,
  client: Client,
  options: { readonly perSecond: number; readonly seconds: number },
): Promise<readonly Figure[]> {
  const everyMs = (1000 * BATCH) / options.perSecond
  const count = Math.round(((WARM_UP_S + options.seconds) * 1000) / everyMs)
  const warmUpBatches = Math.round((WARM_UP_S * 1000) / everyMs)
  const corpus = createCorpus(77)
  const startMs = Date.now()
  const batches = Array.from({ length: count }, (_, n) => corpus.batch(BATCH, () => startMs + n * everyMs))
  const ackMs: number[] = []
  const searchableMs: number[] = []
  const memory = watchMemory(server)
  const began = performance.now()
  const warm = sleep(WARM_UP_S * 1000).then(() => server.loopDelay())
  const running = batches.map(async (body, n) => {
    const due = began + n * everyMs
    await sleep(Math.max(0, due - performance.now()))
    const answer = await client.post(body)
    const acked = performance.now()
    if (n < warmUpBatches) return
    ackMs.push(acked - due)
    if (n % 5 !== 0) return
    await found(client, acknowledged([answer]).last)
    searchableMs.push(performance.now() - acked)
  })
  await Promise.all([warm, ...running])
  const loop = await server.loopDelay()
  const seconds = searchableMs.map((each) => each / 1000)
  return [
    {
      what: 'acknowledged after, p99',
      p50: percentile(ackMs, 0.5),
      value: percentile(ackMs, 0.99),
      unit: 'ms',
      atLeast: 50,
      aim: 15,
    },
    {
      what: 'searchable after that, p99',
      p50: percentile(seconds, 0.5),
      value: percentile(seconds, 0.99),
      unit: 's',
      atLeast: 3,
      aim: 1,
    },
    { what: 'event loop late, p99', p50: loop.p50Ms, value: loop.p99Ms, unit: 'ms' },
    { what: 'event loop late, at most', value: loop.maxMs, unit: 'ms' },
    { what: 'memory of server and engine, peak', value: memory.stop() / MIB, unit: 'MiB', atLeast: 2048, aim: 1024 },
  ]
}

const CONNECTIONS = 8
/** In which Node compiles the code: taken like the rest, and not counted. */
const WARM_UP_S = 5
const MIB = 1024 ** 2
const LOOK_MS = 20

/** Waits until an event is found. */
async function found(client: Client, id: string): Promise<void> {
  for (;;) {
    const { status, body } = await client.get(`/v1/events/${id}`)
    if (status === 200) return
    if (status !== 404) throw new Error(`${status}: ${body.toString()}`)
    await sleep(LOOK_MS)
  }
}

/** Every record must have been kept: a load that is refused costs nothing and measures nothing. */
function acknowledged(answers: readonly Buffer[]): Acknowledged {
  const sample: string[] = []
  let last = { id: '', index: -1 }
  for (const [n, answer] of answers.entries()) {
    const isKept = answer.toString('latin1', 0, 100).startsWith(`{"received":${BATCH},"kept":${BATCH},`)
    if (!isKept) throw new Error(`not all was kept: ${answer.toString('utf8', 0, 1000)}`)
    // All were kept, so each has its place.
    const { results } = JSON.parse(answer.toString()) as { results: { id: string; index: number }[] }
    const newest = results.at(-1)
    if (newest !== undefined && newest.index > last.index) last = newest
    const one = results[n % results.length]
    if (one !== undefined) sample.push(one.id)
  }
  return { sample, last: last.id }
}
