import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Client } from './client.ts'
import { createClient } from './client.ts'
import { createCorpus } from './corpus.ts'
import { measureFormats } from './formats.ts'
import { BATCH, measureSaturated, measureSteady, postAll } from './intake.ts'
import { measureKafka } from './kafka.ts'
import { describeMachine, machineLine } from './machine.ts'
import type { Benchmark } from './report.ts'
import { printBenchmark, writeResults } from './report.ts'
import { measureRules } from './rules.ts'
import { measureSearch } from './search.ts'
import type { MeasuredServer } from './server.ts'
import { settled, startMeasured } from './server.ts'
import { measureWebhook } from './webhook.ts'
import { measureStart } from './start.ts'

/** `npm run bench -- [formats|rules|intake|search|start] [--events N] [--seconds N] [--json FILE]`; see docs/bench.md. */
const NAMES = ['formats', 'rules', 'intake', 'search', 'start'] as const
type Name = (typeof NAMES)[number]

const RESULTS = join(import.meta.dirname, 'results')
const DAYS_MS = 30 * 86_400_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    events: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '30' },
    json: {
      type: 'string',
      default: join(RESULTS, `${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.json`),
    },
  },
})
const unknown = positionals.find((word) => !NAMES.some((name) => name === word))
if (unknown === undefined) await main(NAMES.filter((name) => positionals.length === 0 || positionals.includes(name)))
else {
  console.error(`there is no benchmark ${unknown}: use ${NAMES.join(', ')}`)
  process.exitCode = 2
}

async function main(wanted: readonly Name[]): Promise<void> {
  mkdirSync(RESULTS, { recursive: true })
  const alone = wanted.includes('formats') ? await formatsMeasured() : []
  if (wanted.includes('rules')) alone.push(rulesMeasured())
  if (wanted.every((name) => name === 'formats' || name === 'rules')) return
  const batchCount = Math.max(1, Math.round(Number(values.events) / BATCH))
  const events = batchCount * BATCH
  // Not in the temporary folder, which may be memory: a sync must be a sync.
  const data = mkdtempSync(join(RESULTS, 'data-'))
  const machine = await describeMachine(data)
  console.log(machineLine(machine))
  const batches = corpusOf(batchCount)
  const server = await startMeasured(data)
  try {
    const benchmarks = await run(wanted, server, batches, events)
    for (const each of benchmarks) printBenchmark(each)
    writeResults(values.json, { machine, events, benchmarks: [...alone, ...benchmarks] })
    console.error(`written to ${values.json}`)
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}

/** Decoders alone, then the whole way. A broker needs Java: without it the rest is still measured. */
async function formatsMeasured(): Promise<Benchmark[]> {
  const done: Benchmark[] = []
  const hasJava = spawnSync('java', ['-version']).status === 0
  const measures = [
    async () => measureFormats(),
    () => measureWebhook(RESULTS),
    ...(hasJava ? [() => measureKafka(RESULTS)] : []),
  ]
  if (!hasJava) say('Kafka is left out: there is no java')
  for (const measure of measures) {
    const measured = await measure()
    printBenchmark(measured)
    done.push(measured)
  }
  return done
}

function rulesMeasured(): Benchmark {
  const measured = measureRules()
  printBenchmark(measured)
  return measured
}

/** One folder for all: what intake took is what search looks at and what a start finds. */
async function run(
  wanted: readonly Name[],
  first: MeasuredServer,
  batches: readonly Buffer[],
  events: number,
): Promise<readonly Benchmark[]> {
  const benchmarks: Benchmark[] = []
  const count = events.toLocaleString('en')
  let server = first
  let client = await clientOf(server)
  try {
    say(`posting ${count} events as fast as they are taken`)
    let taken
    if (wanted.includes('intake')) {
      const measured = await measureSaturated(server, client, batches)
      benchmarks.push({ title: `intake of ${count} events, as fast as it goes`, figures: measured.figures })
      taken = measured.acknowledged
    } else taken = await postAll(client, batches)
    if (wanted.includes('search')) {
      say('waiting for the engine to settle, then searching')
      await settled(server)
      const figures = await measureSearch({ client, data: server.data, events, ids: taken.sample })
      benchmarks.push({ title: `search in ${count} events`, figures })
    }
    if (wanted.includes('start')) {
      say('stopping and starting')
      const started = await measureStart(server)
      benchmarks.push({ title: `start with ${count} events`, figures: started.figures })
      server = started.server
      client.close()
      client = await clientOf(server)
    }
    if (wanted.includes('intake')) {
      await settled(server)
      say(`10,000 events a second for ${values.seconds} s`)
      const figures = await measureSteady(server, client, { perSecond: 10_000, seconds: Number(values.seconds) })
      benchmarks.push({ title: `intake of 10,000 events a second for ${values.seconds} s`, figures })
    }
  } finally {
    client.close()
    await server.stop()
  }
  return benchmarks
}

/** Made before any clock starts: spread over the last thirty days, in the order of time. */
function corpusOf(batchCount: number): readonly Buffer[] {
  say('making the events')
  const corpus = createCorpus(1)
  const end = Date.now()
  const step = DAYS_MS / (batchCount * BATCH)
  return Array.from({ length: batchCount }, (_, b) =>
    corpus.batch(BATCH, (n) => Math.floor(end - DAYS_MS + (b * BATCH + n) * step)),
  )
}

async function clientOf(server: MeasuredServer): Promise<Client> {
  // `admin` includes `ingest` and `read`.
  return createClient(server.url, await server.token('admin'))
}

function say(what: string): void {
  console.error(`… ${what}`)
}
