import { expect, test } from 'vitest'
import { Intake, receiptFor } from '../../test/contract/source.ts'
import { AuditError } from '../domain/errors.ts'
import { createHttp } from './http.ts'
import { createKubernetesWebhook } from './kubernetes-webhook.ts'
import type { Emit, Receiver, ReceiverRequest } from './source.ts'

const ITEM =
  '{"level":"Metadata","auditID":"a-1","stage":"ResponseComplete","verb":"get", "requestURI":"/x?a=1\\u0026b=2"}'
const never = new AbortController().signal

function send(receiver: Receiver, body: string, emit: Emit, more: Partial<ReceiverRequest> = {}) {
  const request = {
    method: 'POST',
    path: '',
    query: '',
    headers: new Map<string, string>(),
    body: Buffer.from(body),
    ...more,
  }
  return receiver.handle(request, emit, never)
}

test('a Kubernetes API server gets 200 once its events are durable, and they are its own bytes', async () => {
  const intake = new Intake()
  const body = `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${ITEM}, ${ITEM}]}\n`
  const response = await send(createKubernetesWebhook(), body, intake.emit)
  expect(response.status).toBe(200)
  expect(intake.texts).toEqual([ITEM, ITEM])
  expect(intake.records.map((record) => record.format)).toEqual(['kubernetes-audit', 'kubernetes-audit'])
})

test('an EventList of nothing is taken, as Go writes it too', async () => {
  const intake = new Intake()
  const answers = ['[]', 'null'].map((items) =>
    send(createKubernetesWebhook(), `{"kind":"EventList","items":${items}}`, intake.emit),
  )
  expect((await Promise.all(answers)).map((answer) => answer.status)).toEqual([200, 200])
})

test('what is no JSON is told from what is no EventList', async () => {
  const intake = new Intake()
  const broken = send(createKubernetesWebhook(), '{"kind":"EventList","items":[{]', intake.emit)
  await expect(broken).rejects.toMatchObject({ code: 'bad_request', message: expect.stringContaining('byte') })
  for (const body of ['{"kind":"PodList","items":[]}', '{"kind":"EventList"}']) {
    const response = await send(createKubernetesWebhook(), body, intake.emit)
    expect(response).toMatchObject({ status: 422, body: { hint: expect.stringContaining('EventList') } })
  }
  expect(intake.batches).toEqual([])
})

test('a full journal is told as it is: the API answers 429 with Retry-After', async () => {
  const busy: Emit = () => Promise.reject(new AuditError('busy', 'the journal is full', { retryAfterMs: 2100 }))
  const answers = [
    send(createKubernetesWebhook(), `{"kind":"EventList","items":[${ITEM}]}`, busy),
    send(createHttp({ name: 'app', kind: 'http' }), ITEM, busy),
  ]
  for (const answer of answers) await expect(answer).rejects.toMatchObject({ code: 'busy' })
})

test('an idempotency key that came with another body before is 422', async () => {
  const conflict: Emit = () =>
    Promise.reject(new AuditError('conflict', 'Idempotency-Key k was used with other records'))
  const response = await send(createHttp({ name: 'app', kind: 'http' }), ITEM, conflict)
  expect(response).toMatchObject({ status: 422, body: { code: 'conflict' } })
})

test('only POST brings records', async () => {
  const intake = new Intake()
  for (const receiver of [createKubernetesWebhook(), createHttp({ name: 'app', kind: 'http' })]) {
    expect((await send(receiver, '', intake.emit, { method: 'GET' })).status).toBe(405)
  }
})

test('an HTTP source takes what /v1/events takes, in its own format, with an idempotency key', async () => {
  const intake = new Intake()
  const receiver = createHttp({ name: 'app', kind: 'http', format: 'kubernetes-audit' })
  const headers = new Map([['idempotency-key', 'k-1']])
  const response = await send(receiver, `[${ITEM},${ITEM}]`, intake.emit, { headers })
  expect(response).toEqual({ status: 200, body: receiptFor(2) })
  expect(intake.batches[0]?.options).toMatchObject({ idempotencyKey: 'k-1' })
  expect(intake.records.map((record) => record.format)).toEqual(['kubernetes-audit', 'kubernetes-audit'])
})

test('a batch of which nothing could be taken is 422, with the reasons', async () => {
  const rejected = { ...receiptFor(1), kept: 0, rejected: 1 }
  const response = await send(createHttp({ name: 'app', kind: 'http' }), '{}', () => Promise.resolve(rejected))
  expect(response).toEqual({ status: 422, body: rejected })
})

test('a broken body reaches nobody', async () => {
  const intake = new Intake()
  const broken = send(createHttp({ name: 'app', kind: 'http' }), '[{"a":1}', intake.emit)
  await expect(broken).rejects.toMatchObject({ code: 'bad_request' })
  expect(intake.batches).toEqual([])
})
