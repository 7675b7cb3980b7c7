import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

import { manualClock } from '../../test/manual-clock.ts'
import { AuditError } from '../domain/errors.ts'
import type { AuditEvent } from '../domain/event.ts'
import type { RuleCheck, RuleOutcome } from '../domain/rule-answers.ts'
import { compileRules } from '../rules/compile.ts'
import type { ExpressionRule } from '../rules/expressions.ts'
import type { AddedRule, FileRules } from '../rules/rule-layers.ts'
import { NO_RULES, type RuleSet } from '../rules/rule-set.ts'
import type { ApprovalRule } from '../state/approvals.ts'
import { openState } from '../state/state.ts'
import { createRuleDesk } from './rule-desk.ts'
import type { Actor } from './actor.ts'
import { createRulesInForce } from './rules-in-force.ts'

const ADA: Actor = { id: 'token:ada', about: { user: { name: 'ada' } } }
const BEN: Actor = { id: 'token:ben', about: { user: { name: 'ben' } } }
const NOTHING_DROPPED: RuleCheck = {
  since: '',
  read: 0,
  isPart: false,
  now: { kept: 0, dropped: 0, changed: 0, bytes: 0 },
  candidate: { kept: 0, dropped: 0, changed: 0, bytes: 0 },
  newlyDropped: 0,
  newlyKept: 0,
  ownTrail: 0,
  rules: [],
  neverMatched: [],
  sources: [],
  examples: [],
  decidedBy: {},
}
const MUCH: RuleCheck = { ...NOTHING_DROPPED, now: { kept: 10, dropped: 0, changed: 0, bytes: 0 }, newlyDropped: 3 }

const drop = (name: string): ExpressionRule => ({ name, match: `action:${name}`, drop: true })
const files = (...names: readonly string[]): FileRules => {
  return { set: { ...NO_RULES, expressions: names.map(drop) }, origins: {}, warnings: [] }
}
const added = (name: string): AddedRule => ({ kind: 'rule', value: drop(name), by: ADA.id, at: 1 })

interface Options {
  readonly folder?: string
  readonly approvalRule?: ApprovalRule
  readonly check?: (now: RuleSet, candidate: RuleSet) => Promise<RuleCheck>
}

function aDesk({ folder = mkdtempSync(join(tmpdir(), 'whodid-desk-')), approvalRule = 'single', check }: Options = {}) {
  const clock = manualClock()
  const state = openState({ folder, clock })
  const close = () => state.close()
  const trail: AuditEvent[] = []
  const lines: string[] = []
  const inForce = createRulesInForce()
  const desk = createRuleDesk({
    inForce,
    versions: state.ruleVersions,
    approvals: state.approvals,
    approvalRule,
    compile: compileRules,
    check: check ?? (async () => NOTHING_DROPPED),
    trail: (event) => trail.push(event),
    log: (line) => lines.push(line),
    clock,
  })
  const names = () => inForce.current().set.expressions.map(({ name }) => name)
  return { desk, folder, state, trail, lines, names, close }
}

function idOf(outcome: RuleOutcome): string {
  if (outcome.kind !== 'waiting') throw new Error(`it is ${outcome.kind}`)
  return outcome.id
}

test('files and rules of the API are in force together, and both are after a restart', async () => {
  const first = aDesk()
  first.desk.start(files('a'))
  await first.desk.put(added('b'), ADA)
  expect(first.names()).toEqual(['a', 'b'])
  expect(first.trail.at(-1)).toMatchObject({
    event: { action: 'change', outcome: 'success' },
    user: { name: 'ada' },
    audit: {
      resource: [{ type: 'rule', name: 'rule/b' }],
      change: [{ path: 'rule/b', new: '{"match":"action:b","drop":true}' }],
      request: { before: expect.any(String), after: first.desk.status().version.hash, revision: 2 },
    },
  })
  first.close()

  const second = aDesk({ folder: first.folder })
  onTestFinished(second.close)
  second.desk.start(files('c'))
  expect(second.names()).toEqual(['a', 'b'])
  expect(second.desk.status().filesAreNew).toBe(true)
  await second.desk.changeFiles(files('c'))
  expect(second.names()).toEqual(['c', 'b'])
})

test('a rule of a file is changed there alone, and a file cannot take the name of one of the API', async () => {
  const { desk, names, close } = aDesk()
  onTestFinished(close)
  desk.start(files('a'))
  await expect(desk.put(added('a'), ADA)).rejects.toThrow(/comes from a file/)
  await expect(desk.remove('rule', 'a', ADA)).rejects.toThrow(/comes from a file/)
  await desk.put(added('b'), ADA)
  await expect(desk.changeFiles(files('a', 'b'))).rejects.toThrow(AuditError)
  expect(names()).toEqual(['a', 'b'])
})

test('where two people are needed, who asked for it does not confirm it', async () => {
  const { desk, names, trail, close } = aDesk({ approvalRule: 'two', check: async () => MUCH })
  onTestFinished(close)
  desk.start(files())
  const id = idOf(await desk.put(added('a'), ADA))
  await expect(desk.confirm(id, ADA)).rejects.toThrow(/cannot approve/)
  expect(names()).toEqual([])
  await desk.confirm(id, BEN)
  expect(names()).toEqual(['a'])
  const approval = { id, rule: 'two', requestedBy: ADA.id, confirmedBy: BEN.id }
  expect(trail.at(-1)?.audit?.request).toMatchObject({ approval })
})

