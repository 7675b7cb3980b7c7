import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Admin, Producer } from '@platformatic/kafka'
import type { SourceAnswer } from '../src/domain/answers.ts'
import { createApiClient } from '../test/api-client.ts'
import { casesOf } from '../test/format-fixtures.ts'
import { startKafka } from '../test/services/kafka-broker.ts'
import { startServerProcess } from '../test/server-process.ts'
import type { Benchmark } from './report.ts'

const TOPIC = 'audit'
const PARTITIONS = 3
const BATCH = 1000

/**
 * Records a second from a topic of a real broker into the journal, ledger and store at work: the topic is full before the
 * server starts. Broker, server and engine share the machine. Needs Java, and Maven once.
 */
export async function measureKafka(results: string, records = 200_000): Promise<Benchmark> {
  const broker = await startKafka()
  const folder = mkdtempSync(join(results, 'kafka-'))
  try {
    const bytes = await fill(broker.inside, records)
    const config = join(folder, 'whodid.yaml')
    writeFileSync(
      config,
      `sources:\n  - { name: flex, kind: kafka, brokers: ['${broker.address}'], topics: [${TOPIC}] }\n`,
    )
    const server = await startServerProcess({ data: join(folder, 'data'), config })
    const api = createApiClient(server.url, await server.token('admin'))
    const first = await receivedOver(api, 0)
    const last = await receivedOver(api, records - 1)
    await server.stop()
    const rate = ((last.records - first.records) / (last.at - first.at)) * 1000
    const what = `kafka: flex-audit of ${Math.round(bytes / records)} B, ${PARTITIONS} partitions, into the journal`
    return {
      title: `end to end from ${records.toLocaleString('en')} records in a topic`,
      figures: [{ what, value: rate, unit: '/s' }],
    }
  } finally {
    await broker.remove()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function fill(broker: string, records: number): Promise<number> {
  const values = casesOf('flex-audit').map((each) => Buffer.from(each.bytes))
  const admin = new Admin({ clientId: 'bench', bootstrapBrokers: [broker] })
  await admin.createTopics({ topics: [TOPIC], partitions: PARTITIONS, replicas: 1 })
  await admin.close()
  const producer = new Producer({
    clientId: 'bench',
    bootstrapBrokers: [broker],
    idempotent: true,
    maxInflights: 1,
    retries: 10,
  })
  let bytes = 0
  for (let sent = 0; sent < records; sent += BATCH) {
    const messages = Array.from({ length: BATCH }, (_, n) => {
      const value = values[(sent + n) % values.length] ?? Buffer.alloc(0)
      bytes += value.length
      return { topic: TOPIC, partition: n % PARTITIONS, value }
    })
    await producer.send({ messages, compression: 'gzip' })
  }
  await producer.close()
  return bytes
}

async function receivedOver(
  api: ReturnType<typeof createApiClient>,
  records: number,
): Promise<{ records: number; at: number }> {
  for (;;) {
    const { accounting } = await api.json<SourceAnswer>('/v1/sources/flex')
    if (accounting.received > records) return { records: accounting.received, at: performance.now() }
    await sleep(20)
  }
}
