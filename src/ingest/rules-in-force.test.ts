import { expect, test } from 'vitest'
import { compileRules } from '../rules/compile.ts'
import { NO_RULES } from '../rules/rule-set.ts'
import { createRulesInForce, hashOfRules } from './rules-in-force.ts'

test('counts revisions and tells who listens', () => {
  const rules = createRulesInForce()
  const heard: number[] = []
  const listening = rules.onChange(({ revision }) => void heard.push(revision))
  rules.use({ ...NO_RULES, excludedCategories: ['iam'] })
  listening.cancel()
  rules.use(NO_RULES)
  expect(heard).toEqual([2])
  expect(rules.current()).toMatchObject({ revision: 3, set: NO_RULES, hash: hashOfRules(NO_RULES) })
})

test('keeps what was in force when a set does not compile', () => {
  const rules = createRulesInForce(NO_RULES, (set) => {
    if (set.excludedCategories.length > 0) throw new Error('no such category')
    return compileRules(set)
  })
  expect(() => rules.use({ ...NO_RULES, excludedCategories: ['x'] })).toThrow('no such category')
  expect(rules.current().revision).toBe(1)
})

test('hashes sets by what they say, whatever the order of their keys', () => {
  const [a, b] = ['rules: []', 'rules: [{}]']
  const set = { ...NO_RULES, kubernetesPolicies: { a, b } }
  expect(hashOfRules({ ...NO_RULES, kubernetesPolicies: { b, a } })).toBe(hashOfRules(set))
  expect(hashOfRules({ ...NO_RULES, kubernetesPolicies: { a: b, b: a } })).not.toBe(hashOfRules(set))
  const named = { ...NO_RULES, kubernetesPolicies: Object.fromEntries([['__proto__', a]]) }
  expect(hashOfRules(named)).not.toBe(hashOfRules(NO_RULES))
})
