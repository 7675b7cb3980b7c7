import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aSealed } from '../../test/sealed-events.ts'
import { createConnection } from './connection.ts'
import type { Connection } from './connection.ts'
import { encodeRows } from './encode.ts'
import { startEngine } from './engine.ts'
import type { Engine } from './engine.ts'
import { createInserts } from './insert.ts'
import { migrate } from './schema.ts'

let folder: string
let engine: Engine
let connection: Connection

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'engine-'))
  engine = startEngine({ folder, log: () => undefined })
  connection = createConnection({ engine }, 'whodid')
  await migrate(connection)
})

afterAll(async () => {
  await connection.close()
  await engine.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Longer than any test: about a minute of hashing. */
const LONG = 'SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1'

/** Statements that the engine works at. It goes on listing a failed one until its session is used again. */
async function running(): Promise<number> {
  const rows = await connection.ask<{ statements: number }>(
    `SELECT count() AS statements FROM system.processes
     WHERE query LIKE '%sipHash64(number) = 1%' AND query NOT LIKE '%system.processes%' AND NOT is_cancelled`,
    {},
  )
  return rows[0]?.statements ?? -1
}

describe('a reader', () => {
  test('gets values bound as they are', async () => {
    const text = `x'y\\z\0\n\r\t"{p0:String}😀`
    const sql = 'SELECT {text:String} AS text, {list:Array(String)} AS list, {number:UInt64} AS number'
    const { rows } = await connection.select(sql, { text, list: [text, ''], number: 2 ** 53 - 1 })
    expect(rows).toEqual([{ text, list: [text, ''], number: 2 ** 53 - 1 }])
  })

  test('gets own values while others ask at the same time', async () => {
    const asked = Array.from({ length: 200 }, (_, n) => `value ${n}`)
    const answers = await Promise.all(
      asked.map((value) => connection.select<{ value: string }>('SELECT {value:String} AS value', { value })),
    )
    expect(answers.map((answer) => answer.rows[0]?.value)).toEqual(asked)
  })

  test('never finds a value that an earlier statement left', async () => {
    await Promise.all(
      Array.from({ length: 8 }, () => connection.select('SELECT {secret:String} AS value', { secret: 'left behind' })),
    )
    for (let n = 0; n < 8; n++) {
      const answer = await connection
        .select('SELECT {secret:String} AS value, {other:String} AS other', { other: 'x' })
        .catch((error: unknown) => error)
      expect(JSON.stringify(answer)).not.toContain('left behind')
    }
  })

  test('cannot write, change settings, read or write files, or reach other machines', async () => {
    const statements = [
      'INSERT INTO whodid.schema_version VALUES (99, now())',
      'CREATE TABLE whodid.mine (a UInt8) ENGINE = Memory',
      'DROP TABLE whodid.events',
      'SET readonly = 0',
      'SELECT 1 SETTINGS readonly = 0',
      'SELECT 1 SETTINGS max_execution_time = 1000',
      'SELECT 1 SETTINGS max_memory_usage = 0',
      "SELECT * FROM file('/etc/passwd', 'LineAsString')",
      "SELECT file('/etc/passwd')",
      `SELECT 1 INTO OUTFILE '${join(folder, 'out')}'`,
      "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
      "SELECT * FROM s3('http://127.0.0.1:1/b/k', 'LineAsString')",
      "SELECT * FROM remote('127.0.0.1:1', 'system.one')",
      "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
      "SELECT * FROM executable('id', 'LineAsString', 'a String')",
      'KILL QUERY WHERE 1',
      'SELECT 1; SELECT 2',
      'SYSTEM SHUTDOWN',
    ]
    for (const sql of statements) {
      await expect(connection.select(sql, {}), sql).rejects.toMatchObject({ code: 'engine_failed' })
    }
    expect(readdirSync(folder)).not.toContain('out')
  })

  test('that goes away ends its statement in the engine', async () => {
    const gone = new AbortController()
    const asked = connection.select(LONG, {}, gone.signal)
    await expect.poll(running).toBe(1)

    gone.abort(new Error('gone'))

    await expect(asked).rejects.toThrow('gone')
    await expect.poll(running).toBe(0)
  })

  test('that goes away leaves its place to the next, with nothing in it', async () => {
    const gone = new AbortController()
    const rows =
      "SELECT number, 'not yours' AS text FROM numbers(100000000000) WHERE sipHash64(number) = 1 OR number < 100000"
    const asked = Array.from({ length: 4 }, () =>
      connection.select(rows, {}, gone.signal).catch((error: unknown) => error),
    )
    await expect.poll(running).toBe(4)

    gone.abort(new Error('gone'))
    await Promise.all(asked)

    const next = await Promise.all(Array.from({ length: 8 }, () => connection.select('SELECT 1 AS one', {})))
    for (const answer of next) expect(answer.rows).toEqual([{ one: 1 }])
  })

  test('whose statement fails in the middle leaves nothing to the next', async () => {
    const failing = "SELECT throwIf(number = 300000), 'not yours' AS text FROM numbers(1000000)"
    for (let n = 0; n < 8; n++) {
      await expect(connection.select(failing, {})).rejects.toMatchObject({ code: 'engine_failed' })
      expect((await connection.select('SELECT 1 AS one', {})).rows).toEqual([{ one: 1 }])
    }
  })

  test('is told when a query needs too much, in words without contents', async () => {
    const sql = "SELECT groupArray(repeat('secret', number)) FROM numbers(1000000)"
    await expect(connection.select(sql, {})).rejects.toMatchObject({
      code: 'engine_failed',
      message: expect.not.stringContaining('secret'),
    })
    await expect(connection.select('SELECT no_such_column', {})).rejects.toMatchObject({ code: 'engine_failed' })
  })
})

test('slow reads, as many as there may be, never hold up an insert', async () => {
  const inserts = createInserts(connection)
  const gone = new AbortController()
  const slow = Array.from({ length: 6 }, () =>
    connection.select(LONG, {}, gone.signal).catch((error: unknown) => error),
  )
  await expect.poll(running).toBe(4)

  for (let index = 0; index < 5; index++) {
    const started = performance.now()
    const event = aSealed({}, { feed: index })
    await inserts.insert({
      log: event.log,
      first: index,
      last: index,
      blocks: [encodeRows([event])],
      events: async () => [event],
      onRefused: () => expect.unreachable('refused'),
    })
    const [found] = await connection.ask<{ events: number }>('SELECT count() AS events FROM whodid.events', {})
    expect(found?.events).toBe(index + 1)
    expect(performance.now() - started).toBeLessThan(3_000)
  }

  gone.abort(new Error('enough'))
  await Promise.all(slow)
  await expect.poll(running).toBe(0)
})

test('while one reader takes ten seconds, what arrives is found by the others within three seconds', async () => {
  const inserts = createInserts(connection)
  const gone = new AbortController()
  const slow = connection.select(LONG, {}, gone.signal).catch((error: unknown) => error)
  await expect.poll(running).toBe(1)

  const began = performance.now()
  for (let index = 0; performance.now() - began < 10_000; index++) {
    const started = performance.now()
    const event = aSealed({}, { log: 'test/n1/beside/2026-11', feed: 100 + index, index })
    const { log } = event
    const events = () => Promise.resolve([event])
    const batch = { log, first: index, last: index, blocks: [encodeRows([event])], events }
    await inserts.insert({ ...batch, onRefused: () => expect.unreachable('refused') })
    const sql = 'SELECT count() AS events FROM whodid.events WHERE log = {log:String}'
    const { rows } = await connection.select<{ events: number }>(sql, { log })
    expect(rows).toEqual([{ events: index + 1 }])
    expect(performance.now() - started).toBeLessThan(3_000)
  }
  expect(await running()).toBe(1)

  gone.abort(new Error('enough'))
  await slow
  await expect.poll(running).toBe(0)
})

test('a row that the engine refuses is found, and stored without its columns', async () => {
  await connection.command(`ALTER TABLE whodid.events ADD CONSTRAINT no_eve CHECK usr != 'eve'`)
  const log = 'test/n1/refused/2026-11'
  const events = ['ada', 'bob', 'eve', 'ada', 'eve', 'bob', 'bob'].map((name, index) =>
    aSealed({ user: { name } }, { feed: 100 + index, index, log }),
  )
  const refused: number[] = []

  await createInserts(connection).insert({
    log,
    first: 0,
    last: 6,
    blocks: [encodeRows(events)],
    events: async () => events,
    onRefused: (event) => refused.push(event.index),
  })

  expect(refused).toEqual([2, 4])
  const rows = await connection.ask('SELECT n, usr, actor FROM whodid.events WHERE log = {log:String} ORDER BY n', {
    log,
  })
  expect(rows).toEqual(
    events.map((event, n) => ({
      n,
      usr: refused.includes(n) ? '' : JSON.parse(event.blocks[0] ?? '').user.name,
      actor: event.blocks[0],
    })),
  )
  await connection.command('ALTER TABLE whodid.events DROP CONSTRAINT no_eve')
})

test('when every row is refused it is not the rows: the insert fails and tells', async () => {
  await connection.command('ALTER TABLE whodid.events ADD CONSTRAINT nothing CHECK n > 1000000')
  const events = [0, 1, 2].map((index) => aSealed({}, { feed: 200 + index, index, log: 'test/n1/none/2026-11' }))
  const insert = createInserts(connection).insert({
    log: 'test/n1/none/2026-11',
    first: 0,
    last: 2,
    blocks: [encodeRows(events)],
    events: async () => events,
    onRefused: () => expect.unreachable('it was not the row'),
  })

  await expect(insert).rejects.toMatchObject({ code: 'engine_failed' })
  await connection.command('ALTER TABLE whodid.events DROP CONSTRAINT nothing')
})

test('a schema of a newer version is refused', async () => {
  await connection.command('INSERT INTO whodid.schema_version VALUES (1000, now())')

  await expect(migrate(connection)).rejects.toMatchObject({ code: 'unsupported_version' })

  await connection.command('ALTER TABLE whodid.schema_version DELETE WHERE version = 1000 SETTINGS mutations_sync = 2')
  await migrate(connection)
})

describe('the socket', () => {
  test('is ours alone', () => {
    expect(statSync(engine.socket).mode & 0o777).toBe(0o600)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
  })

  test('lets nobody in without the secret', async () => {
    const status = (headers: Record<string, string>): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const asked = request(
          { socketPath: engine.socket, path: '/?query=SELECT%201', method: 'POST', headers },
          (answer) => {
            answer.resume()
            resolve(answer.statusCode)
          },
        )
        asked.once('error', reject).end()
      })
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })

    expect(await status({})).toBe(401)
    expect(await status(basic('writer:wrong'))).toBe(401)
    expect(await status(basic(`root:${engine.secret}`))).toBe(401)
    expect(await status(basic(`writer:${engine.secret}`))).toBe(200)
  })
})

