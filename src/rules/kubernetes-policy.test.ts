import { expect, test } from 'vitest'

import { anyPolicy, anyRequest } from '../../test/policy-cases.ts'
import { seeded } from '../../test/seeded.ts'
import { AuditError } from '../domain/errors.ts'
import { compileKubernetesPolicy } from './kubernetes-policy-evaluator.ts'
import { explainKubernetesPolicy } from './kubernetes-policy-explain.ts'
import { type PolicyRequest, type RequestedResource, firstUnmet } from './kubernetes-policy-match.ts'
import { parseKubernetesPolicy } from './kubernetes-policy.ts'

const HEAD = 'apiVersion: audit.k8s.io/v1\nkind: Policy\n'

function policyOf(rules: string, more = '') {
  return parseKubernetesPolicy(`${HEAD}${more}rules:\n${rules}`, 'audit.yaml')
}

function isFirst(rules: string, request: PolicyRequest) {
  return compileKubernetesPolicy(policyOf(`${rules}\n- level: Metadata`))(request).rule === 1
}

function asking(target: Partial<RequestedResource> = {}, more: Partial<PolicyRequest> = {}): PolicyRequest {
  const resource = { apiGroup: '', resource: 'pods', subresource: '', namespace: 'default', name: 'web' }
  return {
    user: 'ada',
    groups: ['devs', 'ops'],
    verb: 'get',
    target: { kind: 'resource', ...resource, ...target },
    ...more,
  }
}

const atPath = (path: string) => asking({}, { target: { kind: 'path', path } })

function refusalOf(text: string): AuditError {
  try {
    parseKubernetesPolicy(text, 'audit.yaml')
  } catch (error) {
    if (error instanceof AuditError) return error
    throw error
  }
  throw new Error('it was taken')
}

const log = { subresource: 'log' }

test.each<[rule: string, request: PolicyRequest, matches: boolean]>([
  ['users: [ada]', asking(), true],
  ['users: [bob]', asking(), false],
  ['users: [a*]', asking(), false],
  ['users: [""]', { groups: [], verb: 'get', target: { kind: 'path', path: '/' } }, false],
  ['userGroups: [ops, x]', asking(), true],
  ['userGroups: [x]', asking(), false],
  ['userGroups: [ops]', { groups: ['ops'], verb: 'get', target: { kind: 'path', path: '/' } }, false],
  ['verbs: [get]', asking(), true],
  ['verbs: ["*"]', asking(), false],
  ['namespaces: [default]', asking(), true],
  ['namespaces: [""]', asking({ namespace: '' }), true],
  ['namespaces: [""]', asking(), false],
  ['namespaces: [default, ""]', atPath('/healthz'), false],
  ['resources: [{ resources: [pods] }]', asking(), true],
  ['resources: [{ resources: [pods] }]', asking(log), false],
  ['resources: [{ resources: [pods/log] }]', asking(log), true],
  ['resources: [{ resources: [pods/log] }]', asking(), false],
  ['resources: [{ resources: [pods/*] }]', asking(log), true],
  ['resources: [{ resources: [pods/*] }]', asking(), true],
  ['resources: [{ resources: ["*/log"] }]', asking(log), true],
  ['resources: [{ resources: ["*/log"] }]', asking(), false],
  ['resources: [{ resources: ["*/*"] }]', asking(log), false],
  ['resources: [{ resources: ["*"] }]', asking(log), true],
  ['resources: [{ group: "" }]', asking(log), true],
  ['resources: [{ group: apps }]', asking(), false],
  ['resources: [{ group: "*" }]', asking({ apiGroup: 'apps' }), true],
  ['resources: [null]', asking(), true],
  ['resources: [{ resources: [pods], resourceNames: [web] }]', asking(), true],
  ['resources: [{ resources: [pods], resourceNames: [db] }]', asking(), false],
  ['resources: [{ resources: [pods], resourceNames: [""] }]', asking({ name: '' }), true],
  ['resources: [{ resources: [pods], resourceNames: [db] }, { group: apps, resources: [x] }]', asking(), false],
  ['resources: [{ group: "" }]', atPath('/api'), false],
  ['nonResourceURLs: ["*"]', atPath('/healthz'), true],
  ['nonResourceURLs: ["*"]', asking(), false],
  ['nonResourceURLs: [/logs*]', atPath('/logsX'), true],
  ['nonResourceURLs: [/logs/*]', atPath('/logs'), false],
  ['nonResourceURLs: [/version]', atPath('/version'), true],
  ['nonResourceURLs: [/version]', atPath('/version/'), false],
  ['nonResourceURLs: []', asking(), true],
])('a rule with %s', (rule, request, matches) => {
  expect(isFirst(`- { level: Request, ${rule} }`, request)).toBe(matches)
})

