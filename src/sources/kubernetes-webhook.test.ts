import { expect, test } from 'vitest'
import { Intake } from '../../test/contract/source.ts'
import { parseSource } from './kinds.ts'
import { createKubernetesWebhook } from './kubernetes-webhook.ts'
import type { ReceiverRequest } from './source.ts'

const never = new AbortController().signal

function post(body: string): ReceiverRequest {
  return { method: 'POST', path: '', query: 'timeout=30s', headers: new Map(), body: Buffer.from(body) }
}

test('how far addresses are believed goes along with every record', async () => {
  const intake = new Intake()
  const receiver = createKubernetesWebhook({ options: { trustedHops: 2 } })

  await receiver.handle(post('{"kind":"EventList","items":[{},{}]}'), intake.emit, never)

  expect(intake.records.map(({ options }) => options)).toEqual([{ trustedHops: 2 }, { trustedHops: 2 }])
})

test('options that its format does not have are refused before anything starts', () => {
  const source = { name: 'prod-1', kind: 'kubernetes-webhook', options: { trustedHop: 2 } }
  expect(() => parseSource(source)).toThrow(/source prod-1.*trustedHop/)
})
