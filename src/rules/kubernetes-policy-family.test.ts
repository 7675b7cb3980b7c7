import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyPolicy, anyRequest } from '../../test/policy-cases.ts'
import { apiServerRecord, fullRecord } from '../../test/policy-records.ts'
import { seeded } from '../../test/seeded.ts'
import type { DecodedEvent } from '../formats/format.ts'
import { kubernetesAudit } from '../formats/kubernetes-audit.ts'
import type { RuleScope, Ruling } from './family.ts'
import { compileKubernetesPolicy } from './kubernetes-policy-evaluator.ts'
import { compileKubernetesPolicies } from './kubernetes-policy-family.ts'
import type { PolicyRequest } from './kubernetes-policy-match.ts'
import { parseKubernetesPolicy } from './kubernetes-policy.ts'
import { NO_RULES } from './rule-set.ts'

const HEAD = 'apiVersion: audit.k8s.io/v1\nkind: Policy\n'
const IN_SCOPE: RuleScope = { source: 'prod-1', stream: 'kubernetes', kubernetesPolicy: 'prod' }
const CREATE: PolicyRequest = {
  user: 'ada',
  groups: ['devs'],
  verb: 'create',
  target: { kind: 'resource', apiGroup: 'apps', resource: 'deployments', subresource: '', namespace: 'shop', name: '' },
}

test('a record becomes what the API server would have written, byte for byte, whatever the policy', () => {
  const random = seeded(5)
  const seen = new Set<string>()
  for (let n = 0; n < 150; n++) {
    const policy = anyPolicy(random)
    const decide = compileKubernetesPolicy(parseKubernetesPolicy(policy, 'any'))
    for (let m = 0; m < 10; m++) {
      const request = anyRequest(random)
      if (!isRecordable(request)) continue
      const stage = random.chance(0.7) ? 'ResponseComplete' : 'RequestReceived'
      const decision = decide(request)
      const ruling = judged(policy, fullRecord(request, stage))
      const rule = `policy/prod/${decision.rule ?? 'default'}`
      seen.add(`${decision.level} ${decision.omitManagedFields}`)
      if (decision.level === 'None' || decision.omitStages.includes(stage)) {
        expect(ruling).toEqual({ kind: 'drop', rule })
        continue
      }
      expect(ruling).toMatchObject({ kind: 'keep', rule })
      const written = JSON.stringify(apiServerRecord(request, stage, decision))
      expect(originalOf(ruling), policy).toBe(written)
      expect(eventOf(ruling)).toEqual(decode(written).event)
    }
  }
  expect(seen.size).toBeGreaterThan(6)
})

/** The API server has no requests without a verb, a resource or a name of its user; the others name nothing in a record. */
function isRecordable({ user, verb, target }: PolicyRequest): boolean {
  return user !== '' && verb !== '' && (target.kind === 'path' || target.resource !== '')
}

describe('what a level takes out', () => {
  const policy = (level: string) => `${HEAD}rules: [{ level: ${level} }]`

  test('is said with the rule that did it, and the record has its new level', () => {
    const ruling = judged(policy('Metadata'), fullRecord(CREATE, 'ResponseComplete'))
    expect(ruling).toMatchObject({
      rule: 'policy/prod/1',
      decoded: {
        event: { kubernetes: { audit: { level: 'Metadata' } } },
        masked: [
          { path: 'audit.request', rule: 'policy/prod/1' },
          { path: 'audit.response', rule: 'policy/prod/1' },
          { path: 'annotations.patch.webhook.admission.k8s.io/round_0_index_0', rule: 'policy/prod/1' },
        ],
      },
    })
  })

  test('is nothing where the record came with less', () => {
    const metadata = apiServerRecord(CREATE, 'ResponseComplete', { level: 'Metadata', omitManagedFields: false })
    const decoded = decode(JSON.stringify(metadata))
    expect(judged(policy('RequestResponse'), metadata)).toEqual({ kind: 'keep', decoded, rule: 'policy/prod/1' })
  })

  test('leaves white space and the order of keys as they were', () => {
    const text = JSON.stringify(fullRecord(CREATE, 'ResponseComplete'), null, 2)
    const { requestObject: _a, responseObject: _b, annotations, ...rest } = fullRecord(CREATE, 'ResponseComplete')
    const { 'patch.webhook.admission.k8s.io/round_0_index_0': _c, ...others } = { ...annotations }
    expect(originalOf(judgedText(policy('Metadata'), text))).toBe(
      JSON.stringify({ ...rest, level: 'Metadata', annotations: others }, null, 2),
    )
  })

  test('is taken out wherever it hides: keys that are there twice, or written with escapes', () => {
    const { requestObject: _a, responseObject: _b, ...record } = fullRecord(CREATE, 'ResponseComplete')
    const rest = JSON.stringify(record).slice(1)
    const text = String.raw`{"request\u004fbject":{"a":"hidden"},"requestObject":{"b":"hidden"},${rest}`
    expect(originalOf(judgedText(policy('Metadata'), text))).not.toContain('hidden')
  })

  test('has no masks of its own any more', () => {
    const secret = { kind: 'Secret', apiVersion: 'v1', metadata: { name: 'db' }, data: { password: 'aHVudGVyMg==' } }
    const record = { ...fullRecord(CREATE, 'ResponseComplete'), requestObject: secret }
    expect(decode(JSON.stringify(record)).masked).toHaveLength(1)
    const { decoded } = kept(judged(policy('Metadata'), record))
    expect(decoded.masked?.map(({ rule }) => rule)).not.toContain('default:kubernetes-secrets')
  })
})

