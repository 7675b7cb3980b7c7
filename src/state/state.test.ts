import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { AuditError } from '../domain/errors.ts'
import { systemClock } from '../lib/clock.ts'
import { openState } from './state.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whodid-state-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = (install?: string) =>
  openState({ folder, clock: systemClock, ...(install === undefined ? {} : { install }) })

test('keeps the install name of the first start and refuses another one', () => {
  const first = open('acme')
  expect(first.install).toMatchObject({ name: 'acme', node: 'n1' })
  first.close()
  const second = open()
  expect(second.install).toEqual(first.install)
  second.close()

  expect(() => open('other')).toThrow(expectCode('invalid_config', /started as acme/))
})

test('makes up an install name when none is configured, and keeps it', () => {
  const first = open()
  expect(first.install.name).toMatch(/^whodid-[a-z2-7]{8}$/)
  first.close()
  const second = open()
  expect(second.install.name).toBe(first.install.name)
  second.close()
})

test('holds the folder against a second owner, and names the folder and the process', () => {
  const held = open()
  const run = { pid: 4711, url: 'http://127.0.0.1:7421', version: '0.1.0', socket: join(folder, 'control.sock') }
  writeFileSync(join(folder, 'run.json'), JSON.stringify(run))

  const refusal = expectCode('locked', /belongs to the process 4711 at http:\/\/127\.0\.0\.1:7421/)
  expect(() => open()).toThrow(refusal)
  held.close()
  open().close()
})

test('a killed owner leaves a folder that opens, with everything that was committed', async () => {
  const script = `
    import { openState } from ${JSON.stringify(join(import.meta.dirname, 'state.ts'))}
    const state = openState({ folder: process.argv[1], install: 'acme', clock: { now: Date.now } })
    state.checkpoints.save([{ origin: 'acme/n1/default/2026-11', size: 7, note: 'seven', previousSize: 0 }])
    console.log('saved')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  expect(() => open()).toThrow(expectCode('locked', /belongs to another process/))
  child.kill('SIGKILL')
  await once(child, 'exit')

  const reopened = open()
  expect(reopened.checkpoints.last('acme/n1/default/2026-11')).toMatchObject({ size: 7, note: 'seven' })
  reopened.close()
})

test('refuses a folder that a newer version wrote', () => {
  open().close()
  const database = new DatabaseSync(join(folder, 'state.db'))
  database.exec('PRAGMA user_version = 999')
  database.close()

  expect(() => open()).toThrow(expectCode('unsupported_version', /version 999/))
})

test('says so when state.db is no database', () => {
  writeFileSync(join(folder, 'state.db'), 'this is a text file, and a long one, not a database at all'.repeat(100))

  expect(() => open()).toThrow(expectCode('damaged', /state\.db/))
})

test('says so when the folder cannot be made', () => {
  writeFileSync(join(folder, 'file'), '')

  const options = { folder: join(folder, 'file', 'below'), clock: systemClock }
  expect(() => openState(options)).toThrow(expectCode('io_failed', /cannot make the data folder/))
})

test('the database can be read by its owner only', () => {
  const state = open()
  expect(statSync(join(folder, 'state.db')).mode & 0o777).toBe(0o600)
  expect(statSync(join(folder, 'state.db-wal')).mode & 0o777).toBe(0o600)
  state.close()
})

/** Matches an AuditError by code and message. */
function expectCode(code: string, message: RegExp) {
  return expect.toSatisfy((error) => error instanceof AuditError && error.code === code && message.test(error.message))
}
