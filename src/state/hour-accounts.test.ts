import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { manualClock } from '../../test/manual-clock.ts'
import { NOTHING } from '../domain/accounting.ts'
import { openState } from './state.ts'

test('accounts of hours are written over, read by source and time after a restart, and forgotten', () => {
  const folder = mkdtempSync(join(tmpdir(), 'whodid-hours-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const open = () => openState({ folder, install: 'acme', clock: manualClock() })
  const account = (hour: number, received: number, source = 'a') => {
    return { hour, source, accounting: { ...NOTHING, received, dropped: { 'rule/x': received } } }
  }
  const before = open()
  before.hourAccounts.save([account(10, 1), account(11, 1), account(10, 1, 'b')])
  before.hourAccounts.save([account(11, 2), account(12, 3)])
  before.close()

  const state = open()
  const { hourAccounts } = state
  onTestFinished(() => state.close())
  expect(hourAccounts.read('a', 10, 12)).toEqual([account(10, 1), account(11, 2)])
  hourAccounts.forget(12)
  expect(hourAccounts.read('a', 0, 100)).toEqual([account(12, 3)])
  expect(hourAccounts.read('b', 0, 100)).toEqual([])
})