test('managed fields go from objects, lists and tables, and stay in a patch', () => {
  const policy = `${HEAD}omitManagedFields: true\nrules: [{ level: RequestResponse }]`
  const thing = { metadata: { name: 'a', managedFields: [{ manager: 'kubectl' }] } }
  const bodies = {
    requestObject: { kind: 'Pod', ...thing },
    responseObject: { kind: 'Table', rows: [{ cells: [1], object: thing }, { cells: [2] }], items: [thing, 5] },
  }
  const record = { ...fullRecord(CREATE, 'ResponseComplete'), ...bodies }
  const ruling = judged(policy, record)
  expect(originalOf(ruling)).not.toContain('managedFields')
  expect(eventOf(ruling)).toEqual(decode(originalOf(ruling)).event)
  expect(originalOf(judged(policy, { ...record, verb: 'patch' }))).toContain(
    JSON.stringify({ requestObject: bodies.requestObject }).slice(1, -1),
  )
})

test('a create that its body named later is judged as the request that named nothing', () => {
  const policy = `${HEAD}rules:
- { level: None, resources: [{ group: apps, resources: [deployments], resourceNames: [web] }] }
- { level: Metadata, resources: [{ group: apps, resources: [deployments], resourceNames: [""] }] }`
  const record = fullRecord(CREATE, 'ResponseComplete')
  expect(record.objectRef).toMatchObject({ name: 'web' })
  expect(judged(policy, record)).toMatchObject({ kind: 'keep', rule: 'policy/prod/2' })
})

test('paths are matched as they are meant, without encoding and query', () => {
  const policy = `${HEAD}rules: [{ level: None, nonResourceURLs: ["/a b"] }]`
  const request: PolicyRequest = { user: 'ada', groups: [], verb: 'get', target: { kind: 'path', path: '/a%20b?x=1' } }
  expect(judged(policy, fullRecord(request, 'ResponseComplete'))).toEqual({ kind: 'drop', rule: 'policy/prod/1' })
})

test("entries of Google's Cloud Logging are thinned too", () => {
  const entry = {
    insertId: 'i1',
    timestamp: '2026-11-24T10:00:00Z',
    labels: { 'authorization.k8s.io/decision': 'allow', 'patch.webhook.admission.k8s.io/round_0_index_0': '{}' },
    operation: { id: 'o1', first: true, last: true },
    protoPayload: {
      '@type': 'type.googleapis.com/google.cloud.audit.AuditLog',
      serviceName: 'k8s.io',
      methodName: 'io.k8s.apps.v1.deployments.create',
      resourceName: 'apps/v1/namespaces/shop/deployments/web',
      authenticationInfo: { principalEmail: 'ada@example.com' },
      request: { kind: 'Deployment', metadata: { name: 'web' }, spec: { replicas: 1 } },
      response: { kind: 'Deployment', metadata: { name: 'web', uid: 'u1' } },
    },
  }
  const rule = (level: string) => `${HEAD}rules: [{ level: ${level}, users: [ada@example.com], verbs: [create] }]`
  const { request, response: _, ...payload } = entry.protoPayload
  expect(originalOf(judged(rule('Request'), entry))).toBe(
    JSON.stringify({ ...entry, protoPayload: { ...payload, request } }),
  )
  const metadata = judged(rule('Metadata'), entry)
  const labels = { 'authorization.k8s.io/decision': 'allow' }
  expect(originalOf(metadata)).toBe(JSON.stringify({ ...entry, labels, protoPayload: payload }))
  expect(eventOf(metadata)).toEqual(decode(originalOf(metadata)).event)
})

