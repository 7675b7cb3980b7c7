import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createApiClient } from '../api-client.ts'
import type { ServerProcessOptions } from '../server-process.ts'
import { beginServerProcess, startServerProcess } from '../server-process.ts'

let folder: string
let data: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whodid-start-'))
  data = join(folder, 'data')
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

test('names the port that is in use, and how to take another', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  // A server that listens on TCP has a port.
  const { port } = other.address() as AddressInfo

  const said = await refusedStart({ data, listen: `127.0.0.1:${port}` })

  expect(said).toContain(`127.0.0.1:${port} is in use`)
  expect(said).toContain('--listen')
  other.close()
})

test('names the process that has the data folder, which goes on undisturbed', async () => {
  const first = await startServerProcess({ data })

  const said = await refusedStart({ data })

  expect(said).toContain(`the data folder ${data} belongs to the process ${first.pid} at ${first.url}`)
  expect(said).toContain(`kill ${first.pid}`)
  const api = createApiClient(first.url, await first.token('admin'))
  expect((await api.post([{ event: { action: 'login' } }])).status).toBe(200)
  await first.stop()
})

test('refuses state that a newer version wrote, and leaves it as it is', async () => {
  await makeData()
  const path = join(data, 'state.db')
  inDatabase(path, 'PRAGMA user_version = 999')

  const said = await refusedStart({ data })

  expect(said).toContain(`${path} has version 999`)
  expect(said).toContain('or a newer one')
  expect(inDatabase(path, 'PRAGMA user_version')).toEqual([{ user_version: 999 }])
})

test('refuses a journal that a newer version wrote', async () => {
  await makeData()
  const path = journalFile()
  const bytes = readFileSync(path)
  bytes.writeUInt32LE(7, 4)
  writeFileSync(path, bytes)

  expect(await refusedStart({ data })).toContain(`journal file ${path} is of version 7`)
})

test('refuses a damaged journal, says where, and does not touch it', async () => {
  await makeData()
  const path = journalFile()
  const bytes = readFileSync(path)
  const middle = Math.floor(bytes.length / 3)
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle)
  writeFileSync(path, bytes)

  const said = await refusedStart({ data })

  expect(said).toMatch(/journal file .*\.wdj is damaged at byte \d+/)
  expect(said).toContain('hint: ')
  expect(readFileSync(path)).toEqual(bytes)
})

test('says where in the configuration an unknown key is, and which one was meant', async () => {
  const config = join(folder, 'whodid.yaml')
  writeFileSync(config, 'install: acme\nlisen: 127.0.0.1:0\n')

  const said = await refusedStart({ data, config })

  expect(said).toContain(`${config}:2:`)
  expect(said).toContain('lisen')
  expect(said).toContain('listen')
})

test('refuses the data folder of another install', async () => {
  await makeData('install: acme\n')
  const config = join(folder, 'whodid.yaml')
  writeFileSync(config, 'install: other\n')

  const said = await refusedStart({ data, config })

  expect(said).toContain('acme')
  expect(said).toContain('other')
})

test('says that the disk is read-only', async () => {
  const disk = mkdtempSync(join(folder, 'disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', disk])
  try {
    const said = await refusedStart({ data: join(disk, 'data') })
    expect(said).toContain(join(disk, 'data'))
    expect(said).toContain('hint: ')
  } finally {
    execFileSync('umount', [disk])
  }
})

test('goes on taking records while its engine is killed, says so, and finds them once a new one is up', async () => {
  const server = await startServerProcess({ data })
  const api = createApiClient(server.url, await server.token('admin'))
  const killed = server.enginePid()
  expect(killed).toBeGreaterThan(0)

  process.kill(killed ?? 0, 'SIGKILL')

  const { status, receipt } = await api.post([{ event: { action: 'login' }, user: { name: 'ada' } }])
  expect(status).toBe(200)
  const [result] = receipt?.results ?? []
  const id = result !== undefined && 'id' in result ? result.id : ''
  await until(async () => (await api.status(`/v1/events/${id}`)) === 200)
  await until(async () => (await api.status('/readyz')) === 200)
  expect(server.enginePid()).not.toBe(killed)
  const { stderr } = await server.stop()
  expect(stderr).toMatch(/the engine.* ended with SIGKILL/)
})

/** Starts a server that must refuse with exit code 1, without a stack, and gives what it said. */
async function refusedStart(options: ServerProcessOptions): Promise<string> {
  const starting = beginServerProcess(options)
  const started = starting.ready.then(
    () => 'started' as const,
    () => 'refused' as const,
  )
  if ((await started) === 'started') {
    await starting.kill()
    throw new Error('it started')
  }
  const { code, stderr } = await starting.ended
  expect(code).toBe(1)
  expect(stderr).toMatch(/^whodid: /m)
  expect(stderr).not.toContain('internal error')
  return stderr
}

/** A data folder with some events in it. */
async function makeData(yaml = ''): Promise<void> {
  const config = join(folder, 'first.yaml')
  writeFileSync(config, yaml)
  const server = await startServerProcess({ data, config })
  const api = createApiClient(server.url, await server.token('admin'))
  for (let n = 0; n < 20; n++) await api.post([{ event: { action: 'login' }, user: { name: `user-${n}` } }])
  await server.stop()
}

function journalFile(): string {
  const [name] = readdirSync(join(data, 'journal'))
  return join(data, 'journal', name ?? '')
}

function inDatabase(path: string, sql: string): unknown {
  const database = new DatabaseSync(path)
  const rows = database.prepare(sql).all()
  database.close()
  return rows
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(100)
}