test('without a match nothing is logged, and the stages of the policy are omitted', () => {
  const decide = compileKubernetesPolicy(policyOf('- { level: Request, users: [bob] }', 'omitStages: [Panic]\n'))
  expect(decide(asking())).toEqual({ level: 'None', omitStages: ['Panic'], omitManagedFields: false })
})

test('stages of policy and rule are omitted together, and a rule overrides managed fields', () => {
  const more = 'omitStages: [Panic, RequestReceived]\nomitManagedFields: yes\n'
  const rules = '- { level: Request, omitStages: [Panic, ResponseStarted], omitManagedFields: false }'
  const stages = ['RequestReceived', 'ResponseStarted', 'Panic']
  expect(compileKubernetesPolicy(policyOf(rules, more))(asking())).toEqual({
    level: 'Request',
    omitStages: stages,
    omitManagedFields: false,
    rule: 1,
  })
  expect(compileKubernetesPolicy(policyOf('- level: Request', more))(asking()).omitManagedFields).toBe(true)
})

test('the compiled policy decides as its rules one after another do', () => {
  const random = seeded(11)
  for (let n = 0; n < 500; n++) {
    const policy = parseKubernetesPolicy(anyPolicy(random), 'any')
    const decide = compileKubernetesPolicy(policy)
    for (let m = 0; m < 20; m++) {
      const request = anyRequest(random)
      const first = policy.rules.findIndex((rule) => firstUnmet(rule, request) === undefined)
      expect(decide(request).rule ?? 0).toBe(first + 1)
    }
  }
})

test('rules beyond the first words of bits are found', () => {
  const rules = Array.from({ length: 300 }, (_, n) => `- { level: Request, users: [u${n}] }`).join('\n')
  const decide = compileKubernetesPolicy(policyOf(rules))
  for (const n of [0, 31, 32, 63, 64, 255, 299]) expect(decide(asking({}, { user: `u${n}` })).rule).toBe(n + 1)
})

test('an unknown key has no effect and is a warning with its place and the nearest right one', () => {
  const { rules, warnings } = policyOf('- level: None\n  namespacees: [shop]\n')
  expect(rules[0]?.namespaces).toEqual([])
  expect(warnings).toEqual([
    {
      at: { line: 5, column: 3 },
      path: 'rules[0].namespacees',
      message: 'there is no such key, and the API server passes it over; did you mean namespaces?',
    },
  ])
})

test('aliases are followed', () => {
  const { rules } = policyOf('- { level: None, users: &who [ada, bob] }\n- { level: Request, users: *who }')
  expect(rules[1]?.users).toEqual(['ada', 'bob'])
})

const bomb = Array.from({ length: 9 }, (_, n) => `l${n + 1}: &l${n + 1} [${Array(9).fill(`*l${n}`).join(', ')}]`)

