import { describe, expect, test } from 'vitest'
import type { AuditEvent } from '../domain/event.ts'
import type { DecodedEvent } from '../formats/format.ts'
import { compileRules } from './compile.ts'
import { parseExpressionRules } from './expressions.ts'
import type { RuleScope } from './family.ts'
import { NO_RULES } from './rule-set.ts'

test.each([
  ['no rule', []],
  ['no match', [dropping('action:watch')]],
])('keeps an event with %s, as it is', (_, rules) => {
  expect(judge(rules)).toEqual({ ruling: undefined, noted: [] })
})

test('drops what a rule drops, and says which', () => {
  const { ruling, noted } = judge([dropping('action:delete', 'a'), dropping('actor:alice', 'b')])

  expect(ruling).toEqual({ kind: 'drop', rule: 'rule/a' })
  expect(noted).toEqual(['rule/a drop'])
})

test('the first rule that keeps, drops or samples decides', () => {
  const keep = { name: 'k', match: 'actor:alice', keep: true }

  expect(judge([keep, dropping('action:delete')]).ruling).toMatchObject({ kind: 'keep', rule: 'rule/k' })
  expect(judge([dropping('action:delete'), keep]).ruling).toEqual({ kind: 'drop', rule: 'rule/a' })
})

test('the first rule that routes decides where; labels add up, and the first to set one stands', () => {
  const { ruling, noted } = judge([
    { name: 'r', match: 'has:actor', route: 'iam' },
    { name: 's', route: 'other' },
    { name: 'l', label: { team: 'red', env: 'prod' } },
    { name: 'm', label: { team: 'blue', tier: '1' } },
  ])

  expect(ruling).toMatchObject({ kind: 'keep', stream: 'iam' })
  expect(ruling?.kind === 'keep' && ruling.decoded.event.labels).toEqual({
    app: 'shop',
    team: 'red',
    env: 'prod',
    tier: '1',
  })
  expect(noted).toEqual(['rule/r change', 'rule/l change', 'rule/m change'])
})

test('names the streams to which a rule sends, but for one in shadow', () => {
  const rules = [
    { name: 'r', route: 'iam' },
    { name: 's', route: 'other', shadow: true },
  ]
  expect(compiled(rules).streams).toEqual(['iam'])
})

test('a rule in shadow only says what it would have done', () => {
  const { ruling, noted } = judge([
    { ...dropping('action:delete', 'a'), shadow: true },
    { name: 'l', label: { team: 'red' }, shadow: true },
  ])

  expect(ruling).toBeUndefined()
  expect(noted).toEqual(['rule/a drop shadow', 'rule/l change shadow'])
})

test('a rule in shadow behind the one that decides would have done nothing', () => {
  const { noted } = judge([
    { name: 'k', keep: true },
    { ...dropping('action:delete', 'a'), shadow: true },
  ])
  expect(noted).toEqual(['rule/k keep'])
})

test('no rule sees what another one did', () => {
  const { ruling } = judge([{ name: 'l', label: { team: 'red' } }, dropping('labels.team:red')])
  expect(ruling).toMatchObject({ kind: 'keep' })
})

test('no label pushes out another: beyond 64 it is left out, and that is said', () => {
  const labels = Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`l${n}`, 'x']))
  const { ruling } = judge([{ name: 'l', label: { team: 'red', l3: 'y' } }], { ...EVENT, labels })

  expect(ruling?.kind === 'keep' && ruling.decoded.event.labels).toEqual({ ...labels, l3: 'y' })
  expect(ruling?.kind === 'keep' && ruling.decoded.truncated).toEqual([
    { path: 'labels.team', bytes: 3, reason: 'labels_limit' },
  ])
})

