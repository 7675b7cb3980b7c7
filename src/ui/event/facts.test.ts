import { expect, test } from 'vitest'
import type { AuditEvent } from '../../domain/event.ts'
import { factsOf, stepsOf } from './facts.ts'

const deletion: AuditEvent = {
  '@timestamp': '2026-11-21T13:03:21.382Z',
  event: {
    action: 'delete',
    outcome: 'success',
    ingested: '2026-11-21T13:03:21.792Z',
    start: '2026-11-21T13:03:21.298Z',
  },
  user: { name: 'alice', email: 'alice@example.com', effective: { name: 'root' } },
  source: { ip: '10.2.3.4' },
  user_agent: { original: 'kubectl/v1.31.2' },
  audit: {
    resource: [{ type: 'secret', namespace: 'prod', name: 'db-password' }],
    authz: { decision: 'allow' },
  },
  http: { request: { id: 'r1' }, response: { status_code: 200 } },
}

const factNamed = (event: AuditEvent, label: string) => factsOf(event, 'utc').find((fact) => fact.label === label)

test('says who, as whom, what and when, each with the filter that finds it again', () => {
  expect(factNamed(deletion, 'Who')).toMatchObject({
    value: 'alice',
    note: 'alice@example.com',
    filter: { field: 'actor', value: 'alice' },
  })
  expect(factNamed(deletion, 'Acting as')).toMatchObject({ value: 'root' })
  expect(factNamed(deletion, 'To what')).toMatchObject({
    value: 'secret prod/db-password',
    filter: { field: 'resource', value: 'db-password' },
  })
  expect(factNamed(deletion, 'When')).toMatchObject({ value: '13:03:21.382', note: 'received 410 ms later' })
})

test('marks what only the client says of itself', () => {
  expect(factNamed(deletion, 'Client')?.claim).toBe(true)
})

test('has no line for what is not recorded, but says that nobody is named', () => {
  const ghost: AuditEvent = { '@timestamp': 'not a time', event: {} }
  expect(factsOf(ghost, 'utc').map((fact) => fact.label)).toEqual(['Who', 'When'])
  expect(factNamed(ghost, 'Who')?.value).toBe('not identified')
  expect(factNamed(ghost, 'When')?.value).toBe('not a time')
})

test('tells a request step by step', () => {
  expect(stepsOf(deletion, [], 'utc')).toEqual([
    { label: 'request', value: '13:03:21.298' },
    { label: 'decision', value: 'allow' },
    { label: 'response, after 84 ms', value: '200' },
  ])
})

test('takes the beginning from an earlier stage where the event does not say it', () => {
  const { start, ...fields } = deletion.event
  const stage: AuditEvent = {
    '@timestamp': start ?? '',
    event: { outcome: 'unknown' },
    http: { request: { id: 'r1' } },
  }
  const other: AuditEvent = { ...stage, http: { request: { id: 'r2' } } }
  expect(stepsOf({ ...deletion, event: fields }, [stage], 'utc')[0]?.value).toBe('13:03:21.298')
  expect(stepsOf({ ...deletion, event: fields }, [other], 'utc')).toEqual([])
})