test('what was confirmed before a crash is done at the next start', async () => {
  const first = aDesk({ check: async () => MUCH })
  first.desk.start(files())
  const id = idOf(await first.desk.put(added('a'), ADA))
  // The process ends between the decision and what it is about.
  first.state.approvals.approve(id, ADA.id, 1, 'single')
  first.close()

  const second = aDesk({ folder: first.folder })
  onTestFinished(second.close)
  second.desk.start(files())
  expect(second.names()).toEqual(['a'])
  expect(second.state.approvals.find(id)?.state).toBe('done')
})

test('a change that waits is not confirmed over rules that came into force since', async () => {
  let check = MUCH
  const { desk, names, close } = aDesk({ check: async () => check })
  onTestFinished(close)
  desk.start(files())
  const id = idOf(await desk.put(added('a'), ADA))
  check = NOTHING_DROPPED
  await desk.put(added('b'), BEN)
  await expect(desk.confirm(id, ADA)).rejects.toThrow(/since .* was asked for/)
  expect(names()).toEqual(['b'])
})

test('files that wait are looked at again when other rules came into force, and wait as something new', async () => {
  let check = MUCH
  const { desk, names, close } = aDesk({ check: async () => check })
  onTestFinished(close)
  desk.start(files())
  const before = idOf(await desk.changeFiles(files('a')))
  check = NOTHING_DROPPED
  const applied = desk.put(added('b'), BEN)
  check = MUCH
  const id = idOf(await applied)
  await desk.confirm(id, BEN)
  const [now] = desk.status().waiting
  expect(now?.id).not.toBe(before)
  await desk.confirm(now?.id ?? '', ADA)
  expect(names()).toEqual(['a', 'b'])
})

test('where the store does not answer, a change waits, and says that nobody knows', async () => {
  const check = () => Promise.reject(new AuditError('engine_unavailable', 'the engine is starting'))
  const { desk, close } = aDesk({ check })
  onTestFinished(close)
  desk.start(files())
  const outcome = await desk.put(added('a'), ADA)
  expect(outcome).toMatchObject({ reasons: ['what it would drop is not known: the engine is starting'] })
})

test('files that wait since the store did not answer are tried again at the next start', async () => {
  const check = () => Promise.reject(new AuditError('engine_unavailable', 'the engine is starting'))
  const first = aDesk({ check })
  first.desk.start(files())
  idOf(await first.desk.changeFiles(files('a')))
  first.close()
  const second = aDesk({ folder: first.folder })
  onTestFinished(second.close)
  second.desk.start(files('a'))
  expect(await second.desk.changeFiles(files('a'))).toMatchObject({ kind: 'applied' })
  expect(second.desk.status().waiting).toEqual([])
})

test('what makes a change wait: a large share, a whole source, our own trail, a default mask that is switched off', async () => {
  const kept = { kept: 10_000, dropped: 0, changed: 0, bytes: 0 }
  const reasons = async (check: Partial<RuleCheck>, more: Partial<RuleSet> = {}) => {
    const { desk, close } = aDesk({ check: async () => ({ ...NOTHING_DROPPED, now: kept, ...check }) })
    desk.start(files())
    const outcome = await desk.changeFiles({ ...files('a'), set: { ...files('a').set, ...more } })
    close()
    return outcome.kind === 'waiting' ? outcome.reasons.length : 0
  }
  expect(await reasons({ newlyDropped: 2000 })).toBe(0)
  expect(await reasons({ newlyDropped: 2001 })).toBe(1)
  expect(await reasons({ newlyDropped: 999, sources: [{ source: 's', kept: 999, newlyDropped: 999 }] })).toBe(0)
  expect(await reasons({ newlyDropped: 1000, sources: [{ source: 's', kept: 1000, newlyDropped: 1000 }] })).toBe(1)
  expect(await reasons({ newlyDropped: 1000, sources: [{ source: 's', kept: 1001, newlyDropped: 1000 }] })).toBe(0)
  expect(await reasons({ ownTrail: 1 })).toBe(1)
  expect(await reasons({}, { defaultMasksOff: ['secret/jwt'] })).toBe(1)
})

test('the same fault of files is told once, and again after they were right', async () => {
  const { desk, trail, close } = aDesk()
  onTestFinished(close)
  desk.start(files())
  const fault = () => new AuditError('invalid_config', 'a.yaml:1:1 is wrong')
  desk.filesFail(fault())
  desk.filesFail(fault())
  expect(trail.filter(({ event }) => event.action === 'reload').length).toBe(1)
  expect(desk.status().fault?.message).toContain('a.yaml')
  await desk.changeFiles(files())
  expect(desk.status().fault).toBeUndefined()
  desk.filesFail(fault())
  expect(trail.filter(({ event }) => event.action === 'reload').length).toBe(2)
})