describe('one folder has one engine', () => {
  test('a second one is refused, says what to do, and leaves alone what is no engine', async () => {
    const second = startEngine({ folder, log: () => undefined, stalePid: () => process.pid })
    await expect(second.whenReady()).rejects.toMatchObject({ code: 'locked', hint: expect.stringContaining('--data') })
    await second.stop()
    expect(engine.state().kind).toBe('ready')
  })

  test('the child ends with its server, however that ends', async () => {
    const own = mkdtempSync(join(tmpdir(), 'orphan-'))
    const { server, child } = await aServer(own)
    server.kill('SIGKILL')
    await expect.poll(() => isThere(child)).toBe(false)
    rmSync(own, { recursive: true, force: true })
  })

  test('a child that hangs and was left by a killed server is ended by the next one', async () => {
    const own = mkdtempSync(join(tmpdir(), 'stale-'))
    const { server, child } = await aServer(own)
    process.kill(child, 'SIGSTOP')
    server.kill('SIGKILL')

    const next = startEngine({ folder: own, log: () => undefined, stalePid: () => child })

    await next.whenReady()
    expect(isThere(child)).toBe(false)
    await next.stop()
    rmSync(own, { recursive: true, force: true })
  })
})

/** A server in a process of its own, with its engine ready. */
async function aServer(data: string): Promise<{ readonly server: ChildProcess; readonly child: number }> {
  const code = `
    import { startEngine } from ${JSON.stringify(join(import.meta.dirname, 'engine.ts'))}
    startEngine({ folder: ${JSON.stringify(data)}, log() {}, onEngine: (pid) => console.log(pid) })`
  const server = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(server.stdout, 'data')) as [Buffer]
  return { server, child: Number(String(line)) }
}

/** Whether it runs: one that has ended may stay listed until somebody asks how it ended. */
function isThere(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.trim() !== '' && !stdout.startsWith('Z')
}
