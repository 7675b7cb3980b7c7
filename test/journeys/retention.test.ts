import { expect, test } from 'vitest'

import type { StreamAnswer } from '../../src/domain/stream-answers.ts'
import { type AServer, aFolder, aServer, movableClock, until } from '../a-server.ts'

const DAY = 86_400_000

test('a log whose time is over goes as a whole, a held one stays, and a restart brings nothing back', async () => {
  const clock = movableClock(Date.now() - 100 * DAY)
  const data = aFolder()
  const config = {
    streams: [
      { name: 'default', keep: '5d', period: 'day' as const, basis: 'contract 7' },
      { name: 'held', keep: '5d', period: 'day' as const },
    ],
    sources: [],
  }
  const first = await aServer({ data, clock, config })
  await first.send([1, 2, 3].map((n) => ({ event: { id: `old-${n}`, action: 'read', outcome: 'success' } })))
  await first.find('action:read', 3)
  const old = await until(async () => (await first.logs()).find(({ stream }) => stream === 'default'))
  const held = await first.call('POST', '/v1/holds', JSON.stringify({ stream: 'default', reason: 'case 4711' }))
  expect(held.status).toBe(201)

  clock.moveTo(clock.now() + 10 * DAY)
  // Just after the jump what waits in the journal looks ten days old, and senders are told to come again.
  const fresh = [{ event: { id: 'new-1', action: 'write', outcome: 'success' } }]
  await until(async () => (await first.send(fresh)).kept === 1)
  await first.find('action:write', 1)
  await until(async () => (await first.logs()).some(({ origin, state }) => origin === old.origin && state === 'closed'))
  const doubted = await first.call('POST', '/v1/streams:prune', '{}')
  expect(doubted).toMatchObject({ status: 409, text: expect.stringContaining('the clock is 10 days ahead') })
  expect((await prune(first)).gone).toEqual([])
  expect(await streamOf(first, 'default')).toMatchObject({ keepDays: 5, basis: 'contract 7', goingEvents: 0 })

  const { id } = held.json<{ id: string }>()
  const asked = await first.call('POST', `/v1/holds/${id}:release`, '{"reason":"closed"}')
  expect(asked.status).toBe(202)
  const { waiting } = asked.json<{ waiting: { id: string } }>()
  expect((await first.call('POST', `/v1/streams/waiting/${waiting.id}:confirm`)).status).toBe(200)
  const before = await streamOf(first, 'default')
  const going = before.logs.find(({ due }) => due)!
  expect(before.goingEvents).toBe(going.events)

  expect((await prune(first)).gone).toEqual([old.origin])

  const after = await streamOf(first, 'default')
  expect(after).toMatchObject({ events: before.events - going.events, goingEvents: 0, pruned: 1 })
  expect((await first.call('GET', '/v1/events?q=action:read')).json<{ events: unknown[] }>().events).toEqual([])
  await first.find('action:write', 1)
  await first.server.close()

  const second = await aServer({ data, clock, config })
  await second.find('action:write', 1)
  expect((await second.logs()).find(({ origin }) => origin === old.origin)).toMatchObject({ state: 'pruned' })
  // The new log gets a heartbeat at each stop and start; nothing of the old one is among its rows.
  const again = await streamOf(second, 'default')
  expect(again.pruned).toBe(1)
  expect(again.events - after.events).toBeLessThanOrEqual(2)
  expect(going.events).toBeGreaterThan(2)
  expect((await second.call('GET', `/log/${old.origin}/tile/entries/000.p/2`)).status).toBe(404)
}, 60_000)

async function prune(server: AServer): Promise<{ gone: readonly string[] }> {
  return (await server.call('POST', '/v1/streams:prune', '{"clockIsRight":true}')).json<{ gone: readonly string[] }>()
}

async function streamOf(server: AServer, name: string): Promise<StreamAnswer> {
  const { streams } = (await server.call('GET', '/v1/streams')).json<{ streams: StreamAnswer[] }>()
  return streams.find(({ stream }) => stream === name)!
}