describe('can ask for', () => {
  test.each([
    ['action:delete', true],
    ['action:del*', true],
    ['action:*ete', true],
    ['action:create,DELETE', true],
    ['action:create', false],
    ['actor:Alice', true],
    ['actor:al*', true],
    ['-actor:alice', false],
    ['source:api', true],
    ['source:other', false],
    ['stream:default', true],
    ['-stream:default', false],
    ['whodid.category:iam', true],
    ['whodid.trust:time*', true],
    ['has:whodid.truncated', false],
    ['whodid.masked.rule:x', false],
    ['ip:10.0.0.0/8', true],
    ['outcome:unknown', true],
    ['since:2026-11-01', true],
    ['until:2026-11-01', false],
    ['event.duration:>5', true],
    ['labels.app:shop', true],
    ['resource.type:secret', true],
    ['(action:create OR actor:alice) -outcome:success', true],
    ['(action:create OR actor:bob)', false],
    ['has:audit.request.spec', true],
    ['audit.request.spec.image:nginx', true],
    ['event.original:*nginx*', true],
    ['missing:reason action:delete', true],
  ])('%s: %s', (match, answer) => {
    expect(judge([dropping(match)]).ruling?.kind).toBe(answer ? 'drop' : undefined)
  })
})

describe('a sample', () => {
  const rule = { name: 's', match: 'action:delete', sample: 0.25 }

  test('keeps about its share, and says by which rule in both cases', () => {
    const kinds = ids(4000).map((id) => judge([rule], EVENT, id).ruling?.kind)
    expect(kinds.filter((kind) => kind === 'keep').length).toBeGreaterThan(900)
    expect(kinds.filter((kind) => kind === 'keep').length).toBeLessThan(1100)
    expect(new Set(kinds)).toEqual(new Set(['keep', 'drop']))
  })

  test('is the same set whoever draws it', () => {
    const draw = () => {
      const rules = compiled([rule])
      return ids(200).map((id) => rules.judge({ event: EVENT }, SCOPE, id, () => undefined)?.kind)
    }
    expect(draw()).toEqual(draw())
  })
})

test('answers like the same rules asked one by one, among a thousand', () => {
  const rules = Array.from({ length: 1000 }, (_, n) => ({
    name: `r${n}`,
    match: n === 700 ? 'action:delete actor:alice' : `action:a${n} resource.name:*x${n}`,
    drop: true,
  }))
  expect(judge(rules).ruling).toEqual({ kind: 'drop', rule: 'rule/r700' })
})

const EVENT: AuditEvent = {
  '@timestamp': '2026-11-24T11:00:00.500Z',
  event: { action: 'delete', duration: 10, original: '{"image":"nginx"}' },
  user: { name: 'Alice' },
  source: { ip: '10.1.2.3' },
  labels: { app: 'shop' },
  audit: { resource: [{ type: 'secret' }, { type: 'pod' }], request: { spec: { image: 'nginx' } } },
}
const SCOPE: RuleScope = { source: 'api', stream: 'default' }

function dropping(match: string, name = 'a'): { name: string; match: string; drop: true } {
  return { name, match, drop: true }
}

function compiled(rules: readonly object[]): ReturnType<typeof compileRules> {
  return compileRules({ ...NO_RULES, expressions: parseExpressionRules(rules), defaultMasksOff: [] })
}

function judge(rules: readonly object[], event = EVENT, id: Uint8Array = new Uint8Array(16)) {
  const noted: string[] = []
  const decoded: DecodedEvent = { event, category: ['iam'], trust: ['time:collected'] }
  const ruling = compiled(rules).judge(decoded, SCOPE, id, (rule, did, would) => {
    noted.push(`${rule} ${did}${would === undefined ? '' : ` ${would}`}`)
  })
  return { ruling, noted }
}

/** As random as an id: from a counter, so that the test says the same each time. */
function ids(count: number): readonly Uint8Array[] {
  let state = 1
  return Array.from({ length: count }, () =>
    Uint8Array.from({ length: 16 }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state >>> 24
    }),
  )
}
