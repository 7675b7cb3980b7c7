import { expect, test } from 'vitest'

import { type CountedLog, checkAccounting } from './accounting.ts'
import type { Leaf } from './leaf.ts'
import { createFindings } from './report.ts'

const LEAF: Leaf = {
  t: '2026-11-24T12:00:00.000Z',
  r: '2026-11-24T12:00:00.000Z',
  s: 'bastion-1',
  d: 'auth',
  y: 'login',
  o: 'success',
  id: 'AAAAAAAAAAAAAAAAAAAAAA',
  c: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
}
const own = (y: string): Leaf => ({ ...LEAF, s: '_log', y })
const numbered = (...numbers: readonly number[]): readonly Leaf[] => numbers.map((n) => ({ ...LEAF, e: 7, n }))

/** A log from its first leaf on: what system leaves say is beside them. */
function aLog(origin: string, ...leaves: readonly (Leaf | readonly [Leaf, Record<string, unknown>])[]): CountedLog {
  const details = new Map<number, ReadonlyMap<string, unknown>>()
  const bare = leaves.map((each, n): Leaf => {
    if (!('length' in each)) return each
    details.set(n, new Map(Object.entries(each[1])))
    return each[0]
  })
  return { origin, stretches: [{ from: 0, leaves: bare }], details }
}

const beat = (said: Record<string, unknown>) => [own('heartbeat'), said] as const
const account = (received: number, kept: number, more: object = {}) => ({
  received,
  kept,
  events: kept,
  dropped: {},
  duplicate: 0,
  rejected: {},
  shed: 0,
  ...more,
})

function toldOf(...logs: readonly CountedLog[]): readonly string[] {
  const findings = createFindings()
  checkAccounting(logs, findings)
  return findings.lines.map(({ check, verdict, text }) => `${check} ${verdict}: ${text}`)
}

test('a heartbeat that counts another number of events than there are is found', () => {
  const log = (count: number) =>
    aLog('a/n1/x/2026-11', own('log.opened'), LEAF, LEAF, beat({ sources: { 'bastion-1': count } }))

  expect(toldOf(log(2))[0]).toBe('accounting yes: 1 heartbeat ties out with the 2 events before, source by source')
  expect(toldOf(log(3))[0]).toMatch(/^accounting no: the heartbeat at leaf 3 does not tie out: bastion-1 has 2 leaves/)
})

const trail = (first: object, last: object, sizes: readonly [number, number]): CountedLog =>
  aLog(
    'a/n1/whodid/2026-11',
    own('log.opened'),
    beat({ sources: {}, accounting: { 'bastion-1': first }, logs: { 'a/n1/x/2026-11': sizes[0] } }),
    beat({ sources: {}, accounting: { 'bastion-1': last }, logs: { 'a/n1/x/2026-11': sizes[1] } }),
  )

test('an account that does not balance, or counts events that no log has, is found', () => {
  const log = aLog('a/n1/x/2026-11', own('log.opened'), LEAF, LEAF)

  expect(toldOf(log, trail(account(0, 0), account(3, 2, { dropped: { noise: 1 } }), [1, 3])).join('\n')).toContain(
    "accounting yes: the install's accounts balance at each of 2 heartbeats. Between the first and the last: bastion-1 sent 3 records: 2 kept, 1 dropped by rule noise",
  )
  expect(toldOf(log, trail(account(0, 0), account(4, 2), [1, 3])).join('\n')).toContain(
    'of bastion-1 2 records became nothing',
  )
  expect(toldOf(log, trail(account(0, 0), account(3, 3), [1, 3])).join('\n')).toContain(
    'it counts 3 events of bastion-1 since the one before, and the logs have 2',
  )
  expect(toldOf(log, trail(account(0, 0), account(1, 1), [1, 3])).join('\n')).toContain(
    'it counts 1 event of bastion-1',
  )
})

test('numbers without a hole are complete, and a hole wants a reason', () => {
  const log = (...leaves: Parameters<typeof aLog>[1][]) => aLog('a/n1/x/2026-11', own('log.opened'), ...leaves)

  expect(toldOf(log(...numbered(5, 6, 7)))).toContain(
    'numbers yes: bastion-1, epoch 7, numbers 5 to 7: none is missing',
  )
  expect(toldOf(log(...numbered(5, 7))).join('\n')).toContain(
    'numbers open: bastion-1, epoch 7, numbers 5 to 7: 1 number has no event',
  )
  const gap = [own('gap.detected'), { source: 'bastion-1', epoch: 7, from: 6, to: 6 }] as const
  expect(toldOf(log(...numbered(5, 7), gap)).join('\n')).toContain('1 number never came, and the log says so itself')
  const dropped = trail(account(0, 0), account(3, 2, { dropped: { noise: 1 } }), [1, 3])
  expect(toldOf(log(...numbered(5, 7)), dropped).join('\n')).toContain(
    'numbers yes: bastion-1, epoch 7, numbers 5 to 7',
  )
  const kept = trail(account(0, 0), account(2, 2), [1, 3])
  expect(toldOf(log(...numbered(5, 7)), kept).join('\n')).toContain('numbers no: bastion-1, epoch 7')
})
