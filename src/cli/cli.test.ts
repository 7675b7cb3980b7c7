import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'

import { type Ran, ran } from '../../test/a-command.ts'
import { type TestApi, anApi, anEvent } from '../../test/an-api.ts'
import { type ControlSocket, listenControl } from '../api/control.ts'
import { systemClock } from '../lib/clock.ts'
import { openState } from '../state/state.ts'
import type { Io } from './io.ts'

let api: TestApi
let control: ControlSocket
let url: string
let nowhere: string
beforeAll(async () => {
  api = anApi()
  for (let n = 0; n < 3; n++) {
    api.events.push(anEvent(n, { audit: { resource: [{ type: 'secret', name: `key-${n}`, namespace: 'prod' }] } }))
  }
  url = await api.app.listen({ host: '127.0.0.1', port: 0 })
  control = await listenControl(api.app, api.folder)
  const run = { pid: process.pid, version: '0.1.0', url, socket: control.path }
  writeFileSync(join(api.folder, 'run.json'), JSON.stringify(run))
  nowhere = mkdtempSync(join(tmpdir(), 'whodid-cli-'))
})
afterAll(async () => {
  await control.close()
  await api.close()
  rmSync(nowhere, { recursive: true, force: true })
})
afterEach(() => {
  api.events.splice(3)
})

/** Runs a command in the data folder of the server, unless it says another. */
function whodid(args: readonly string[], more: Partial<Io> = {}): Promise<Ran> {
  const hasServer = args.includes('--data') || args.includes('--url') || 'env' in more
  const end = args.includes('--') ? args.indexOf('--') : args.length
  return ran(hasServer ? args : args.toSpliced(end, 0, '--data', api.folder), more)
}

test('search prints sentences to read, and everything for machines', async () => {
  const table = await whodid(['search', 'action:delete'])
  expect(table.out.split('\n')[1]).toMatch(
    /^2026-11-24 11:00:02Z {2}user-2 deleted Secret prod\/key-2 .*AgICAgICAgICAgICAgICAg$/,
  )

  const json = JSON.parse((await whodid(['search', 'action:delete', '-o', 'json'])).out)
  expect(json).toMatchObject({ events: [{ user: { name: 'user-2' } }, {}, {}], asOf: '3' })
  const lines = (await whodid(['search', '-o', 'jsonl', '--limit', '2'])).out.trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line).user.name)).toEqual(['user-2', 'user-1'])
  const csv = (await whodid(['search', '-o', 'csv', '--order', 'oldest'])).out.split('\r\n')
  expect(csv[1]).toContain('2026-11-24T11:00:00.000Z,user-0,delete,secret,prod/key-0,success')
})

test('search goes on over pages until the limit', async () => {
  for (let n = 3; n < 8; n++) api.events.push(anEvent(n))
  const { out } = await whodid(['search', '-o', 'jsonl', '--limit', '7'])

  expect(out.trimEnd().split('\n')).toHaveLength(7)
})

test('a query may begin with a minus and be of several words', async () => {
  const before = api.trail.length
  expect((await whodid(['search', '-outcome:success', 'actor:ada', '-o', 'json'])).code).toBe(0)
  expect((await whodid(['search', '--limit', '1', '--', '-o', 'x'])).code).toBe(0)

  expect(api.trail.slice(before)).toMatchObject([
    { audit: { request: { q: '-outcome:success actor:ada' } } },
    { audit: { request: { q: '-o x' } } },
  ])
})

test('a wrong query is shown with a mark under the wrong word', async () => {
  const { code, out, err } = await whodid(['search', 'action:delete', 'actr:ada'])

  expect(code).toBe(2)
  expect(out).toBe('')
  expect(err).toContain('  action:delete actr:ada\n                ^~~~ did you mean actor?\n')
})

