import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ran } from '../../test/a-command.ts'
import { aFolder, aServer, until } from '../../test/a-server.ts'
import type { SourceConfig } from '../sources/kinds.ts'

function whodid(data: string, ...args: string[]) {
  return ran([...args, '--data', data])
}

test('after a change of its mapping a source is read again: found by what is new, proven by what was sealed', async () => {
  const [data, logs] = [aFolder(), aFolder()]
  const path = join(logs, 'shop.log')
  const lines = [
    { verb: 'buy', who: 'ada', at: '2026-11-24T10:00:00.123456Z' },
    { verb: 'sell', who: 'bob', at: '2026-11-24T11:00:00Z' },
  ]
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const shop = (map: object): SourceConfig => ({
    name: 'shop',
    kind: 'file',
    paths: [path],
    format: 'json',
    options: { map: { 'event.action': '$.verb', '@timestamp': '$.at', ...map } },
  })
  const before = await aServer({ data, config: { sources: [shop({})] } })
  const [id = ''] = (await before.find('source:shop', 2)).flatMap(({ event }) =>
    event.action === 'buy' ? event.id : [],
  )
  const proven = async (server: typeof before) => {
    // Once a checkpoint covers it.
    const proof = await until(async () => {
      const answer = await server.call('GET', `/v1/events/${id}/proof?format=json`)
      return answer.status === 200 && answer.json<{ leaf: string; blocks: unknown; commitments: unknown }>()
    })
    const { leaf, blocks, commitments } = proof
    return { leaf, blocks, commitments, original: (await server.call('GET', `/v1/events/${id}/original`)).text }
  }
  const sealed = await proven(before)
  expect(sealed.original).toBe(JSON.stringify(lines[0]))
  await before.server.close()

  const after = await aServer({ data, config: { sources: [shop({ 'user.name': '$.who', 'event.action': '$.who' })] } })
  const run = (...args: string[]) => whodid(data, 'sources', 'reread', 'shop', ...args)
  const sum = (read: number, renewed: number, unchanged: number) =>
    `read ${read}  renewed ${renewed}  unchanged ${unchanged}  noOriginal 0  noFormat 0  notWhole 0  rejected 0  otherEvents 0\n`
  await after.find('source:shop', 2)
  expect((await run()).out).toBe(sum(0, 0, 0))
  expect((await run('--force', '--dry-run')).out).toBe(sum(2, 2, 0))
  expect((await run('--force', '--until', '2026-11-24T10:30:00Z')).out).toBe(sum(1, 1, 0))
  expect((await run('--force')).out).toBe(sum(2, 1, 1))

  const [event] = await after.find('user.name:ada has:whodid.sealed_parser', 1)
  expect(event).toMatchObject({
    '@timestamp': '2026-11-24T10:00:00.123456Z',
    event: { id, action: 'buy', original: sealed.original },
    user: { name: 'ada' },
  })
  expect(await proven(after)).toEqual(sealed)
  expect(await after.find('action:reread', 2)).toHaveLength(2)
  expect(await run('--since', 'x')).toMatchObject({ code: 2, err: expect.stringContaining('since is no time') })
  expect((await whodid(data, 'sources', 'reread', 'nobody')).code).not.toBe(0)
}, 60_000)
