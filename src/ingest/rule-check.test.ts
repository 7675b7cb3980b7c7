import { expect, test } from 'vitest'

import type { AuditEvent } from '../domain/event.ts'
import { compileRules } from '../rules/compile.ts'
import { NO_RULES, type RuleSet } from '../rules/rule-set.ts'
import { checkRules } from './rule-check.ts'

const AT = Date.parse('2026-11-24T12:00:00Z')

function anEvent(n: number, action: string, source = 'shop'): AuditEvent {
  return {
    '@timestamp': '2026-11-24T11:00:00Z',
    event: {
      id: Buffer.alloc(16, n % 251).toString('base64url'),
      action,
      outcome: 'success',
      original: 'x'.repeat(10),
    },
    user: { name: 'ada' },
    whodid: { source, stream: 'default' },
  }
}

const withRules = (...expressions: RuleSet['expressions']): RuleSet => ({ ...NO_RULES, expressions })

function check(events: readonly AuditEvent[], now: RuleSet, candidate: RuleSet, most?: number) {
  async function* pages() {
    for (let at = 0; at < events.length; at += 200) yield events.slice(at, at + 200)
  }
  const deps = {
    events: () => pages(),
    scopeOf: (source: string, stream: string) => ({ source, stream }),
    compile: compileRules,
  }
  return checkRules(deps, { now, candidate, at: AT, ...(most !== undefined && { most }) })
}

test('both sets are asked about every event, and what differs is counted by rule and source', async () => {
  const events = [anEvent(1, 'read'), anEvent(2, 'read', 'bank'), anEvent(3, 'write'), anEvent(4, 'watch')]
  const now = withRules({ name: 'a', match: 'action:watch', drop: true })
  const candidate = withRules(
    { name: 'b', match: 'action:read', drop: true },
    { name: 'c', match: 'action:write', drop: true, shadow: true },
    { name: 'd', match: 'action:write', label: { kind: 'write' } },
    { name: 'e', match: 'action:none', drop: true },
  )
  const found = await check(events, now, candidate)
  expect(found).toMatchObject({
    since: '2026-11-23T12:00:00.000Z',
    read: 4,
    now: { kept: 3, dropped: 1 },
    candidate: { kept: 2, dropped: 2, changed: 1 },
    newlyDropped: 2,
    newlyKept: 1,
    neverMatched: ['rule/e'],
    sources: [
      { source: 'shop', kept: 2, newlyDropped: 1 },
      { source: 'bank', kept: 1, newlyDropped: 1 },
    ],
  })
  expect(found.rules).toContainEqual({ name: 'rule/b', matched: 2, bytes: 20, dropped: 2, shadow: 0 })
  expect(found.rules).toContainEqual({ name: 'rule/c', matched: 1, bytes: 10, dropped: 0, shadow: 1 })
  expect(found.examples.length).toBe(2)
})

test('our own trail is counted apart: no rule reaches it', async () => {
  const found = await check([anEvent(1, 'read', 'whodid')], NO_RULES, withRules({ name: 'all', drop: true }))
  expect(found).toMatchObject({ ownTrail: 1, newlyDropped: 0, now: { kept: 0 }, sources: [], examples: [] })
})

test('no more than was asked for is read, and that it is a part is said', async () => {
  const events = Array.from({ length: 500 }, (_, n) => anEvent(n, 'read'))
  expect(await check(events, NO_RULES, NO_RULES, 300)).toMatchObject({ read: 300, isPart: true })
  expect(await check(events, NO_RULES, NO_RULES, 500)).toMatchObject({ read: 500, isPart: false })
})

test('others get their turn while it goes on', async () => {
  const events = Array.from({ length: 20_000 }, (_, n) => anEvent(n, 'read'))
  const hundred = Array.from(
    { length: 100 },
    (_, n) => ({ name: `r-${n}`, match: `message:*x${n}*`, drop: true }) as const,
  )
  let [last, longest] = [performance.now(), 0]
  const look = setInterval(() => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }, 1)
  await check(events, NO_RULES, withRules(...hundred))
  clearInterval(look)
  // Slices are 3 ms; what else this machine does may take its time.
  expect(longest).toBeLessThan(250)
})