test('a mistyped option or command is a wrong call that names the right one', async () => {
  expect(await whodid(['search', '--sinze', '7d'])).toMatchObject({ code: 2, err: expect.stringContaining('--since') })
  expect(await whodid(['serch', 'x'])).toMatchObject({ code: 2, err: expect.stringContaining('search') })
  expect((await whodid(['search', '--limit', 'x'])).code).toBe(2)
  expect((await whodid(['--help'])).code).toBe(0)
  expect((await whodid(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/)
})

test('what an attacker wrote into an event cannot act on the terminal', async () => {
  const name = '\u001b]0;owned\u0007\u202eadmin'
  api.events.push(anEvent(7, { user: { name }, audit: { resource: [{ type: 'secret', name: '=cmd()' }] } }))
  for (const format of ['table', 'json', 'jsonl', 'csv']) {
    const { out } = await whodid(['search', '--limit', '1', '-o', format], { isTerminal: true, columns: 400 })
    expect(out).not.toContain('\u202e')
    expect(out).not.toContain('\u001b]')
  }
  const { out } = await whodid(['show', 'BwcHBwcHBwcHBwcHBwcHBw'])
  expect(out).not.toContain('\u001b]')
  expect((await whodid(['search', '--limit', '1', '-o', 'csv'])).out).toContain(",'=cmd(),")
})

test('show prints one event, or says that there is none', async () => {
  const shown = await whodid(['show', 'AQEBAQEBAQEBAQEBAQEBAQ'])
  expect(shown.out).toMatch(/^user-1 deleted Secret prod\/key-1/)
  expect(shown.out).toMatch(/audit\.resource\.0\.name +key-1/)
  expect(JSON.parse((await whodid(['show', 'AQEBAQEBAQEBAQEBAQEBAQ', '-o', 'json'])).out).user.name).toBe('user-1')

  const missing = await whodid(['show', '--AAAAAAAAAAAAAAAAAAAA'])
  expect(missing).toMatchObject({ code: 1, out: '', err: expect.stringContaining('there is no event --AAA') })
})

test('tail prints what comes, until it is interrupted', async () => {
  const ended = new AbortController()
  let out = ''
  const printed = Promise.withResolvers<void>()
  const running = whodid(['tail', 'action:delete', '-o', 'jsonl'], {
    signal: ended.signal,
    out: (piece) => {
      out += piece
      printed.resolve()
      return true
    },
  })
  await expect.poll(() => api.trail.at(-1)?.event.action).toBe('watch')
  api.events.push(anEvent(5))
  api.searchable()
  await printed.promise
  ended.abort()

  expect((await running).code).toBe(0)
  expect(JSON.parse(out).user.name).toBe('user-5')
})

test('tokens are made, listed and revoked by the server', async () => {
  const made = await whodid(['token', 'create', '--scope', 'read', '--name', 'ada'])
  expect(made.out).toMatch(/^wd_\w{12}_[\w-]{43}\n$/)
  const id = made.out.slice(3, 15)
  const env = { WHODID_URL: url, WHODID_TOKEN: made.out.trim() }
  expect((await whodid(['search'], { env })).code).toBe(0)

  expect((await whodid(['token', 'list'])).out).toContain(id)
  expect((await whodid(['token', 'list', '-o', 'json'])).out).not.toContain(made.out.trim().slice(-43))
  expect((await whodid(['token', 'revoke', id])).code).toBe(0)
  expect(await whodid(['search'], { env })).toMatchObject({ code: 1, err: expect.stringContaining('sign in or send') })
  expect((await whodid(['token', 'revoke', id])).code).toBe(1)
  expect((await whodid(['token', 'create'])).code).toBe(2)
  expect((await whodid(['token', 'create', '--scope', 'read', '--expires', 'soon'])).code).toBe(2)
})

test('an admin link carries its secret in the fragment', async () => {
  const { out } = await whodid(['admin-link'])
  expect(out).toMatch(new RegExp(`^${url}/#admin=[\\w-]{43}\n$`))
})

test('a URL that is this very server is reached by its socket', async () => {
  expect((await whodid(['search', '--url', url, '--data', api.folder])).code).toBe(0)
  expect((await whodid(['search', '--url', `${url}/`, '--data', nowhere])).code).toBe(1)
})

test('without a server reading says how to start one', async () => {
  const gone = await whodid(['search', '--data', nowhere])
  expect(gone).toMatchObject({
    code: 1,
    out: '',
    err: `whodid: no server runs on ${nowhere}; start it with whodid serve\n`,
  })
  writeFileSync(join(nowhere, 'run.json'), JSON.stringify({ pid: 1, version: '0', socket: join(nowhere, 'x.sock') }))
  expect((await whodid(['search', '--data', nowhere])).err).toBe(gone.err)
  rmSync(join(nowhere, 'run.json'))
})

test('without a server tokens are made in the folder, under its lock', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'whodid-cli-'))
  const create = ['token', 'create', '--scope', 'ingest', '--source', 'shop', '--data', folder]
  expect((await whodid(create)).code).toBe(1)
  const state = openState({ folder, install: 'acme', clock: systemClock })
  expect(await whodid(create)).toMatchObject({ code: 1, err: expect.stringContaining('belongs to another process') })
  state.close()

  const made = await whodid(create)
  expect(made.out).toMatch(/^wd_/)
  expect((await whodid(['token', 'list', '--data', folder])).out).toContain('shop')
  expect((await whodid(['token', 'revoke', made.out.slice(3, 15), '--data', folder])).code).toBe(0)

  const again = openState({ folder, clock: systemClock })
  const recorded: unknown[] = []
  const drain = () => again.pendingTrail.drain(async (event) => void recorded.push(event))
  await drain()
  await drain()
  again.close()
  expect(recorded).toMatchObject([
    { event: { action: 'create' }, user: { kind: 'person' }, audit: { resource: [{ type: 'token', name: 'shop' }] } },
    { event: { action: 'revoke' } },
  ])
  rmSync(folder, { recursive: true, force: true })
})

test('the program ends with the code of its command, and colours nothing in a pipe', async () => {
  const main = join(import.meta.dirname, 'main.ts')
  const run = (...args: string[]) => spawn(process.execPath, [main, ...args], { env: { ...process.env, CI: '1' } })
  const search = run('search', '--data', api.folder)
  expect(await text(search.stdout)).toMatch(/^WHEN {2}/)
  expect(search.exitCode ?? (await new Promise((resolve) => search.once('exit', resolve)))).toBe(0)

  const wrong = run('search', '--nothing')
  expect(await new Promise((resolve) => wrong.once('exit', resolve))).toBe(2)
})
