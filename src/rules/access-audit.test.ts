import { describe, expect, test } from 'vitest'

import { AuditError } from '../domain/errors.ts'
import { locateJson } from './access-audit-json.ts'
import { neverMatching, parseAccessAudit } from './access-audit.ts'
import { readYaml } from './kubernetes-policy-yaml.ts'

const FILE = 'audit-1.yaml'
const parse = (yaml: string) => parseAccessAudit(readYaml(yaml, FILE), FILE)

/** What is wrong, each with where. */
function faultsOf(yaml: string): readonly string[] {
  try {
    parse(yaml)
  } catch (error) {
    if (error instanceof AuditError)
      return (error.details.faults ?? []).map(({ path, message }) => `${path} ${message}`)
    throw error
  }
  return []
}

const RULES = `
- types: ["TrafficPermission", "TrafficRoute", "Mesh"]
  mesh: default
  access: ["CREATE", "UPDATE", "DELETE"]
  accessAll: true
`
const READ_RULES = [
  {
    types: ['TrafficPermission', 'TrafficRoute', 'Mesh'],
    mesh: 'default',
    access: ['CREATE', 'UPDATE', 'DELETE'],
    accessAll: true,
  },
]

test('reads the form of Universal, and warns of what Kong Mesh’s own example says twice', () => {
  const { audit, warnings } = parse(`type: AccessAudit\nname: audit-1\nrules:${RULES}`)

  expect(audit).toEqual({ name: 'audit-1', rules: READ_RULES })
  expect(warnings.map(({ at, path, message }) => `${at.line}:${at.column} ${path}: ${message}`)).toEqual([
    '4:11 rules[0].types[0]: TrafficPermission went with Kong Mesh 3',
    '4:32 rules[0].types[1]: TrafficRoute went with Kong Mesh 3',
    '6:11 rules[0].access: accessAll is true, so access is not looked at; say one of the two',
  ])
})

test('reads the form of Kubernetes to the same', () => {
  const yaml = `apiVersion: kuma.io/v1alpha1\nkind: AccessAudit\nmetadata:\n  name: audit-1\nspec:\n  rules:${RULES.replaceAll('\n', '\n  ')}`

  expect(parse(yaml).audit).toEqual({ name: 'audit-1', rules: READ_RULES })
})

test('reads what an API server hands out, with its own marks', () => {
  const document = locateJson({
    apiVersion: 'kuma.io/v1alpha1',
    kind: 'AccessAudit',
    metadata: { name: 'a', uid: 'u', resourceVersion: '7', generation: 1, managedFields: [], labels: { team: 'sre' } },
    spec: { rules: [{ accessAll: true }] },
  })

  const { audit } = parseAccessAudit(document, 'kubernetes')

  expect(audit).toEqual({ name: 'a', rules: [{ types: [], access: [], accessAll: true }], labels: { team: 'sre' } })
})

const HEAD = 'type: AccessAudit\nname: a\n'

