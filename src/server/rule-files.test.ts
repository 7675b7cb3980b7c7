import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

import { AuditError } from '../domain/errors.ts'
import { manualClock } from '../../test/manual-clock.ts'
import { loadConfig } from './config.ts'
import { createReload } from './reload.ts'

const POLICY = 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{ level: Metadata }]\n'
const WEBHOOK = 'name: prod-1, kind: kubernetes-webhook'

function aFolder(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'whodid-rules-'))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

const load = (files: Readonly<Record<string, string>>) => loadConfig({ file: join(aFolder(files), 'whodid.yaml') })

test('rules of all places make one set, and each says where it stands', () => {
  const { rules, sources } = load({
    'whodid.yaml': [
      'resources: ./res',
      'excludedCategories: [iam]',
      'include: { engflow: flags.txt }',
      'masks: { off: [jwt, secret/url] }',
      'rules: [{ name: a, drop: true }]',
      `sources: [{ ${WEBHOOK}, policy: prod, rules: [access-audit] }, { name: prod-2, kind: kubernetes-webhook, policy: pol/two.yaml }]`,
    ].join('\n'),
    'res/prod.yaml': POLICY,
    'res/.hidden/x.yaml': 'a: [',
    'res/deep/er/rules.yml': 'apiVersion: whodid.dev/v1\nkind: Rules\nrules: [{ name: b, keep: true }]\n',
    'res/README.md': '# not rules',
    'pol/two.yaml': POLICY.replace('kind: Policy', 'kind: Policy\nmetadata: { name: second }'),
    'flags.txt': '--audit_log_excluded_categories+=file\n',
  })
  expect(rules?.rules.set).toMatchObject({
    kubernetesPolicies: { prod: expect.any(String), second: expect.any(String) },
    excludedCategories: ['iam', 'file'],
    expressions: [{ name: 'a' }, { name: 'b' }],
    defaultMasksOff: ['secret/jwt', 'secret/url'],
  })
  expect(sources).toMatchObject([{ policy: 'prod', rules: ['access-audit'] }, { policy: 'second' }])
  expect(rules?.rules.origins).toMatchObject({
    'rule/a': expect.stringMatching(/whodid\.yaml:5:9$/),
    'rule/b': expect.stringMatching(/rules\.yml:3:9$/),
    'policy/second': expect.stringMatching(/two\.yaml:1:1$/),
    'secret/jwt': expect.stringMatching(/whodid\.yaml:4:16$/),
  })
})

test('data policies of Flex become masks at read, and what they cannot be here is said', () => {
  const policies = [
    'policies:',
    '  - name: Credit Card',
    "    resources: [['cluster', '*', 'topic', 'tx', 'value']]",
    '    redaction: ShowLast4',
    '    type: non-scalar',
    '    fields: [pan]',
  ].join('\n')
  const { rules } = load({ 'whodid.yaml': 'include: { flex: data.yaml }', 'data.yaml': policies })
  expect(rules?.rules.set.expressions).toMatchObject([{ name: 'flex-credit-card', mask: { at: 'read' } }])
  expect(rules?.rules.warnings).toMatchObject([expect.stringContaining('policies.0.resources.0: a mask at read knows')])

  const wrong = policies.replace('ShowLast4', 'ShowLst4')
  expect(() => load({ 'whodid.yaml': 'include: { flex: data.yaml }', 'data.yaml': wrong })).toThrow(
    /data\.yaml:4:5: .*did you mean ShowLast4\?/,
  )
})

test('a folder that is mounted from a ConfigMap is read once, through its links', () => {
  const folder = aFolder({ 'whodid.yaml': 'resources: ./res\n', 'res/..data_1/prod.yaml': POLICY })
  symlinkSync('..data_1', join(folder, 'res/..data'))
  symlinkSync('..data/prod.yaml', join(folder, 'res/prod.yaml'))
  const { rules } = loadConfig({ file: join(folder, 'whodid.yaml') })
  expect(Object.keys(rules?.rules.set.kubernetesPolicies ?? {})).toEqual(['prod'])
})

test.each([
  ['rules: [{ name: a, match: "actoin:x", drop: true }]', /whodid\.yaml:1:27: .*rules\.0\.match/],
  ['rules: [{ name: a }]', /whodid\.yaml:1:9: .*does nothing/],
  ['rule: []', /whodid\.yaml:1:7: .*did you mean rules/],
  ['resources: ./nowhere', /cannot read the folder .*nowhere/],
  ['excludedCategories: [iams]', /whodid\.yaml:1:\d+: .*did you mean iam/],
  ['masks: { off: [jwtt] }', /whodid\.yaml:1:16: .*did you mean secret\/jwt/],
  ['masks: { off: [], of: [] }', /did you mean off/],
  ['approvals: two', /single is the one setting/],
  ['include: { kmeshh: x.yaml }', /did you mean kmesh/],
  ['include: { engflow: nowhere.txt }', /cannot read .*nowhere\.txt/],
  [`sources: [{ ${WEBHOOK}, policy: prodd }]\nresources: ./res`, /policy prodd, which there is not/],
  [`sources: [{ ${WEBHOOK}, policy: nowhere.yaml }]`, /cannot read .*nowhere\.yaml/],
  [`sources: [{ ${WEBHOOK}, policy: two.yaml }]`, /two\.yaml holds 2 policies/],
  [`sources: [{ ${WEBHOOK}, rules: [accessaudit] }]`, /the one word here is access-audit/],
  ['rules: [{ name: b, drop: true }]\nresources: ./res', /rules\.yaml:3:9: .*rule\/b is in .*whodid\.yaml:1:9 already/],
])('refuses %j and says where and what to do', (text, message) => {
  const files = {
    'whodid.yaml': text,
    'res/prod.yaml': POLICY,
    'res/rules.yaml': 'apiVersion: whodid.dev/v1\nkind: Rules\nrules: [{ name: b, drop: true }]\n',
    'two.yaml': `${POLICY}metadata: { name: x }\n---\n${POLICY}metadata: { name: y }\n`,
  }
  expect(() => load(files)).toThrow(message)
  expect(() => load(files)).toThrow(AuditError)
})

test('all that is wrong in a folder is told at once', () => {
  const files = {
    'whodid.yaml': 'resources: ./res',
    'res/a.yaml': 'kind: Rulse',
    'res/b.yaml': 'a: [',
    'res/c.yaml': POLICY,
  }
  expect.assertions(1)
  try {
    load(files)
  } catch (error) {
    const faults = error instanceof AuditError ? (error.details.faults ?? []) : []
    expect(faults.map(({ path }) => path.replace(/.*\//, ''))).toEqual(['a.yaml:1:1:', 'b.yaml:1:5:'])
  }
})

test('a policy by which a running source is judged does not go while it runs', async () => {
  const folder = aFolder({
    'whodid.yaml': `resources: ./res\nsources: [{ ${WEBHOOK}, policy: prod }]\n`,
    'res/prod.yaml': POLICY,
  })
  const file = join(folder, 'whodid.yaml')
  const faults: string[] = []
  const desk = {
    changeFiles: () => Promise.reject(new Error('it was changed')),
    filesFail: ({ message }: AuditError) => void faults.push(message),
  }
  const lines: string[] = []
  const log = (line: string) => void lines.push(line)
  const reload = createReload({
    config: loadConfig({ file }),
    load: () => loadConfig({ file }),
    desk,
    clock: manualClock(),
    log,
  })
  writeFileSync(file, 'sources: []\n')
  await reload.now()
  expect(faults).toEqual(['source prod-1 runs with the policy prod, which is gone'])
})
