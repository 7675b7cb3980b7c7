import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EventPage, LogInfo, Summary } from '../../src/domain/answers.ts'
import type { AuditEvent } from '../../src/domain/event.ts'
import { parseLeaf } from '../../verify/index.ts'
import { type ApiClient, createApiClient } from '../api-client.ts'
import { leavesOf } from '../crash/checkpoints.ts'
import { GrowingFile } from '../crash/growing-file.ts'
import { type ForwarderProcess, startForwarderProcess } from '../forwarder-process.ts'
import { seeded } from '../seeded.ts'
import { makeToken, type ServerProcess, startServerProcess } from '../server-process.ts'

const KILLS = 20
const TOKEN = '0123456789abcdef-of-the-bastion'

let folder: string
let port: number
let server: ServerProcess | undefined
let forwarder: ForwarderProcess | undefined
let growth: AbortController

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'whodid-forward-'))
  port = await freePort()
  growth = new AbortController()
  writeFileSync(at('token'), `${TOKEN}\n`)
  writeFileSync(at('writer.yaml'), 'sources: [{ name: bastion, kind: forward, token: { file: token } }]\n')
})

afterEach(async () => {
  growth.abort()
  await forwarder?.kill()
  await server?.kill()
  rmSync(folder, { recursive: true, force: true })
})

test('forwarder and writer are killed in turn, and every line is there once, its numbers without a hole', async () => {
  const random = seeded(1)
  const lines = new Set<string>()
  const file = new GrowingFile(at('logs'), lines)
  writeFileSync(at('forward.yaml'), forwardYaml(file.pattern))
  const growing = file.grow(random, growth.signal)
  server = await startWriter()
  forwarder = startForwarder()

  for (let kill = 0; kill < KILLS; kill++) {
    const [had, isForwarders] = [lines.size, kill % 2 === 0]
    // One in four dies while it starts.
    if (isForwarders && !random.chance(0.25)) await forwarder.ready
    await sleep(random.between(0, 1500))
    await (isForwarders ? forwarder : server).kill()
    // The other one works on alone for a while.
    while (lines.size < had + 20) await sleep(10)
    if (isForwarders) forwarder = startForwarder()
    else server = await startWriter()
  }
  const epoch = await forwarder.ready
  growth.abort()
  await growing

  const api = await apiOf(server)
  await until(async () => (await totalOf(api, 'source:bastion')) >= lines.size)
  const found = await everything(api)
  expect(found.map(markerOf).toSorted()).toEqual([...lines].toSorted())
  expect(found.filter(({ whodid }) => whodid?.conflict === true)).toEqual([])
  // A checkpoint is signed each second: the last leaves are found once one covers them.
  let numbers: ReadonlyMap<number, readonly number[]> = new Map()
  await until(async () => {
    numbers = await numbersOf(api, 'bastion')
    return countOf(numbers) >= lines.size
  })
  expect([...numbers.keys()]).toEqual([epoch])
  expect(numbers.get(epoch)).toEqual(Array.from(lines, (_, n) => n + 1))
  expect((await forwarder.stop()).code).toBe(0)
}, 600_000)

function at(name: string): string {
  return join(folder, name)
}

function forwardYaml(pattern: string): string {
  return [
    `forward: { to: "http://127.0.0.1:${port}/in/bastion", token: { file: token }, host: web-1 }`,
    `sources: [{ name: app, kind: file, paths: ["${pattern}"], format: ecs }]`,
  ].join('\n')
}

function startWriter(): Promise<ServerProcess> {
  return startServerProcess({ data: at('writer'), config: at('writer.yaml'), listen: `127.0.0.1:${port}` })
}

function startForwarder(): ForwarderProcess {
  return startForwarderProcess({ data: at('forwarder'), config: at('forward.yaml') })
}

/** One that nobody has now; the server comes back to it again and again. */
async function freePort(): Promise<number> {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  const address = taken.address()
  await new Promise((resolve) => taken.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function apiOf(running: ServerProcess): Promise<ApiClient> {
  return createApiClient(running.url, await makeToken(running.data, 'admin'))
}

async function everything(api: ApiClient): Promise<readonly AuditEvent[]> {
  const events: AuditEvent[] = []
  for (let cursor = ''; ;) {
    const page = await api.json<EventPage>(`/v1/events?q=source:bastion&limit=1000${cursor}`)
    events.push(...page.events)
    if (page.next === undefined) return events
    cursor = `&cursor=${encodeURIComponent(page.next)}`
  }
}

function markerOf(event: AuditEvent): string {
  return event.labels?.['marker'] ?? ''
}

/** `n` of the leaves of a source by epoch, in the order of the leaves, over all its logs. */
async function numbersOf(api: ApiClient, source: string): Promise<ReadonlyMap<number, readonly number[]>> {
  const numbers = new Map<number, number[]>()
  const { logs } = await api.json<{ logs: readonly LogInfo[] }>('/log')
  for (const { origin } of logs.filter(({ stream }) => stream !== 'root')) {
    for (const leaf of await leavesOf(api, origin)) {
      const { s, e, n } = parseLeaf(Buffer.from(leaf).toString())
      if (s !== source || e === undefined || n === undefined) continue
      numbers.set(e, [...(numbers.get(e) ?? []), n])
    }
  }
  return numbers
}

function countOf(numbers: ReadonlyMap<number, readonly number[]>): number {
  return [...numbers.values()].reduce((sum, each) => sum + each.length, 0)
}

async function totalOf(api: ApiClient, q: string): Promise<number> {
  return (await api.json<Summary>(`/v1/events:summary?q=${encodeURIComponent(q)}`)).total
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(200)
}