describe('refuses', () => {
  test.each([
    ['an unknown key', `${HEAD}rulez: []`, '3:1: rulez: there is no such key; did you mean rules?'],
    [
      'an unknown key of a rule',
      `${HEAD}rules:\n- acess: [CREATE]`,
      '4:3: rules[0].acess: there is no such key; did you mean access?',
    ],
    [
      'an unknown operation',
      `${HEAD}rules: [{access: [DELTE]}]`,
      '3:19: rules[0].access[0]: is no operation; did you mean DELETE?',
    ],
    [
      'an operation in small letters',
      `${HEAD}rules: [{access: [create]}]`,
      '3:19: rules[0].access[0]: is no operation; did you mean CREATE?',
    ],
    [
      'the number of an operation',
      `${HEAD}rules: [{access: [1]}]`,
      '3:19: rules[0].access[0]: write the name: what Kong Mesh means by the number is not known; known: CREATE',
    ],
    [
      'a rule without effect',
      `${HEAD}rules: [{types: [Mesh]}]`,
      '3:9: rules[0]: the rule audits nothing: say access: [CREATE, UPDATE, DELETE] or accessAll: true',
    ],
    [
      'a global type with a mesh',
      `${HEAD}rules: [{types: [Zone, Mesh], mesh: m, accessAll: true}]`,
      '3:37: rules[0].mesh: there is no mesh for Zone; leave mesh out',
    ],
    [
      'an operation outside of meshes with a mesh',
      `${HEAD}rules: [{mesh: m, access: [VIEW_STATS]}]`,
      '3:16: rules[0].mesh: there is no mesh for VIEW_STATS; leave mesh out',
    ],
    [
      'a mesh of all',
      `${HEAD}rules: [{mesh: "*", accessAll: true}]`,
      '3:16: rules[0].mesh: for all meshes leave mesh out',
    ],
    ['no name', 'type: AccessAudit\nrules: []', '1:1: name: an AccessAudit needs a name'],
    [
      'a name in capitals',
      'type: AccessAudit\nname: Audit',
      '2:7: name: a name has a-z, 0-9, - and ., and a letter or digit at both ends',
    ],
    [
      'a name that YAML reads as a boolean',
      'type: AccessAudit\nname: yes',
      '2:7: name: is read as something else than a text; put it in quotes',
    ],
    [
      'a wrong version',
      'apiVersion: kuma.io/v1\nkind: AccessAudit\nmetadata: {name: a}',
      '1:13: apiVersion: an AccessAudit has apiVersion: kuma.io/v1alpha1',
    ],
    [
      'a wrong kind',
      'apiVersion: kuma.io/v1alpha1\nkind: AccessAudits\nmetadata: {name: a}',
      '2:7: kind: an AccessAudit has kind: AccessAudit',
    ],
    ['a wrong type', 'type: AccessRole\nname: a', '1:7: type: an AccessAudit has type: AccessAudit'],
    [
      'rules beside the spec',
      'apiVersion: kuma.io/v1alpha1\nkind: AccessAudit\nmetadata: {name: a}\nrules: []',
      '4:1: rules: there is no such key',
    ],
    ['a flag in words', `${HEAD}rules: [{accessAll: "true"}]`, '3:21: rules[0].accessAll: must be true or false'],
    ['a list that is none', `${HEAD}rules: {accessAll: true}`, '3:8: rules: must be a list'],
    [
      'a type that is no name',
      `${HEAD}rules: [{types: ["*"], accessAll: true}]`,
      '3:18: rules[0].types[0]: is no name of a resource type, like MeshTimeout',
    ],
    ['a text', 'AccessAudit', '1:1: must be a map'],
  ])('%s', (_, yaml, fault) => {
    expect(faultsOf(yaml)[0]).toContain(`${FILE}:${fault}`)
  })

  test('more rules and values than anybody writes, in time', () => {
    const rules = locateJson(Array.from({ length: 1001 }, () => ({ accessAll: true })))
    const many = locateJson({ type: 'AccessAudit', name: 'a', rules: [] })
    if (many.kind !== 'map') throw new Error('it is a map')
    const document = { ...many, entries: new Map(many.entries).set('rules', { at: many.at, value: rules }) }

    expect(() => parseAccessAudit(document, FILE)).toThrow('has more than 1000 entries')
  })
})

describe('warns of', () => {
  test.each([
    [
      'a type that nobody knows',
      '{types: [MeshTimeuot], accessAll: true}',
      'MeshTimeuot is no resource type that is known; did you mean MeshTimeout?',
    ],
    [
      'a type in small letters',
      '{types: [meshtimeout], accessAll: true}',
      'meshtimeout is no resource type that is known; did you mean MeshTimeout?',
    ],
    ['types beside what has none', '{types: [Mesh], access: [VIEW_STATS]}', 'types has no effect on VIEW_STATS'],
  ])('%s', (_, rule, warning) => {
    expect(parse(`${HEAD}rules: [${rule}]`).warnings.map(({ message }) => message)).toEqual([warning])
  })

  test('an AccessAudit without rules', () => {
    expect(parse(HEAD).warnings[0]?.message).toBe('there are no rules, so it audits nothing')
  })
})

test('names the rules that match nothing that there is', () => {
  const audits = [
    '',
    '{types: [Nothing], access: [CREATE]}, {access: [CREATE]}',
    '{types: [Nothing], accessAll: true}',
  ].map((rules, n) => parse(`{type: AccessAudit, name: a-${n}, rules: [${rules}]}`).audit)

  expect(neverMatching(audits)).toMatchObject([{ name: 'a-0' }, { name: 'a-1', rule: 0 }])
})
