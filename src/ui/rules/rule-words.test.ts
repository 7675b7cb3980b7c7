import { expect, test } from 'vitest'
import type { RuleAnswer } from '../../domain/rule-answers.ts'
import { ruleLinesOf } from '../event/rule-lines.ts'
import { countsWords, differenceWords, nameWords, neverMatched, remarksOf, rulesWords, saidBy } from './rule-words.ts'

const NONE = { dropped: 0, droppedBytes: 0, acted: 0, shadow: 0 }
const rule = (more: Partial<RuleAnswer>): RuleAnswer => ({
  name: 'rule/a',
  family: 'expression',
  says: '{"match":"action:a","drop":true}',
  origin: 'api',
  total: NONE,
  today: NONE,
  ...more,
})

test('takes apart what a rule says, and leaves words and what was cut as they are', () => {
  expect(saidBy('{"match":"action:a","drop":true,"paths":["a","b"],"off":false}')).toEqual([
    ['match', 'action:a'],
    ['drop', ''],
    ['paths', 'a, b'],
  ])
  expect(saidBy('{"match":"acti…')).toEqual([['', '{"match":"acti…']])
  expect(saidBy('{"rules":[{"types":[],"mesh":"default","access":["CREATE"]},{"accessAll":true}]}')).toEqual([
    ['rules', 'mesh default, access CREATE; accessAll'],
  ])
  expect(saidBy('excluded')).toEqual([['', 'excluded']])
  expect(saidBy('')).toEqual([])
})

test('says never matched of rules alone, and of none whose counts this reader may not know', () => {
  expect(neverMatched(rule({}))).toBe(true)
  expect(neverMatched(rule({ total: { ...NONE, shadow: 1 } }))).toBe(false)
  const { total: _, ...hidden } = rule({})
  expect(neverMatched(hidden)).toBe(false)
  expect(neverMatched(rule({ family: 'kubernetes-policy', says: '{"rules":3}' }))).toBe(false)
  expect(neverMatched(rule({ family: 'default-mask', name: 'secret/jwt' }))).toBe(false)
  expect(rulesWords([rule({}), rule({ shadow: true, total: { ...NONE, acted: 1 } })])).toBe(
    '2 rules in force: 1 in shadow, 1 never matched',
  )
})

test('says counts, differences and names in words', () => {
  expect(countsWords({ dropped: 1204, droppedBytes: 3_100_000, acted: 2, shadow: 0 })).toBe(
    '1,204 dropped (3.1 MB), acted on 2',
  )
  expect(countsWords(NONE)).toBeUndefined()
  expect(differenceWords(1000, 984)).toBe('−1.6 %')
  expect(differenceWords(0, 3)).toBe('+3')
  expect(differenceWords(100_000, 100_001)).toBe('+under 0.1 %')
  expect(differenceWords(3, 3)).toBe('same')
  expect(nameWords('policy/prod/4')).toBe('rule 4 of prod')
  expect(nameWords('policy/prod/default')).toBe('the end of prod, where no rule matched')
  expect(nameWords('secret/jwt')).toBe('secret/jwt')
})

test('finds the lines of what was refused', () => {
  expect(
    remarksOf([
      { path: 'candidate.yaml:3:5:', message: 'no key' },
      { path: '', message: 'too large' },
    ]),
  ).toEqual([
    { severity: 'error', line: 3, message: 'no key' },
    { severity: 'error', message: 'too large' },
  ])
})

test('says which rules kept and masked an event, each with its paths once', () => {
  const event = {
    '@timestamp': '2026-11-24T12:00:00Z',
    event: {},
    kubernetes: { audit: { level: 'Metadata' } },
    whodid: {
      rule: 'policy/audit-policy/4',
      masked: [
        { path: 'audit.request', rule: 'policy/audit-policy/4' },
        { path: 'a', rule: 'secret/jwt' },
        { path: 'b', rule: 'secret/jwt' },
      ],
    },
  }
  expect(ruleLinesOf(event).map(({ did, name, paths }) => `${did} ${name} ${paths.join('+')}`)).toEqual([
    'Kept at level Metadata by rule 4 of audit-policy ',
    'Reduced by rule 4 of audit-policy audit.request',
    'Masked by secret/jwt a+b',
  ])
  expect(ruleLinesOf({ '@timestamp': '', event: {} })).toEqual([])
})
