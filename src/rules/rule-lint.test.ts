import { expect, test } from 'vitest'
import { AuditError } from '../domain/errors.ts'
import { lintRules } from './rule-lint.ts'
import { ruleEntries } from './rule-entries.ts'
import type { RuleLayers } from './rule-layers.ts'
import { NO_RULES } from './rule-set.ts'
import { documentOf } from './rule-text.ts'

const NOTHING: RuleLayers = { files: { set: NO_RULES, origins: {}, warnings: [] }, added: [] }
const POLICY = `apiVersion: audit.k8s.io/v1
kind: Policy
metadata: { name: prod }
rules:
  - level: Metadata
  - level: None
    verbs: [watch]
`

test('says at which line of which document a rule can never match, and what would change', () => {
  const text = `# rules of prod\n\n${POLICY}`
  const { findings, changes, rules } = lintRules([{ name: 'prod.yaml', text }], NOTHING)

  const shadowed = findings.find(({ message }) => message.startsWith('rule 2 can never match'))
  expect(shadowed).toMatchObject({ severity: 'error', document: 'prod.yaml', line: 8 })
  expect(changes.map(({ path }) => path)).toEqual(['policy/prod', 'policy/prod/1', 'policy/prod/2'])
  expect(rules).toEqual([{ kind: 'policy', name: 'prod' }])
})

test('gives back rules as the API takes them, and says which a file has already', () => {
  const rule = { name: 'no-watch', match: 'action:watch', drop: true } as const
  const files = {
    set: { ...NO_RULES, expressions: [rule] },
    origins: { 'rule/no-watch': 'whodid.yaml:3:5' },
    warnings: [],
  }
  const text = `apiVersion: whodid.dev/v1\nkind: Rules\nrules:\n  - { name: no-watch, match: 'action:watch', drop: true }\n`
  const { findings, changes, rules } = lintRules([{ name: 'a.yaml', text }], { files, added: [] })

  expect(rules).toEqual([{ kind: 'rule', name: 'no-watch', value: rule }])
  expect(changes).toEqual([])
  expect(findings).toMatchObject([{ line: 4, message: expect.stringContaining('stands in whodid.yaml:3:5') }])
})

test('refuses what is not understood, by its place', () => {
  const text = 'apiVersion: whodid.dev/v1\nkind: Rules\nrules:\n  - name: a\n    drops: true\n'
  const refused = (): unknown => {
    try {
      return lintRules([{ name: 'a.yaml', text }], NOTHING)
    } catch (error) {
      return error
    }
  }
  const error = refused()
  expect(error).toBeInstanceOf(AuditError)
  expect(error instanceof AuditError && error.details.faults?.[0]?.path).toMatch(/^a\.yaml:\d+:\d+/)
})

test('a document of a rule says the rule again', () => {
  const set = {
    ...NO_RULES,
    kubernetesPolicies: { prod: POLICY },
    accessAudits: [{ name: 'a', rules: [{ types: ['Zone'], access: [], accessAll: true as const }] }],
    expressions: [{ name: 'some', match: 'action:get', sample: 0.1 }],
  }
  expect(documentOf('policy/prod/2', set)).toBe(POLICY)
  expect(documentOf('category/iam', set)).toBeUndefined()
  expect(documentOf('policy/__proto__', set)).toBeUndefined()
  for (const name of ['rule/some', 'access-audit/a']) {
    const text = documentOf(name, set) ?? ''
    const layers = { files: { set, origins: {}, warnings: [] }, added: [] }
    expect(lintRules([{ name: 'a.yaml', text }], layers).changes, name).toEqual([])
  }
})

test('a rule of a policy has its line from where the policy begins, whatever comment stands before', () => {
  const linesOf = (yaml: string) =>
    ruleEntries({ ...NO_RULES, kubernetesPolicies: { prod: yaml } }).flatMap(({ line = [] }) => line)
  expect(linesOf(POLICY)).toEqual([5, 6])
  expect(linesOf(`# of prod\n---\n${POLICY}`)).toEqual([5, 6])
})
