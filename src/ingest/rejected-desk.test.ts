import { statSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { aFolder } from '../../test/a-server.ts'
import { openRejectedDesk } from './rejected-desk.ts'

function aDesk(folder = aFolder()) {
  const desk = openRejectedDesk({ folder, maxBytes: 1_000_000, keepMs: 1e12 })
  onTestFinished(() => desk.close())
  return { desk, path: join(folder, 'rejected.db') }
}

const NOW = Date.UTC(2026, 10, 24)
const RECORD = {
  id: 7,
  source: 'shop',
  received: NOW,
  reason: 'not_json',
  message: 'no JSON',
  path: undefined,
  format: 'ecs',
  whole: 3,
  more: '{}',
  bytes: new Uint8Array([1, 0, 255]),
}

test('answers from its thread what the database says, byte for byte, in a file that is nobody else’s', async () => {
  const { desk, path } = aDesk()
  await desk.add([RECORD], { frame: 1, feed: 1 }, NOW)
  expect(await desk.get('shop', 7)).toMatchObject({ bytes: RECORD.bytes, path: undefined, held: 3 })
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('a damaged file is named, with what to do; once it is put away a new one is begun', async () => {
  const { desk, path } = aDesk()
  writeFileSync(path, 'this is no database, however much one wishes for it'.repeat(100))
  await expect(desk.totals()).rejects.toMatchObject({ code: 'damaged', message: expect.stringContaining(path) })
  unlinkSync(path)
  expect(await desk.totals()).toEqual({ kept: [], letGo: [] })
})

test('one that was never asked anything is closed at once', async () => {
  const { desk } = aDesk()
  await desk.close()
})
