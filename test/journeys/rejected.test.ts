import { readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { imbalance } from '../../src/domain/accounting.ts'
import type { RejectedAnswer, ReplayAnswer, SourceAnswer } from '../../src/domain/answers.ts'
import type { Config } from '../../src/server/config.ts'
import { parseSource } from '../../src/sources/kinds.ts'
import { type AServer, aFolder, aServer, until } from '../a-server.ts'

const TOKEN = 'a-token-of-the-far-side'
const JSON_TYPE = { 'content-type': 'application/json' }

async function aShop(more: { data?: string; format?: string; config?: Partial<Config> } = {}) {
  const data = more.data ?? join(aFolder(), 'data')
  const token = join(aFolder(), 'token')
  writeFileSync(token, TOKEN)
  const source = { name: 'shop', kind: 'http', token: { file: token }, ...(more.format && { format: more.format }) }
  const server = await aServer({ data, config: { sources: [parseSource(source)], ...more.config } })
  return { ...server, ...ways(server) }
}

function ways(server: AServer) {
  const post = async <T>(path: string, body: unknown): Promise<T> =>
    (await server.call('POST', path, JSON.stringify(body), JSON_TYPE)).json<T>()
  const list = async (params = ''): Promise<readonly RejectedAnswer[]> =>
    (await server.call('GET', `/v1/sources/shop/rejected${params}`)).json<{ rejected: RejectedAnswer[] }>().rejected
  return {
    list,
    deliver: (body: string | Uint8Array) =>
      server.call('POST', '/in/shop', body, {
        authorization: `Bearer ${TOKEN}`,
        'content-type': 'application/x-ndjson',
      }),
    kept: (count: number) => until(async () => (await list()).length >= count && list()),
    bytesOf: async (id: string) => (await server.call('GET', `/v1/sources/shop/rejected/${id}`)).bytes,
    replay: (body: object) => post<ReplayAnswer>('/v1/sources/shop/rejected:replay', body),
    discard: (body: object) => post<{ discarded: number }>('/v1/sources/shop/rejected:discard', body),
    source: async () => (await server.call('GET', '/v1/sources/shop')).json<SourceAnswer>(),
  }
}

const good = (id: string) =>
  JSON.stringify({ event: { id, action: 'read', outcome: 'success' }, user: { name: 'ada' } })

test('a rejected record is there with its reason and every one of its bytes, also after a restart', async () => {
  const first = await aShop()
  const hostile = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff, 0x00, 0x1b]), Buffer.from('"}')])
  await first.deliver(Buffer.concat([Buffer.from(`${good('1')}\n`), hostile, Buffer.from('\n[7]\nno JSON')]))
  const listed = await first.kept(3)
  expect(listed.map(({ reason, bytes }) => [reason, bytes])).toEqual([
    ['not_json', 7],
    ['wrong_type', 3],
    ['not_utf8', hostile.length],
  ])
  expect(await first.bytesOf(listed[2]?.id ?? '')).toEqual(hostile)
  expect((await first.source()).rejectedKept).toMatchObject({ records: 3, letGo: 0 })
  await first.server.close()

  const again = await aShop({ data: first.data })
  expect(await again.list()).toEqual(listed)
  expect(await again.list('?reason=not_json')).toHaveLength(1)
})

test('what was acknowledged and never reached the database is brought there after the next start', async () => {
  const first = await aShop()
  await first.deliver('no JSON')
  await first.kept(1)
  await first.server.close()
  const path = join(first.data, 'rejected.db')
  const files = readdirSync(first.data).filter((name) => name.startsWith('rejected.db'))
  expect(files.length).toBeGreaterThan(0)
  for (const name of files) unlinkSync(join(first.data, name))

  const again = await aShop({ data: first.data })
  expect((await again.kept(1)).map(({ reason }) => reason)).toEqual(['not_json'])
  expect(readFileSync(path).length).toBeGreaterThan(0)
})

test('after the configuration was mended rejected records are fed again under their names: events, once, accounted for', async () => {
  const wrong = await aShop({ format: 'kubernetes-audit' })
  await wrong.deliver([good('1'), good('2'), 'no JSON'].join('\n'))
  await wrong.kept(3)
  await wrong.server.close()

  const mended = await aShop({ data: wrong.data })
  const answer = await mended.replay({ all: true })
  expect(answer).toEqual({ replayed: 3, kept: 2, duplicate: 0, dropped: 0, rejected: 1, cut: 0 })
  const events = await mended.find('source:shop', 2)
  expect(new Set(events.map(({ whodid }) => whodid?.natural_id))).toEqual(new Set(['1', '2']))
  expect((await mended.list()).map(({ reason }) => reason)).toEqual(['not_json'])
  const { accounting, replayed } = await mended.source()
  expect(accounting).toMatchObject({ received: 6, kept: 2, duplicate: 0 })
  expect(imbalance(accounting)).toBe(0)
  expect(replayed).toBe(3)

  // The sender had sent them again by itself meanwhile.
  expect((await mended.deliver(good('1'))).json()).toMatchObject({ duplicate: 1 })
  const [told] = await mended.find('stream:whodid action:replay', 1)
  expect(told?.audit?.resource?.[0]).toMatchObject({ type: 'source', id: 'shop' })
})

