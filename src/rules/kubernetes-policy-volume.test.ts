import { expect, test } from 'vitest'
import { apiServerRecord, fullRecord } from '../../test/policy-records.ts'
import { kubernetesAudit } from '../formats/kubernetes-audit.ts'
import type { PolicyRequest } from './kubernetes-policy-match.ts'
import { policyVolume } from './kubernetes-policy-volume.ts'
import { parseKubernetesPolicy } from './kubernetes-policy.ts'

const ADA: PolicyRequest = {
  user: 'ada',
  groups: [],
  verb: 'get',
  target: { kind: 'resource', apiGroup: '', resource: 'pods', subresource: '', namespace: 'shop', name: 'web' },
}

function eventOf(record: object) {
  const decoded = kubernetesAudit.decode(Buffer.from(JSON.stringify(record)), { source: 'a', now: 0 })
  const [first] = decoded.kind === 'events' ? decoded.events : []
  if (first === undefined) throw new Error('no event')
  return first.event
}

test('each rule is told with what it would keep and drop of stored events, and so is what no rule matches', () => {
  const policy = parseKubernetesPolicy(
    `apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- { level: Request, users: [ada] }
- { level: None, users: [bob] }
- { level: Metadata, users: [carol] }`,
    'audit.yaml',
  )
  const volume = policyVolume(policy)
  const request = { level: 'Request', omitManagedFields: false } as const
  const metadata = apiServerRecord(ADA, 'ResponseComplete', { level: 'Metadata', omitManagedFields: false })
  volume.add(eventOf(fullRecord(ADA, 'ResponseComplete')))
  volume.add(eventOf(metadata))
  volume.add(eventOf(fullRecord({ ...ADA, user: 'bob' }, 'ResponseComplete')))
  volume.add(eventOf(fullRecord({ ...ADA, user: 'eve' }, 'ResponseComplete')))
  volume.add({ '@timestamp': '2026-11-24T10:00:00Z', event: {} })

  const sizes = [apiServerRecord(ADA, 'ResponseComplete', request), metadata].map((each) => JSON.stringify(each).length)
  expect(volume.sum()).toEqual({
    rules: [
      { rule: 1, level: 'Request', kept: 2, bytes: (sizes[0] ?? 0) + (sizes[1] ?? 0), dropped: 0, atLess: 1 },
      { rule: 2, level: 'None', kept: 0, bytes: 0, dropped: 1, atLess: 0 },
      { rule: 3, level: 'Metadata', kept: 0, bytes: 0, dropped: 0, atLess: 0 },
      { level: 'None', kept: 0, bytes: 0, dropped: 1, atLess: 0 },
    ],
    events: 5,
    withoutRecord: 1,
  })
})