test('in an envelope of a cloud it is each record inside that is judged', () => {
  const records = ['ada', 'bob'].map((user) => JSON.stringify(fullRecord({ ...CREATE, user }, 'ResponseComplete')))
  const document = {
    messageType: 'DATA_MESSAGE',
    logStream: 'kube-apiserver-audit-1',
    logEvents: records.map((message, n) => ({ id: String(n), timestamp: 0, message })),
  }
  const decoded = kubernetesAudit.decode(Buffer.from(JSON.stringify(document)), { source: 'prod-1', now: 0 })
  const policy = `${HEAD}rules: [{ level: None, users: [bob] }, { level: Metadata }]`
  const family = compileKubernetesPolicies({ ...NO_RULES, kubernetesPolicies: { prod: policy } })
  const events = decoded.kind === 'events' ? decoded.events : []
  const [ada, bob] = events.map((each) => family?.judge(each, IN_SCOPE, ID, ignore))
  const metadata = { level: 'Metadata', omitManagedFields: false } as const
  expect(ada && originalOf(ada)).toBe(JSON.stringify(apiServerRecord(CREATE, 'ResponseComplete', metadata)))
  expect(bob).toEqual({ kind: 'drop', rule: 'policy/prod/1' })
})

test('a policy says nothing of other sources and of other records', () => {
  const rules = { ...NO_RULES, kubernetesPolicies: { prod: `${HEAD}rules: [{ level: None }]` } }
  const family = compileKubernetesPolicies(rules)
  const decoded = decode(JSON.stringify(fullRecord(CREATE, 'ResponseComplete')))
  const other: DecodedEvent = { ...decoded, event: { ...decoded.event, event: { dataset: 'x', original: '{}' } } }
  const { kubernetesPolicy: _, ...noPolicy } = IN_SCOPE
  expect(family?.judge(decoded, noPolicy, ID, ignore)).toBeUndefined()
  expect(family?.judge(decoded, { ...IN_SCOPE, kubernetesPolicy: 'toString' }, ID, ignore)).toBeUndefined()
  expect(family?.judge(other, IN_SCOPE, ID, ignore)).toBeUndefined()
  expect(family?.judge(decoded, IN_SCOPE, ID, ignore)).toEqual({ kind: 'drop', rule: 'policy/prod/1' })
  expect(compileKubernetesPolicies(NO_RULES)).toBeUndefined()
})

test('whatever stands in an original that is no record, a policy has nothing to say and throws nothing', () => {
  const family = compileKubernetesPolicies({
    ...NO_RULES,
    kubernetesPolicies: { prod: `${HEAD}rules: [{ level: None }]` },
  })
  const said = (original: string) => {
    const event = { '@timestamp': '2026-11-24T10:00:00Z', event: { dataset: 'kubernetes.audit', original } }
    return family?.judge({ event }, IN_SCOPE, ID, ignore)
  }
  const texts = [
    '',
    '{',
    '{}',
    '[]',
    '{"verb":tru,"stage":x}',
    '{"protoPayload":{',
    '{"verb":"get"}',
    '{"verb":1,"stage":2}',
  ]
  for (const text of texts) expect(said(text), text).toBeUndefined()
  const pieces = fc.array(
    fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', '"verb"', '"stage"', '"a"', '1', ' ', 'x'),
  )
  fc.assert(fc.property(pieces, (parts) => void said(parts.join(''))))
})

test('counts are told which rule kept, changed or dropped', () => {
  const policy = `${HEAD}rules:
- { level: None, users: [bob] }
- { level: Metadata, verbs: [create] }
- { level: RequestResponse, users: [ada] }`
  const told: string[] = []
  const family = compileKubernetesPolicies({ ...NO_RULES, kubernetesPolicies: { prod: policy } })
  for (const request of [
    { ...CREATE, user: 'bob' },
    CREATE,
    { ...CREATE, verb: 'update' },
    { ...CREATE, user: 'eve', verb: 'get' },
  ])
    family?.judge(decode(JSON.stringify(fullRecord(request, 'ResponseComplete'))), IN_SCOPE, ID, (rule, did) =>
      told.push(`${rule} ${did}`),
    )
  expect(told).toEqual(['policy/prod/1 drop', 'policy/prod/2 change', 'policy/prod/3 keep', 'policy/prod/default drop'])
})

const ID = new Uint8Array(16)
const ignore = () => undefined

function judged(policy: string, record: object): Ruling {
  return judgedText(policy, JSON.stringify(record))
}

function judgedText(policy: string, record: string): Ruling {
  const family = compileKubernetesPolicies({ ...NO_RULES, kubernetesPolicies: { prod: policy } })
  const ruling = family?.judge(decode(record), IN_SCOPE, ID, ignore)
  if (ruling === undefined) throw new Error('the policy has nothing to say')
  return ruling
}

function decode(record: string): DecodedEvent {
  const decoded = kubernetesAudit.decode(Buffer.from(record), { source: 'prod-1', now: 0 })
  const [first] = decoded.kind === 'events' ? decoded.events : []
  if (first === undefined) throw new Error(`no event: ${JSON.stringify(decoded)}`)
  return first
}

function kept(ruling: Ruling) {
  if (ruling.kind === 'keep') return ruling
  throw new Error(`dropped by ${ruling.rule}`)
}

const eventOf = (ruling: Ruling) => kept(ruling).decoded.event
const originalOf = (ruling: Ruling) => eventOf(ruling).event.original ?? ''
