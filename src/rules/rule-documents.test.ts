import { expect, test } from 'vitest'

import { AuditError } from '../domain/errors.ts'
import { noDocuments, readRuleDocuments } from './rule-documents.ts'

const RULES = 'apiVersion: whodid.dev/v1\nkind: Rules\nrules:\n'
const POLICY = 'apiVersion: audit.k8s.io/v1\nkind: Policy\n'
const AUDIT = 'type: AccessAudit\nname: all\nrules: [{ accessAll: true }]\n'

function read(text: string) {
  const found = noDocuments()
  readRuleDocuments(text, 'f.yaml', found)
  return found
}

test('a file has any number of documents of any kind, each with its place', () => {
  const found = read(
    `# first\n${RULES}  - { name: a, drop: true }\n---\n${POLICY}metadata: { name: prod }\nrules: [{ level: Metadata }]\n---\n\n---\n${AUDIT}`,
  )
  expect(found.expressions).toEqual([{ name: 'a', drop: true }])
  expect([...found.policies.keys()]).toEqual(['prod'])
  expect(found.accessAudits).toMatchObject([{ name: 'all' }])
  expect(Object.fromEntries(found.origins)).toEqual({
    'rule/a': 'f.yaml:5:5',
    'policy/prod': 'f.yaml:7:1',
    'access-audit/all': 'f.yaml:14:1',
  })
})

test('JSON is read as well, and a policy without a name is called by its file', () => {
  const found = read(JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'None' }] }))
  expect([...found.policies.keys()]).toEqual(['f'])
})

test('an empty file says nothing', () => {
  expect(read('')).toEqual(noDocuments())
  expect(read('# nothing\n---\n---\n')).toEqual(noDocuments())
})

const BOMB = `a: &a [x]\n${'bcdefgh'
  .split('')
  .map((key, n, keys) => `${key}: &${key} [${`*${keys[n - 1] ?? 'a'}, `.repeat(20)}x]\n`)
  .join('')}`

test.each([
  [
    'a bomb of aliases',
    `${RULES}  - { name: a, drop: true }\nx:\n${BOMB.replaceAll(/^/gm, '  ')}`,
    /f\.yaml:\d+:\d+: .*more than 100 aliases/,
  ],
  ['an alias without its anchor', `${RULES}  - *nobody\n`, /f\.yaml:4:\d+: .*nobody/],
  ['an anchor in itself', 'kind: Rules\nrules: &a [*a]\n', /f\.yaml:2:\d+: .*inside of what it names/],
  ['a key twice', `${RULES}  - { name: a, drop: true }\nkind: Rules\n`, /f\.yaml:5:1: .*kind is here a second time/],
  [
    'a key twice in a rule',
    `${RULES}  - { name: a, name: b, drop: true }\n`,
    /f\.yaml:4:16: .*name is here a second time/,
  ],
  ['a tab', `${RULES}\t- name: a\n`, /f\.yaml:4:1: .*[Tt]ab/],
  ['a merge key', `x: &x { drop: true }\n${RULES}  - { <<: *x, name: a }\n`, /f\.yaml:5:\d+: .*merge keys/],
  [
    'one bad document beside good ones',
    `${AUDIT}---\n${RULES}  - { name: a }\n---\n${AUDIT}`,
    /f\.yaml:8:5: .*rule a does nothing/,
  ],
  ['a broken second document', `${AUDIT}---\na: [\n`, /f\.yaml:\d+:\d+: is no YAML/],
  ['nesting', `a: ${'['.repeat(5000)}`, /f\.yaml:1:\d+: is n/],
  ['nesting that is closed', `a: ${'['.repeat(50)}${']'.repeat(50)}`, /f\.yaml:1:\d+: is nested more than 32 deep/],
  ['too much', `#${'x'.repeat(300_000)}`, /f\.yaml:1:1: has more than 262144 characters/],
  ['too many documents', '--- {a: 1}\n'.repeat(600), /more than 500 documents/],
  ['another version of ours', `apiVersion: whodid.dev/v2\nkind: Rules\nrules: []\n`, /f\.yaml:1:1: .*whodid\.dev\/v1/],
  [
    'another version of a policy',
    'apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules: []\n',
    /f\.yaml:1:13: .*1\.24/,
  ],
  [
    'a policy of something else',
    'apiVersion: kyverno.io/v1\nkind: Policy\n',
    /f\.yaml:1:1: .*audit\.k8s\.io\/v1, not kyverno/,
  ],
  ['a kind with a typo', 'apiVersion: whodid.dev/v1\nkind: Rule\n', /f\.yaml:2:1: .*did you mean (Rules|Role)/],
  [
    'a kind for later',
    'apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n',
    /f\.yaml:2:1: .*ClusterRole: RBAC are not read yet/,
  ],
  ['a scrape for later', 'apiVersion: x/v1\nkind: ScrapeConfig\n', /not read yet/],
  [
    'a Sigma rule',
    'title: x\nlogsource: { product: linux }\ndetection: { condition: x }\n',
    /f\.yaml:3:1: .*Sigma.*not read yet/,
  ],
  ['a list of Kubernetes', 'apiVersion: v1\nkind: List\nitems: []\n', /documents of their own/],
  ['no kind', 'a: 1\n', /f\.yaml:1:1: .*apiVersion and kind/],
  ['no map', '- a\n', /f\.yaml:1:1: .*apiVersion and kind/],
  [
    'a wrong key',
    `${RULES.replace('rules', 'ruels')}  - { name: a, drop: true }\n`,
    /f\.yaml:3:1: .*did you mean rules/,
  ],
  ['a wrong key in a rule', `${RULES}  - { name: a, dorp: true }\n`, /f\.yaml:4:16: .*did you mean drop/],
  ['a field that is none', `${RULES}  - { name: a, match: 'actoin:x', drop: true }\n`, /f\.yaml:4:16: .*action/],
  ['what is not timeless', `${RULES}  - { name: a, match: '@timestamp:>now-1h', drop: true }\n`, /f\.yaml:4:16: /],
  [
    'a name twice',
    `${RULES}  - { name: a, drop: true }\n---\n${RULES}  - { name: a, keep: true }\n`,
    /f\.yaml:9:5: .*rule\/a is in f\.yaml:4:5 already/,
  ],
  ['a name that is none', `${RULES}  - { name: __proto__, drop: true }\n`, /f\.yaml:4:7: .*name has 1 to 63/],
  ['a level with a typo', `${POLICY}rules: [{ level: Metdata }]\n`, /f\.yaml:3:18: .*did you mean Metadata/],
  [
    'an operation with a typo',
    AUDIT.replace('accessAll: true', 'access: [CREAT]'),
    /f\.yaml:3:\d+: .*did you mean CREATE/,
  ],
])('%s is refused with where it is', (_, text, message) => {
  const at = performance.now()
  expect(() => read(text)).toThrow(message)
  expect(() => read(text)).toThrow(AuditError)
  expect(performance.now() - at).toBeLessThan(5000)
})