test('some are fed, by id or reason; some are thrown away, which is an event too', async () => {
  const shop = await aShop()
  await shop.deliver(['no JSON', '[7]', '[8]', '[9]'].join('\n'))
  const [nine] = await shop.kept(4)
  expect(await shop.replay({ ids: [nine?.id ?? ''] })).toMatchObject({ replayed: 1, rejected: 1 })
  expect(await shop.replay({ reason: 'not_json' })).toMatchObject({ replayed: 1, rejected: 1 })
  expect(await shop.discard({ ids: [nine?.id ?? ''] })).toEqual({ discarded: 1 })
  expect(await shop.discard({ reason: 'wrong_type' })).toEqual({ discarded: 2 })
  expect((await shop.list()).map(({ reason }) => reason)).toEqual(['not_json'])
  await shop.find('stream:whodid action:discard', 2)
  for (const body of [{}, { all: true, reason: 'not_json' }]) {
    expect(await shop.replay(body)).toMatchObject({ code: 'bad_request' })
  }
})

test('of what is larger than a megabyte the beginning is kept, to be looked at and not to be fed', async () => {
  const shop = await aShop()
  const large = Buffer.alloc(5 * 1024 * 1024, 'x')
  await shop.deliver(large)
  const [kept] = await shop.kept(1)
  expect(kept).toMatchObject({ bytes: large.length, cut: true })
  expect((await shop.bytesOf(kept?.id ?? '')).length).toBe(1024 * 1024)
  expect(await shop.replay({ all: true })).toEqual({
    replayed: 0,
    kept: 0,
    duplicate: 0,
    dropped: 0,
    rejected: 0,
    cut: 1,
  })
})

test('a flood of rejected records is bounded: the newest stay, and it is told how many had to go', async () => {
  const shop = await aShop({ config: { rejected: { maxBytes: 100_000 } } })
  const flood = Array.from({ length: 2000 }, (_, n) => `no JSON ${n}`).join('\n')
  await shop.deliver(flood)
  const source = await until(async () => {
    const now = await shop.source()
    const { records = 0, letGo = 0 } = now.rejectedKept ?? {}
    return records + letGo === 2000 && now
  })
  expect(source.accounting.rejected).toEqual({ not_json: 2000 })
  expect(source.rejectedKept?.letGo).toBeGreaterThan(1000)
  expect(source.rejectedKept?.bytes).toBeLessThanOrEqual(100_000)
  const [newest] = await shop.list()
  expect((await shop.bytesOf(newest?.id ?? '')).toString()).toBe('no JSON 1999')
  expect(shop.lines.some((line) => line.includes('rejected records had to go'))).toBe(true)
})

test('none are kept where the configuration says so; they are counted all the same', async () => {
  const shop = await aShop({ config: { rejected: { maxBytes: 0 } } })
  await shop.deliver('no JSON')
  const { accounting } = await shop.source()
  expect(accounting.rejected).toEqual({ not_json: 1 })
  await shop.find('stream:whodid', 1)
  expect(await shop.list()).toEqual([])
  expect(
    readdirSync(join(shop.data, 'journal'))
      .map((name) => readFileSync(join(shop.data, 'journal', name), 'latin1'))
      .join(''),
  ).not.toContain('no JSON')
})

test('a sample is tried without being stored', async () => {
  const shop = await aShop()
  const records = `${good('1')}\n[7]\n`
  const answer = await shop.call('POST', '/v1/sources:try', JSON.stringify({ format: 'ecs', records }), JSON_TYPE)
  expect(answer.json()).toMatchObject({
    records: [
      {
        events: [
          {
            sentence: expect.stringContaining('ada'),
            event: { whodid: { natural_id: '1', parser: expect.stringMatching(/^ecs@/) } },
          },
        ],
      },
      { events: [], rejected: { code: 'wrong_type' } },
    ],
  })
  const wrong = await shop.call('POST', '/v1/sources:try', JSON.stringify({ format: 'esc', records }), JSON_TYPE)
  expect(wrong.json()).toMatchObject({ code: 'invalid_config', hint: 'did you mean ecs?' })
  expect((await shop.source()).accounting.received).toBe(0)
})
