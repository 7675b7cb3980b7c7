import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, openSync, writeFileSync, writeSync, closeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { AuditEvent } from '../../src/domain/event.ts'
import type { ApiClient } from '../api-client.ts'
import { createApiClient } from '../api-client.ts'
import { startServerProcess } from '../server-process.ts'
import type { ServerProcess } from '../server-process.ts'

/** A disk of 32 MB, for real: mounting it takes root. */
let folder: string
let disk: string
let data: string
let config: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whodid-disk-'))
  disk = join(folder, 'disk')
  data = join(disk, 'data')
  config = join(folder, 'whodid.yaml')
  mkdirSync(disk)
  // So that the disk ends before the journal's own bound, which is a share of it.
  writeFileSync(config, 'journal: { maxBytes: 1000000000 }\n')
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', disk])
})

afterEach(() => {
  execFileSync('umount', ['--lazy', disk])
  rmSync(folder, { recursive: true, force: true })
})

test('tells senders to wait before the disk is full, takes records again when there is room, and loses nothing', async () => {
  const server = await start()
  const api = await apiOf(server)
  const ids: string[] = []

  const refused = await postUntilRefused(api, ids, 100)

  expect(refused.status).toBe(429)
  expect(refused.retryAfter).toBeGreaterThan(0)
  expect(refused.text).toContain('the disk is nearly full')
  expect(refused.text).toContain(`make room on the disk of ${data}`)
  expect(await notReady(server)).toContain('the disk is nearly full')

  execFileSync('mount', ['-o', 'remount,size=128m', disk])
  await postUntilTaken(api, ids)
  await server.kill()
  const again = await start()
  await expectAllThere(await apiOf(again), ids)
  await again.stop()
})

test('ends when a write finds the disk full, says so, and has all that it acknowledged after a start with room', async () => {
  const server = await start()
  const api = await apiOf(server)
  const ids: string[] = []
  await postUntilTaken(api, ids)

  const filler = fill()
  await postUntilGone(api, ids, filler)

  const { code, stderr } = await server.ended
  expect(code).toBe(1)
  expect(stderr).toContain('the disk is full (ENOSPC)')
  expect(stderr).toContain(data)

  await expect(start()).rejects.toThrow(/ended with 1: .*(disk|space)/s)

  rmSync(filler)
  const again = await start()
  await expectAllThere(await apiOf(again), ids)
  await again.stop()
})

function start(): Promise<ServerProcess> {
  return startServerProcess({ data, config })
}

async function apiOf(server: ServerProcess): Promise<ApiClient> {
  return createApiClient(server.url, await server.token('admin'))
}

let sent = 0

function records(count: number): readonly object[] {
  return Array.from({ length: count }, () => ({
    '@timestamp': new Date().toISOString(),
    event: { action: 'read', outcome: 'success' },
    user: { name: `user-${sent++ % 50}` },
    // Nothing that compresses well, or the disk would never be full.
    message: Array.from({ length: 60 }, () => Math.random().toString(36).slice(2)).join(''),
  }))
}

/** Slowly enough that the server looks at its disk before it is full. */
async function postUntilRefused(api: ApiClient, ids: string[], count: number) {
  for (;;) {
    const posted = await api.post(records(count))
    if (posted.status !== 200) return posted
    for (const result of posted.receipt?.results ?? []) if ('id' in result) ids.push(result.id)
    await sleep(100)
  }
}

async function postUntilTaken(api: ApiClient, ids: string[]): Promise<void> {
  for (;;) {
    const { status, receipt } = await api.post(records(100))
    for (const result of receipt?.results ?? []) if ('id' in result) ids.push(result.id)
    if (status === 200) return
    await sleep(200)
  }
}

/** Posts until the server is gone. It may see the full disk by itself first: then it is given room, and it is filled again. */
async function postUntilGone(api: ApiClient, ids: string[], filler: string): Promise<void> {
  try {
    for (;;) {
      const { text } = await api.post(records(200))
      if (!text.includes('nearly full')) continue
      rmSync(filler)
      await postUntilTaken(api, ids)
      fill()
    }
  } catch (error) {
    // `fetch failed`: nobody listens there any more.
    if (!(error instanceof TypeError)) throw error
  }
}

/** Takes the last byte of the disk. */
function fill(): string {
  const path = join(disk, 'filler')
  const file = openSync(path, 'w')
  try {
    const block = Buffer.alloc(4096)
    for (;;) writeSync(file, block)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  } finally {
    closeSync(file)
  }
  return path
}

async function notReady(server: ServerProcess): Promise<string> {
  return await (await fetch(`${server.url}/readyz`)).text()
}

async function expectAllThere(api: ApiClient, ids: readonly string[]): Promise<void> {
  for (const id of ids.slice(-300)) {
    while ((await api.status(`/v1/events/${id}`)) === 404) await sleep(100)
    expect((await api.json<AuditEvent>(`/v1/events/${id}`)).event.id).toBe(id)
  }
}
