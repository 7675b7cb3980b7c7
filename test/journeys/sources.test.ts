import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { SourceAnswer } from '../../src/domain/answers.ts'
import { parseSource } from '../../src/sources/kinds.ts'
import { type AServer, aFolder, aServer, until } from '../a-server.ts'
import { type FarSender, insist, receiverContract } from '../contract/receiver.ts'

const TOKEN = 'a-token-of-the-far-side'

function tokenIn(folder: string): { readonly file: string } {
  const file = join(folder, 'token')
  writeFileSync(file, TOKEN)
  return { file }
}

/** Posts until it is taken, and the same body again when it is asked to. */
function poster(server: AServer, path: string, good: (ids: readonly string[]) => string, bad: string): FarSender {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  const post = (body: string) => insist(() => server.call('POST', path, body, headers))
  let last = ''
  return {
    send: (count) => post((last = good(idsOf(count)))),
    sendBad: () => post(bad),
    again: () => post(last),
  }
}

let number = 0

function idsOf(count: number): readonly string[] {
  return Array.from({ length: count }, () => `record-${++number}`)
}

function ecsRecord(id: string): string {
  return JSON.stringify({ event: { id, action: 'read', outcome: 'success' }, user: { name: 'ada' } })
}

describe('http', () => {
  receiverContract({
    config: (folder) => ({ name: 'shop', kind: 'http', token: tokenIn(folder) }),
    farSide: (server) => poster(server, '/in/shop', (ids) => `[${ids.map(ecsRecord).join(',')}]`, '[7]'),
    role: 'receiver',
    listens: /^\/in\/shop$/,
    badReason: 'wrong_type',
  })
})

describe('kubernetes-webhook', () => {
  const list = (items: readonly string[]): string =>
    `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[${items.join(',')}]}`
  const item = (auditID: string): string =>
    JSON.stringify({
      level: 'Metadata',
      auditID,
      stage: 'ResponseComplete',
      requestURI: '/api/v1/namespaces/prod/secrets/db',
      verb: 'get',
      user: { username: 'ada' },
      objectRef: { resource: 'secrets', namespace: 'prod', name: 'db', apiVersion: 'v1' },
      responseStatus: { code: 200 },
      requestReceivedTimestamp: '2026-11-24T10:00:00.000000Z',
      stageTimestamp: '2026-11-24T10:00:00.010000Z',
    })
  receiverContract({
    config: (folder) => ({ name: 'prod-1', kind: 'kubernetes-webhook', cluster: 'prod-1', token: tokenIn(folder) }),
    farSide: (server) => poster(server, '/in/prod-1', (ids) => list(ids.map(item)), list(['7'])),
    role: 'receiver',
    listens: /^\/in\/prod-1$/,
    badReason: 'wrong_type',
  })
})

test('two ways into one source have accounts of their own, and what came by both is one event', async () => {
  const folder = aFolder()
  const log = join(folder, 'app.log')
  writeFileSync(log, `${ecsRecord('by-both')}\n${ecsRecord('by-file')}\nno JSON\n`)
  const sources = [
    { name: 'shop', kind: 'http', token: tokenIn(folder) },
    { name: 'shop-file', kind: 'file', format: 'ecs', paths: [log], feeds: 'shop' },
  ].map(parseSource)
  const server = await aServer({ data: join(folder, 'data'), config: { sources } })
  const seen = async () => {
    const { sources: all } = (await server.call('GET', '/v1/sources')).json<{ sources: SourceAnswer[] }>()
    return new Map(all.map((each) => [each.name, each]))
  }
  await until(async () => (await seen()).get('shop-file')?.accounting.received === 3)
  await insist(() => server.call('POST', '/in/shop', ecsRecord('by-both'), { authorization: `Bearer ${TOKEN}` }))

  const both = await until(async () => {
    const now = await seen()
    return now.get('shop-file')?.rejectedKept?.records === 1 && now
  })
  expect([...both.keys()]).toEqual(['api', 'shop', 'shop-file'])
  expect(both.get('shop-file')).toMatchObject({
    feeds: 'shop',
    accounting: { received: 3, kept: 2, duplicate: 0, rejected: { not_json: 1 } },
    cursor: expect.stringContaining('"offset"'),
  })
  expect(both.get('shop')).toMatchObject({
    accounting: { received: 4, kept: 2, duplicate: 1, rejected: { not_json: 1 } },
  })
  expect(both.get('shop')?.lastRecord).toBeDefined()
  await server.find('source:shop', 2)
})

describe('file', () => {
  receiverContract({
    config: (folder) => ({ name: 'app', kind: 'file', format: 'ecs', paths: [join(folder, 'app.log')] }),
    farSide: (_, folder) => {
      const write = async (lines: readonly string[]): Promise<void> =>
        appendFileSync(join(folder, 'app.log'), lines.map((line) => `${line}\n`).join(''))
      return { send: (count) => write(idsOf(count).map(ecsRecord)), sendBad: () => write(['no JSON']) }
    },
    role: 'follower',
    badReason: 'not_json',
    isBehind: ({ bytes = 0 }, records) => bytes > 50 * records,
  })
})
