import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FluentClient } from '@fluent-org/logger'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EventPage, SourceAnswer } from '../../src/domain/answers.ts'
import type { AuditEvent } from '../../src/domain/event.ts'
import { type ApiClient, createApiClient } from '../api-client.ts'
import { attribute, logs } from '../otlp-logs.ts'
import { type ServerProcess, startServerProcess } from '../server-process.ts'

/** A real OpenTelemetry Collector before whodid, which it reaches in three ways at the same time. Needs Go. */

const TOKEN = 'a-token-of-the-collector'
const KEY = 'a-key-of-the-forwarders'
const WAYS = ['otel-protobuf', 'otel-json', 'otel-grpc'] as const

interface Ports {
  readonly whodid: number
  readonly grpc: number
  readonly forward: number
  readonly otlp: number
  readonly fluent: number
}

let folder: string
let ports: Ports
let server: ServerProcess
let collector: ChildProcess | undefined

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'whodid-otel-'))
  const [whodid = 0, grpc = 0, forward = 0, otlp = 0, fluent = 0] = await freePorts(5)
  ports = { whodid, grpc, forward, otlp, fluent }
  writeFileSync(
    join(folder, 'whodid.yaml'),
    `sources:
  - { name: otel-protobuf, kind: otlp, token: { env: OTEL_TOKEN } }
  - { name: otel-json, kind: otlp, token: { env: OTEL_TOKEN } }
  - { name: otel-grpc, kind: otlp-grpc, listen: '127.0.0.1:${grpc}', token: { env: OTEL_TOKEN } }
  - { name: fluent, kind: fluent-forward, listen: '127.0.0.1:${forward}', sharedKey: { env: FLUENT_KEY } }
`,
  )
  server = await startServer()
  collector = await startCollector()
})

afterEach(async () => {
  if (collector !== undefined) await end(collector)
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('what two people do arrives in all three ways, with who, what, whence and how it ended', async () => {
  const api = await apiOf()
  await post([
    {
      body: 'ada approved invoice 4711',
      eventName: 'invoice.approve',
      attributes: [
        attribute('enduser.id', 'ada@example.com'),
        attribute('client.address', '203.0.113.9'),
        attribute('audit.resource.type', 'invoice'),
        attribute('audit.resource.name', '4711'),
        attribute('event.outcome', 'success'),
      ],
    },
    {
      body: 'bob may not',
      eventName: 'invoice.delete',
      attributes: [
        attribute('enduser.id', 'bob@example.com'),
        attribute('audit.authz.decision', 'deny'),
        attribute('audit.authz.reason', 'not the owner'),
        attribute('audit.resource.type', 'invoice'),
        attribute('audit.resource.name', '4711'),
      ],
    },
  ])

  for (const way of WAYS) {
    const [approved] = await found(api, `source:${way} actor:ada@example.com action:invoice.approve`, 1)
    expect(approved).toMatchObject({
      '@timestamp': '2026-11-20T14:03:22.125Z',
      event: { outcome: 'success', action: 'invoice.approve', provider: 'shop.audit' },
      user: { id: 'ada@example.com', kind: 'person' },
      source: { ip: '203.0.113.9' },
      audit: { resource: [{ type: 'invoice', name: '4711' }] },
      service: { name: 'shop' },
      message: 'ada approved invoice 4711',
    })
    const [refused] = await found(api, `source:${way} actor:bob@example.com decision:deny resource:4711`, 1)
    expect(refused).toMatchObject({
      event: { outcome: 'failure', type: ['denied'] },
      audit: { authz: { decision: 'deny', reason: 'not the owner' } },
    })
    // The bytes that came: of protobuf and JSON alike they are a whole OTLP message.
    const original = Buffer.from(await api.bytes(`/v1/events/${refused?.event.id}/original`)).toString('utf8')
    expect(original).toContain('not the owner')
    expect(original.startsWith('{')).toBe(way === 'otel-json')
  }
})

test('stopped in the middle, killed and started again: nothing is missing, nothing is there twice', async () => {
  const sent: string[] = []
  const send = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) {
      const records = Array.from({ length: 5 }, (_, nth) => {
        const name = `act-${sent.length + nth}`
        return { eventName: name, attributes: [attribute('enduser.id', `user-${n % 2}`)], nanos: nanosNow() }
      })
      await post(records)
      sent.push(...records.map(({ eventName }) => eventName))
    }
  }
  await send(20)
  const sending = send(60)
  await sleep(100)
  await server.kill()
  await sending
  await send(20)
  server = await startServer()
  await send(20)
  const stopping = server.stop()
  await send(20)
  await stopping
  server = await startServer()
  await send(10)

  const api = await apiOf()
  for (const way of WAYS) {
    const events = await found(api, `source:${way}`, sent.length)
    expect(events, way).toHaveLength(sent.length)
    expect(new Set(events.map(({ event }) => event.action)), way).toEqual(new Set(sent))
    const { accounting } = await api.json<SourceAnswer>(`/v1/sources/${way}`)
    expect(accounting.kept, way).toBe(sent.length)
  }
}, 300_000)

