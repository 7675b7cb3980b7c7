import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseSource } from '../../src/sources/kinds.ts'
import { aFolder, aServer } from '../a-server.ts'
import { insist, receiverContract } from '../contract/receiver.ts'

const PASSWORD = 'a-password-of-shippers'
const BASIC = { authorization: `Basic ${Buffer.from(`shipper:${PASSWORD}`).toString('base64')}` }

let number = 0

function passwordIn(folder: string): { readonly file: string } {
  const file = join(folder, 'password')
  writeFileSync(file, `${PASSWORD}\n`)
  return { file }
}

function pairOf(id: string): string {
  const document = { event: { id, action: 'read', outcome: 'success' }, user: { name: 'ada' } }
  return `{"create":{"_index":"shop","_id":"${id}"}}\n${JSON.stringify(document)}\n`
}

receiverContract({
  config: (folder) => ({ name: 'shippers', kind: 'bulk', token: passwordIn(folder) }),
  farSide: (server) => {
    const post = (body: string) => insist(() => server.call('POST', '/in/shippers/_bulk', body, BASIC))
    let last = ''
    return {
      send: (count) => post((last = Array.from({ length: count }, () => pairOf(`record-${++number}`)).join(''))),
      sendBad: () => post('{"create":{}}\n[7]\n'),
      again: () => post(last),
    }
  },
  role: 'receiver',
  listens: /^\/in\/shippers$/,
  badReason: 'wrong_type',
})

test('a shipper shows its secret as password, key or bearer, and a wrong one in whatever way is refused', async () => {
  const whodid = await aServer({
    config: { sources: [parseSource({ name: 'shippers', kind: 'bulk', token: passwordIn(aFolder()) })] },
  })
  const post = async (authorization?: string): Promise<number> => {
    const headers = authorization === undefined ? {} : { authorization }
    return (await whodid.call('POST', '/in/shippers/_bulk', pairOf('d-1'), headers)).status
  }
  const encoded = (text: string): string => Buffer.from(text).toString('base64')
  expect(await post(BASIC.authorization)).toBe(200)
  expect(await post(`ApiKey ${encoded(`id:${PASSWORD}`)}`)).toBe(200)
  expect(await post(`Bearer ${PASSWORD}`)).toBe(200)
  expect(await post()).toBe(401)
  expect(await post(`Basic ${encoded(`${PASSWORD}:`)}`)).toBe(401)
  expect(await post(`Basic ${encoded('shipper:another-password')}`)).toBe(401)
  expect(await post(`Digest ${encoded(`shipper:${PASSWORD}`)}`)).toBe(401)
  // Only receivers have senders that cannot do better.
  const elsewhere = await whodid.call('GET', '/v1/events', undefined, BASIC)
  expect(elsewhere.status).toBe(401)
})

test('two documents under one id are both kept, and a document that came by another way is one event with it', async () => {
  const whodid = await aServer({
    config: { sources: [parseSource({ name: 'shippers', kind: 'bulk', token: passwordIn(aFolder()) })] },
  })
  const post = async (document: object): Promise<string> => {
    const body = `{"create":{"_index":"shop","_id":"one"}}\n${JSON.stringify(document)}\n`
    return (await whodid.call('POST', '/in/shippers/_bulk', body, BASIC)).text
  }
  const first = { event: { action: 'first', outcome: 'success' }, '@timestamp': '2026-11-24T10:00:00Z' }
  expect(await post(first)).toContain('"status":201')
  expect(await post(first)).toContain('"status":409')
  expect(await post({ ...first, event: { action: 'second', outcome: 'success' } })).toContain('"status":201')
  const events = await whodid.find('source:shippers', 2)
  expect(new Set(events.map(({ event }) => event.action))).toEqual(new Set(['first', 'second']))
  expect(new Set(events.map(({ event }) => event.id)).size).toBe(1)
})
