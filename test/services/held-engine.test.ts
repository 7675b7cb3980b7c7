import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EventPage, LogInfo, Summary } from '../../src/domain/answers.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { loadConfig } from '../../src/server/config.ts'
import type { Server } from '../../src/server/server.ts'
import { startServer } from '../../src/server/server.ts'
import { readRun } from '../../src/state/run-file.ts'
import type { ApiClient } from '../api-client.ts'
import { createApiClient } from '../api-client.ts'
import { makeToken } from '../server-process.ts'

const HELD_MS = 60_000
/** Longer than the duplicate window, for which a journal file is kept in any case. */
const WINDOW_MS = 11 * 60_000

let data: string
let server: Server | undefined

beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'whodid-held-'))
})

afterEach(async () => {
  await server?.close()
  rmSync(data, { recursive: true, force: true })
})

test('an engine that stands still for a minute holds up no sender, and the journal shrinks once it has caught up', async () => {
  const clock = aheadClock()
  const file = join(data, 'whodid.yaml')
  writeFileSync(file, '')
  server = await startServer({
    config: loadConfig({ file, data, listen: '127.0.0.1:0' }),
    log: () => undefined,
    clock,
  })
  await server.ready
  const api = createApiClient(server.url, await makeToken(data, 'admin'))
  const engine = readRun(data)?.enginePid ?? 0
  const before = journalBytes()

  process.kill(engine, 'SIGSTOP')
  const { acknowledged, slowestMs } = await postFor(HELD_MS, api)
  const held = journalBytes()
  process.kill(engine, 'SIGCONT')

  // Whole files only are let go of, so there must be some.
  expect(held).toBeGreaterThan(before + 64 * 1024 ** 2)
  expect(slowestMs).toBeLessThan(10_000)
  await until(async () => (await totalOf(api, '-stream:whodid')) === acknowledged)
  expect(await twice(api)).toEqual([])
  await expectRowsAndLeavesAgree(api)

  clock.skip(WINDOW_MS)
  await until(async () => journalBytes() < held / 2)
  expect(await totalOf(api, '-stream:whodid')).toBe(acknowledged)
}, 600_000)

/** The machine's clock, which can be put forward. */
function aheadClock(): Clock & { skip(ms: number): void } {
  let aheadMs = 0
  return {
    now: () => systemClock.now() + aheadMs,
    later: (ms, call) => systemClock.later(ms, call),
    skip(ms) {
      aheadMs += ms
    },
  }
}

function journalBytes(): number {
  const folder = join(data, 'journal')
  return readdirSync(folder).reduce((sum, name) => sum + (statSync(join(folder, name)).size || 0), 0)
}

/** Two senders; each post must be taken. */
async function postFor(ms: number, api: ApiClient): Promise<{ acknowledged: number; slowestMs: number }> {
  const end = performance.now() + ms
  let acknowledged = 0
  let slowestMs = 0
  async function send(sender: number): Promise<void> {
    for (let n = 0; performance.now() < end; n++) {
      const began = performance.now()
      const { status, receipt } = await api.post(records(`${sender}-${n}`))
      slowestMs = Math.max(slowestMs, performance.now() - began)
      expect(status).toBe(200)
      acknowledged += receipt?.kept ?? 0
      // Enough to fill more than one file; what is written here must be caught up with afterwards.
      await sleep(40)
    }
  }
  await Promise.all([send(1), send(2)])
  return { acknowledged, slowestMs }
}

/** Large records: bytes fill the journal, and every event is looked at afterwards. */
const FILLING = 'what was asked for and what was answered '.repeat(60)

function records(batch: string): readonly object[] {
  return Array.from({ length: 25 }, (_, n) => ({
    '@timestamp': new Date().toISOString(),
    event: { id: `${batch}-${n}`, action: 'read', outcome: 'success' },
    user: { name: `user-${n}` },
    message: FILLING,
  }))
}

/** Ids that more than one event has. */
async function twice(api: ApiClient): Promise<readonly string[]> {
  const seen = new Set<string>()
  const again: string[] = []
  let cursor = ''
  for (;;) {
    const page = await api.json<EventPage>(`/v1/events?q=-stream:whodid&limit=1000${cursor}`)
    for (const { event } of page.events) {
      const id = event.id ?? ''
      if (seen.has(id)) again.push(id)
      seen.add(id)
    }
    if (page.next === undefined) return again
    cursor = `&cursor=${encodeURIComponent(page.next)}`
  }
}

async function expectRowsAndLeavesAgree(api: ApiClient): Promise<void> {
  await until(async () => {
    const { logs } = await api.json<{ logs: readonly LogInfo[] }>('/log')
    const leaves = logs.find(({ stream }) => stream === 'default')?.size
    const rows = (await totalOf(api, 'stream:default')) + (await totalOf(api, 'stream:default source:_log'))
    return rows === leaves
  })
}

async function totalOf(api: ApiClient, q: string): Promise<number> {
  return (await api.json<Summary>(`/v1/events:summary?q=${encodeURIComponent(q)}`)).total
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(500)
}
