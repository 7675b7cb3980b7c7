import { expect, test } from 'vitest'

import { anyPolicy, anyRequest } from '../../test/policy-cases.ts'
import { seeded } from '../../test/seeded.ts'
import { compileKubernetesPolicy } from './kubernetes-policy-evaluator.ts'
import { lintKubernetesPolicy } from './kubernetes-policy-lint.ts'
import { parseKubernetesPolicy } from './kubernetes-policy.ts'

/** Findings as `RULE CODE MESSAGE`; the rules are flow maps without their braces. */
function findingsOf(...rules: readonly string[]): readonly string[] {
  const head = 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n'
  const policy = parseKubernetesPolicy(head + rules.map((rule) => `- { ${rule} }`).join('\n'), 'audit.yaml')
  return lintKubernetesPolicy(policy).map(({ rule = '-', code, message }) => `${rule} ${code} ${message}`)
}

const ALL = 'level: Metadata'

test('a policy that says what it means has no findings', () => {
  expect(findingsOf('level: None, users: [bob]', 'level: Request, resources: [{ group: apps }]', ALL)).toEqual([])
})

test('an unknown key is an error with its place', () => {
  const text = `apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n  user: [ada]\n`
  expect(lintKubernetesPolicy(parseKubernetesPolicy(text, 'audit.yaml'))).toEqual([
    {
      severity: 'error',
      code: 'unknown-key',
      at: { line: 5, column: 3 },
      rule: 1,
      message: 'rules[0].user: there is no such key, and the API server passes it over; did you mean users?',
    },
  ])
})

test.each<[earlier: readonly string[], rule: string, by: string | undefined]>([
  [[ALL], 'users: [ada]', 'rule 1 before it takes'],
  [['level: None, users: [ada, bob]'], 'users: [ada], verbs: [get]', 'rule 1 before it takes'],
  [['level: None, users: [ada]'], 'users: [ada, bob]', undefined],
  [
    ['level: None, verbs: [get]', 'level: None, verbs: [list]'],
    'verbs: [list, get], users: [x]',
    'rules 1, 2 before it take',
  ],
  [['level: None, resources: [{ group: "*" }]'], 'namespaces: [shop], resources: [{ group: apps }]', 'rule 1'],
  [['level: None, resources: [{ group: "*" }]'], 'namespaces: [shop]', undefined],
  [['level: None, namespaces: [shop]'], 'namespaces: [shop], resources: [{ group: apps }]', 'rule 1'],
  [['level: None, resources: [{ resources: [pods/*] }]'], 'resources: [{ resources: [pods, pods/log] }]', 'rule 1'],
  [['level: None, resources: [{ resources: [pods] }]'], 'resources: [{ resources: [pods/log] }]', undefined],
  [['level: None, resources: [{ resources: ["*/log"] }]'], 'resources: [{ resources: [pods/log] }]', 'rule 1'],
  [['level: None, resources: [{ resources: ["*/log"] }]'], 'resources: [{ resources: [pods/*] }]', undefined],
  [
    ['level: None, resources: [{ resources: [pods], resourceNames: [a] }]'],
    'resources: [{ resources: [pods] }]',
    undefined,
  ],
  [['level: None, nonResourceURLs: [/logs*]'], 'nonResourceURLs: [/logs/*, /logs]', 'rule 1'],
  [['level: None, nonResourceURLs: [/logs/*]'], 'nonResourceURLs: [/logs*]', undefined],
  [['level: None, nonResourceURLs: ["*"]'], 'users: [ada]', undefined],
])('%s shadows a rule with %s: %s', (earlier, rule, by) => {
  const shadowed = findingsOf(...earlier, `level: Metadata, ${rule}`).filter((each) => each.includes(' shadowed '))
  expect(shadowed).toEqual(by === undefined ? [] : [expect.stringContaining(by)])
})

test('a rule that is called dead or shadowed never decides', () => {
  const random = seeded(5)
  let dead = 0
  for (let n = 0; n < 400; n++) {
    const policy = parseKubernetesPolicy(anyPolicy(random), 'any')
    const never = lintKubernetesPolicy(policy).filter(({ code }) => code === 'shadowed')
    const decide = compileKubernetesPolicy(policy)
    dead += never.length
    const decided = new Set(Array.from({ length: 200 }, () => decide(anyRequest(random)).rule))
    expect(never.filter(({ rule }) => decided.has(rule))).toEqual([])
  }
  expect(dead).toBeGreaterThan(50)
})

test.each<[rule: string, findings: readonly string[]]>([
  ['level: None, verbs: ["*"]', ['never-matches', 'no-wildcard']],
  ['level: None, verbs: [GET]', ['never-matches', 'no-wildcard']],
  ['level: None, users: ["system:*", ada]', ['no-wildcard']],
  ['level: None, resources: [{ resources: ["*/*"] }]', ['never-matches', 'no-wildcard']],
  ['level: None, resources: [{ resources: ["pod*", nodes] }]', ['no-wildcard']],
  ['level: None, resources: [{ group: postgresqls, resources: [acid.zalan.do] }]', ['group-for-resource']],
  ['level: None, resources: [{ group: "*" }]', ['new-syntax']],
  [
    'level: Metadata, verbs: [get], omitStages: [RequestReceived, ResponseStarted, ResponseComplete, Panic]',
    ['logs-nothing'],
  ],
])('%s is found', (rule, codes) => {
  expect(findingsOf(rule, ALL).map((each) => each.split(' ')[1])).toEqual(codes)
})

test.each<[rules: readonly string[], leaks: readonly string[]]>([
  [
    ['level: Request, resources: [{ resources: [secrets] }]'],
    ['the values of secrets (secrets; create, update, patch)'],
  ],
  [['level: Request, verbs: [get, list, watch]'], []],
  [['level: RequestResponse, verbs: [get], resources: [{ group: "" }]'], ['the values of secrets (secrets; get)']],
  [
    ['level: RequestResponse, verbs: [create], resources: [{ resources: [serviceaccounts/*] }]'],
    ['tokens of service accounts'],
  ],
  [['level: Request, resources: [{ group: authentication.k8s.io }]'], ['tokens that somebody signs in with']],
  [['level: Metadata, resources: [{ resources: [secrets] }]', 'level: Request, resources: [{ group: "" }]'], []],
  [
    [
      'level: Metadata, users: [ada], resources: [{ resources: [secrets] }]',
      'level: Request, resources: [{ group: "" }]',
    ],
    ['the values of secrets'],
  ],
  [['level: RequestResponse, nonResourceURLs: ["*"]'], []],
])('%s logs secrets: %s', (rules, leaks) => {
  const found = findingsOf(...rules, ALL).filter((each) => each.includes('secret-bodies'))
  expect(found).toEqual(leaks.map((leak) => expect.stringContaining(leak)))
})

test.each<[rules: readonly string[], missing: string | undefined]>([
  [['level: None, users: [ada]'], 'requests for resources and requests for other paths'],
  [['level: None, nonResourceURLs: ["*"]'], 'all requests for resources:'],
  [['level: None, nonResourceURLs: ["*"]', 'level: None, resources: [{ group: "*" }]'], undefined],
  [[ALL], undefined],
])('%s has a rule for everything, or it is said what has none', (rules, missing) => {
  const found = findingsOf(...rules).filter((each) => each.includes('no-catch-all'))
  expect(found).toEqual(missing === undefined ? [] : [expect.stringContaining(missing)])
})
