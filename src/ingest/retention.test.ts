import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

import type { LogInfo } from '../domain/answers.ts'
import { systemClock } from '../lib/clock.ts'
import { openState, type State } from '../state/state.ts'
import { createExpiryClock } from './expiry-clock.ts'
import { createRetentionDesk } from './retention.ts'
import type { Actor } from './actor.ts'

const ADA: Actor = { id: 'local:1000', about: {} }
const NOW = Date.parse('2026-11-24T12:00:00Z')
const OLD: LogInfo = {
  origin: 'acme/n1/default/2026-09',
  vkey: '',
  size: 3,
  stream: 'default',
  period: '2026-09',
  state: 'closed',
}

function aState(): State {
  const folder = mkdtempSync(join(tmpdir(), 'whodid-retention-'))
  const state = openState({ folder, clock: systemClock })
  onTestFinished(() => {
    state.close()
    rmSync(folder, { recursive: true })
  })
  return state
}

function aDesk(state: State, { received = NOW, days = 400 } = {}) {
  const trail: string[] = []
  const clock = { ...systemClock, now: () => NOW }
  state.retention.keep({ stream: 'default', days })
  const desk = createRetentionDesk(
    {
      state,
      approvalRule: 'single',
      logs: () => [OLD],
      rows: () => Promise.resolve([{ log: OLD.origin, rows: 3, oldestMs: NOW, bytes: 10 }]),
      caughtUp: () => Promise.resolve(true),
      tell: () => Promise.resolve({ log: 'acme/n1/whodid/2026-11', index: 0 }),
      proved: () => Promise.resolve(true),
      dropRows: () => Promise.resolve(3),
      pruneFiles: () => Promise.resolve(),
      destroyKeys: () => undefined,
      rollJournal: () => undefined,
      noteOf: () => undefined,
      trail: (by, action) => trail.push(`${action} by ${by.id}`),
      log: () => undefined,
      clock,
      expiryClock: createExpiryClock({
        clock,
        received,
        ranMs: () => 0,
        doubt: { load: () => state.snapshots.load('doubt'), save: (value) => state.snapshots.save('doubt', value) },
      }),
    },
    [],
  )
  return { desk, trail }
}

test('only what waits about retention is confirmed or refused here', async () => {
  const state = aState()
  const { desk, trail } = aDesk(state)
  const { id } = state.approvals.request({ kind: 'rules', summary: 'x', details: {}, requestedBy: 'local:1' }, NOW)

  for (const each of [id, 'nobody']) {
    expect(() => desk.refuse(each, ADA, 'no')).toThrow(expect.objectContaining({ code: 'not_found' }))
    await expect(desk.confirm(each, ADA)).rejects.toMatchObject({ code: 'not_found' })
  }
  expect(state.approvals.find(id)?.state).toBe('waiting')
  expect(trail).toEqual([])
  const asked = desk.keep({ stream: 'default', days: 10 }, ADA)
  expect(desk.refuse(asked?.id ?? '', ADA, 'no')).toMatchObject({ state: 'refused' })
})

test('what was approved when a crash came is done at the next start, and once', async () => {
  const state = aState()
  const { desk } = aDesk(state)
  const hold = desk.addHold({ stream: 'access', reason: 'case 4711' }, ADA)
  const asked = [
    desk.askPrune(OLD.origin, 'moved away', ADA),
    desk.askRelease(hold.id, 'closed', ADA),
    desk.keep({ stream: 'default', days: 100 }, ADA)!,
  ]
  // What `confirm` writes first; the crash is here.
  for (const { id } of asked) state.approvals.approve(id, 'local:2', NOW, 'single')
  const other = state.approvals.request({ kind: 'erasure', summary: 'x', details: {}, requestedBy: 'local:1' }, NOW)
  state.approvals.approve(other.id, 'local:2', NOW, 'single')

  const next = aDesk(state)
  next.desk.resume()
  expect(state.retention.keptFor('default')?.days).toBe(100)
  expect(state.holds.find(hold.id)).toMatchObject({ releasedBy: 'local:2' })
  expect(state.retention.pruned(OLD.origin)?.policy).toMatchObject({ approvers: ['local:1000', 'local:2'] })
  expect(await next.desk.run()).toEqual([OLD.origin])
  expect(asked.map(({ id }) => state.approvals.find(id)?.state)).toEqual(['done', 'done', 'done'])
  expect(state.approvals.find(other.id)?.state).toBe('approved')
  expect(next.trail.toSorted()).toEqual([
    'hold-release-confirm by local:2',
    'retention-confirm by local:2',
    'retention-confirm by local:2',
  ])

  const third = aDesk(state)
  third.desk.resume()
  expect(third.trail).toEqual([])
})

test('what a crash left half done is not undone by doing it again', () => {
  const state = aState()
  const { desk } = aDesk(state)
  const hold = desk.addHold({ stream: 'access', reason: 'case 4711' }, ADA)
  const { id } = desk.askRelease(hold.id, 'closed', ADA)
  state.approvals.approve(id, ADA.id, NOW, 'single')
  state.holds.release(hold.id, ADA.id, NOW)

  aDesk(state).desk.resume()
  expect(state.approvals.find(id)?.state).toBe('done')
  expect(state.holds.find(hold.id)?.releasedAt).toBe(NOW)
})

test('nothing goes by a clock that is days ahead of the books, also after a restart, until somebody says that it is right', async () => {
  const state = aState()
  const jumped = aDesk(state, { received: NOW - 3 * 86_400_000, days: 1 })
  expect(await jumped.desk.run()).toEqual([])
  expect(jumped.desk.notes()).toEqual([expect.stringContaining('the clock is 3 days ahead')])

  // Its own leaves were stamped by that clock meanwhile.
  const restarted = aDesk(state, { received: NOW, days: 1 })
  expect(await restarted.desk.run()).toEqual([])
  expect(() => restarted.desk.prune(false, ADA)).toThrow(expect.objectContaining({ code: 'conflict' }))
  expect(await restarted.desk.prune(true, ADA)).toEqual([OLD.origin])
  expect(restarted.trail).toEqual(['retention-clock by local:1000'])
  expect(restarted.desk.notes()).toEqual([])
  expect(aDesk(state).desk.notes()).toEqual([])
})

test('a clock that is a day ahead of the books is believed', async () => {
  const { desk } = aDesk(aState(), { received: NOW - 86_400_000, days: 1 })
  expect(await desk.run()).toEqual([OLD.origin])
})