test('what the forward protocol brings to a Collector and to us is the same', async () => {
  const toCollector = new FluentClient('app', {
    socket: { host: '127.0.0.1', port: ports.fluent, timeout: 5000 },
    ack: { ackTimeout: 5000 },
    eventMode: 'PackedForward',
  })
  const toUs = new FluentClient('app', {
    socket: { host: '127.0.0.1', port: ports.forward, timeout: 5000 },
    ack: { ackTimeout: 5000 },
    eventMode: 'CompressedPackedForward',
    security: { clientHostname: 'sender', sharedKey: KEY },
  })
  const record = (n: number) => ({
    event: { action: 'sell', id: `sale-${n}` },
    user: { name: 'ada' },
    message: `sale ${n}`,
  })
  for (let n = 0; n < 5; n++) {
    const emitted = [toCollector.emit('sale', record(n)), toUs.emit('sale', record(n))]
    await Promise.all([...emitted, toCollector.flush(), toUs.flush()])
  }
  const api = await apiOf()
  const direct = await found(api, 'source:fluent action:sell', 5)
  const through = await found(api, 'source:otel-protobuf', 5)
  const messagesOf = (events: readonly AuditEvent[]) => new Set(events.map(({ message }) => message))
  expect(messagesOf(through)).toEqual(messagesOf(direct))
  expect(through[0]?.labels?.['fluent_tag']).toBe('app.sale')
  await Promise.all([toCollector.disconnect(), toUs.disconnect()])
})

function nanosNow(): string {
  return `${Date.now()}${String(Math.floor(Math.random() * 1e6)).padStart(6, '0')}`
}

async function post(records: Parameters<typeof logs>[0]): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${ports.otlp}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(logs(records)),
  })
  if (answer.status !== 200) throw new Error(`the Collector answered ${answer.status}: ${await answer.text()}`)
  await answer.text()
}

async function apiOf(): Promise<ApiClient> {
  return createApiClient(server.url, await server.token('admin'))
}

async function found(api: ApiClient, q: string, wanted: number): Promise<readonly AuditEvent[]> {
  const deadline = Date.now() + 60_000
  for (;;) {
    const { events } = await api.json<EventPage>(`/v1/events?limit=1000&q=${encodeURIComponent(q)}`)
    if (events.length >= wanted) return events
    if (Date.now() > deadline) {
      const said = readFileSync(join(folder, 'collector.txt'), 'utf8').slice(-3000)
      throw new Error(`${q}: ${events.length} of ${wanted} events arrived; the Collector says ${said}`)
    }
    await sleep(100)
  }
}

function startServer(): Promise<ServerProcess> {
  return startServerProcess({
    data: join(folder, '.whodid'),
    config: join(folder, 'whodid.yaml'),
    listen: `127.0.0.1:${ports.whodid}`,
    env: { OTEL_TOKEN: TOKEN, FLUENT_KEY: KEY },
  })
}

async function startCollector(): Promise<ChildProcess> {
  const binary = execFileSync('sh', [join(import.meta.dirname, 'otel/build.sh')], { encoding: 'utf8' }).trim()
  const log = openSync(join(folder, 'collector.txt'), 'a')
  const child = spawn(binary, ['--config', join(import.meta.dirname, 'otel/collector.yaml')], {
    stdio: ['ignore', log, log],
    env: {
      ...process.env,
      WHODID: `http://127.0.0.1:${ports.whodid}`,
      WHODID_GRPC: String(ports.grpc),
      OTLP_HTTP: String(ports.otlp),
      FLUENT: String(ports.fluent),
      TOKEN,
    },
  })
  closeSync(log)
  while (!readFileSync(join(folder, 'collector.txt'), 'utf8').includes('Everything is ready')) {
    if (child.exitCode !== null) throw new Error(readFileSync(join(folder, 'collector.txt'), 'utf8'))
    await sleep(50)
  }
  return child
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const gone = once(child, 'exit')
  child.kill()
  await gone
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((each) => once(each, 'listening')))
  // A listener on a port has an address of this shape.
  const free = servers.map((each) => (each.address() as AddressInfo).port)
  await Promise.all(servers.map((each) => once(each.close(), 'close')))
  return free
}
