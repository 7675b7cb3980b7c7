import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../lib/clock.ts'
import { openState, type State } from './state.ts'

let folder: string
let state: State

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whodid-approvals-'))
  state = openState({ folder, clock: systemClock })
})

afterEach(() => state.close())

const WANTED = { kind: 'erasure', summary: 'erase ada', details: { covers: 3 }, requestedBy: 'local:1000' }

test('under single the one who asked confirms it, and it is done once', () => {
  const { id } = state.approvals.request(WANTED, 1000)
  expect(state.approvals.approve(id, 'local:1000', 2000, 'single')).toMatchObject({
    state: 'approved',
    decidedBy: 'local:1000',
    decidedAt: 2000,
  })
  expect(() => state.approvals.approve(id, 'local:1000', 3000, 'single')).toThrow(/approved by local:1000 already/)
  state.approvals.done(id)
  expect(state.approvals.find(id)?.state).toBe('done')
})

test('under two nobody approves what they asked for', () => {
  const { id } = state.approvals.request(WANTED, 1000)
  expect(() => state.approvals.approve(id, 'local:1000', 2000, 'two')).toThrow(/cannot approve it/)
  expect(state.approvals.approve(id, 'local:1001', 2000, 'two').decidedBy).toBe('local:1001')
})

test('what waits is there after a restart, and what was refused stays refused', () => {
  const first = state.approvals.request(WANTED, 1000)
  state.approvals.request({ ...WANTED, kind: 'rules' }, 2000)
  state.approvals.refuse(first.id, 'local:1001', 3000, 'a hold is on it')
  state.close()
  state = openState({ folder, clock: systemClock })
  expect(state.approvals.list('rules')).toHaveLength(1)
  expect(state.approvals.find(first.id)).toMatchObject({
    state: 'refused',
    reason: 'a hold is on it',
    details: { covers: 3 },
  })
  expect(() => state.approvals.approve(first.id, 'local:1001', 4000, 'two')).toThrow(/refused by local:1001/)
  expect(() => state.approvals.approve('nothing', 'local:1001', 4000, 'two')).toThrow(/nothing waits/)
})