test.each<[what: string, text: string, message: string]>([
  ['an empty file', '', '1:1: holds no policy'],
  ['no version', 'kind: Policy\nrules: []', '1:1: apiVersion: this is no audit.k8s.io/v1'],
  ['v1beta1', 'apiVersion: audit.k8s.io/v1beta1\nkind: Policy', '1:13: apiVersion: audit.k8s.io/v1beta1 went'],
  ['another kind', 'apiVersion: audit.k8s.io/v1\nkind: Event', '2:7: kind: this is no Policy'],
  ['no rules', `${HEAD}rules: []`, '3:8: a policy needs at least one rule'],
  ['a second document', `${HEAD}rules: [{ level: None }]\n---\nkind: [`, '5:'],
  ['a good second document', `${HEAD}rules: [{ level: None }]\n---\nkind: Policy\n`, '4:1: a second document'],
  ['a duplicate key', `${HEAD}rules:\n- level: None\n  level: None\n`, '5:3: the key level is here a second time'],
  ['a merge key', `${HEAD}x: &x { level: None }\nrules:\n- { <<: *x }\n`, '5:5: merge keys are not read here'],
  ['an unknown anchor', `${HEAD}rules: *x\n`, '3:8: there is no anchor x before it'],
  ['an alias inside of itself', `${HEAD}rules: &a [*a]\n`, '3:12: the alias a stands inside'],
  [
    'an alias bomb',
    `${HEAD}l0: &l0 [x, x, x, x, x, x, x, x, x]\n${bomb.join('\n')}\nrules: *l9`,
    'its aliases are followed',
  ],
  ['tabs', `${HEAD}rules:\n\t- level: None\n`, '4:1: is no YAML: Tabs'],
  ['deep nesting', `${HEAD}rules: ${'['.repeat(40)}`, '3:'],
  ['very deep nesting', `${HEAD}rules: ${'['.repeat(100_000)}`, 'is nested too deeply'],
  ['a large file', `${HEAD}#${'x'.repeat(300_000)}`, '1:1: has more than 262144 characters'],
  ['a rule without a level', `${HEAD}rules:\n- users: [a]\n`, '4:3: rules[0].level: a rule needs a level; known: None'],
  [
    'a wrong level',
    `${HEAD}rules:\n- level: Metadat\n`,
    '4:10: rules[0].level: there is no such level; did you mean Metadata?',
  ],
  ['a level in lower case', `${HEAD}rules: [{ level: none }]`, 'did you mean None?'],
  [
    'a wrong stage',
    `${HEAD}rules: [{ level: None, omitStages: [Panik] }]`,
    'rules[0].omitStages[0]: there is no such stage; did you mean Panic?',
  ],
  ['a text for a list', `${HEAD}rules: [{ level: None, users: ada }]`, '3:31: rules[0].users: must be a list'],
  ['what YAML reads as a boolean', `${HEAD}rules: [{ level: None, users: [yes] }]`, 'put it in quotes'],
  ['a number for a user', `${HEAD}rules: [{ level: None, users: [1] }]`, 'put it in quotes'],
  [
    'a text for a flag',
    `${HEAD}omitManagedFields: "true"\nrules: [{ level: None }]`,
    '3:20: omitManagedFields: must be true or false',
  ],
  [
    'a version in a group',
    `${HEAD}rules: [{ level: None, resources: [{ group: apps/v1 }] }]`,
    'write it without a version: apps',
  ],
  [
    'names without resources',
    `${HEAD}rules: [{ level: None, resources: [{ resourceNames: [a] }] }]`,
    'needs resources beside it',
  ],
  ['a URL without a slash', `${HEAD}rules: [{ level: None, nonResourceURLs: [healthz] }]`, 'must begin with /'],
  [
    'a star inside of a URL',
    `${HEAD}rules: [{ level: None, nonResourceURLs: [/a*b] }]`,
    '* may only be the last character',
  ],
  [
    'URLs beside namespaces',
    `${HEAD}rules: [{ level: None, nonResourceURLs: [/a], namespaces: [x] }]`,
    'a rule is either',
  ],
  ['too many rules', `${HEAD}rules:\n${'- level: None\n'.repeat(2001)}`, 'more than 2000 rules'],
])('%s is refused with its place', (_, text, message) => {
  const error = refusalOf(text)
  expect(error.code).toBe('invalid_config')
  expect(error.message).toContain(message)
  expect(error.message).toMatch(/^audit\.yaml:\d+:\d+: /)
})

test('all faults of a policy are told, not the first alone', () => {
  const { details } = refusalOf(`${HEAD}rules:\n- level: Nix\n- level: None\n  users: 7\n`)
  expect(details.faults?.map(({ path }) => path)).toEqual(['audit.yaml:4:10:', 'audit.yaml:6:10:'])
})

test('an explanation names the rule, its conditions, and what was not met before', () => {
  const policy = policyOf(
    [
      '- { level: None, users: [bob] }',
      '- { level: None, namespaces: [""] }',
      '- level: Request',
      '  verbs: [get]',
      '  resources: [{ group: "", resources: [pods], resourceNames: [web] }]',
    ].join('\n'),
  )
  expect(explainKubernetesPolicy(policy, asking())).toEqual({
    decision: { level: 'Request', omitStages: [], omitManagedFields: false, rule: 3 },
    at: { line: 6, column: 3 },
    because: ['verbs: get', 'resources: pods of the core group named web'],
    passedOver: [
      { rule: 1, at: { line: 4, column: 3 }, unmet: 'users: bob' },
      { rule: 2, at: { line: 5, column: 3 }, unmet: 'namespaces: ""' },
    ],
  })
  expect(explainKubernetesPolicy(policy, asking({ resource: 'nodes' })).passedOver).toHaveLength(3)
})
