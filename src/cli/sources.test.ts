import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ran } from '../../test/a-command.ts'
import { aFolder, aServer, until } from '../../test/a-server.ts'

function whodid(data: string, ...args: string[]) {
  return ran(args.includes('try') ? args : [...args, '--data', data])
}

const good = '{"event":{"id":"1","action":"read","outcome":"success"},"user":{"name":"ada"}}'

test('rejected records are listed, printed byte for byte, fed again and thrown away', async () => {
  const server = await aServer()
  const strange = Buffer.from([0x7b, 0xff, 0x0d, 0x7d])
  const body = Buffer.concat([Buffer.from(`${good}\n[7]\n`), strange])
  await server.call('POST', '/v1/events', body, { 'content-type': 'application/x-ndjson' })
  const run = (...args: string[]) => whodid(server.data, 'sources', ...args)
  const rejected = await until(async () => {
    const listed = await run('rejected', 'api', '-o', 'jsonl')
    return listed.out.split('\n').length > 2 && listed
  })
  const [first, second] = rejected.out
    .split('\n')
    .map((line) => (line === '' ? {} : (JSON.parse(line) as { id?: string })))
  expect(first).toMatchObject({ reason: 'not_utf8', bytes: 4 })
  expect((await run('rejected', 'api', first?.id ?? '')).bytes).toEqual(strange)
  expect((await run('rejected', 'api', '--reason', 'wrong_type')).out).toContain('wrong_type')

  const list = await run('list')
  expect(list.out).toMatch(/^NAME +KIND +STATE/)
  expect(list.out).toMatch(/^api +http +listening +\S+ +3 +1 +0 +2/m)
  expect((await run('replay', 'api', '--all')).out).toBe(
    'replayed 2  kept 0  duplicate 0  dropped 0  rejected 2  cut 0\n',
  )
  expect((await run('discard', 'api', '--id', second?.id ?? '')).out).toBe('discarded 1\n')
  expect((await run('rejected', 'api', second?.id ?? '')).code).toBe(1)
  expect(await run('replay', 'api')).toMatchObject({ code: 2, err: expect.stringContaining('--all') })
})

test('the account of a source is shown by the hour, in all forms', async () => {
  const server = await aServer()
  const body = `${good}\n${good}\n[7]\n`
  await server.call('POST', '/v1/events', body, { 'content-type': 'application/x-ndjson' })
  const run = (...args: string[]) => whodid(server.data, 'sources', 'accounting', ...args)

  const table = await run('api')
  expect(table.out).toMatch(/^HOUR +RECEIVED +KEPT +EVENTS +DROPPED/)
  expect(table.out).toMatch(/^\S+:00:00\.000Z +3 +1 +1 +0 +1 +1 +0 +wrong_type 1$/m)
  expect(table.out).toMatch(/^total +3 +1 /m)
  expect(JSON.parse((await run('api', '-o', 'json')).out)).toMatchObject({ hours: [{ accounting: { received: 3 } }] })
  expect((await run('api', '-o', 'csv')).out).toMatch(/^hour,received,.*\r\n\S+,3,1,1,0,1,1,0,wrong_type 1\r\n$/)
  expect((await run('api', '--until', '2020-01-01')).out).toMatch(/^total +0 /m)
  expect(await run('none')).toMatchObject({ code: 1, err: expect.stringContaining('no source none') })
  expect(await run('api', '--since', 'soon')).toMatchObject({ code: 2, err: expect.stringContaining('since') })
})

test('a sample is tried without a server, by format or as a source of the configuration', async () => {
  const folder = aFolder()
  mkdirSync(join(folder, 'logs'))
  const [sample, config] = [join(folder, 'sample.jsonl'), join(folder, 'whodid.yaml')]
  writeFileSync(sample, `${good}\n[7]\n`)
  writeFileSync(config, 'sources:\n  - { name: shop, kind: file, format: ecs, paths: [logs/*.log] }\n')
  const named = await whodid(folder, 'sources', 'try', '--format', 'ecs', sample)
  expect(named.code).toBe(0)
  expect(named.out).toMatch(/^1 +event +\S+ +ada /m)
  expect(named.out).toMatch(/^2 +rejected +wrong_type: /m)
  expect(named.err).toBe('2 records, 1 events, 1 rejected\n')

  const configured = await whodid(
    folder,
    'sources',
    'try',
    '--config',
    config,
    '--source',
    'shop',
    '-o',
    'json',
    sample,
  )
  expect(JSON.parse(configured.out)).toMatchObject({
    records: [{ events: [{ event: { user: { name: 'ada' } } }] }, {}],
  })

  for (const [code, args, said] of [
    [1, ['--format', 'esc', sample], 'did you mean ecs?'],
    [2, ['--format', 'ecs', '--options', '7', sample], '--options is no JSON object'],
    [1, ['--config', config, '--source', 'shup', sample], 'known sources: shop'],
    [2, [sample], 'give --format'],
    [1, ['--format', 'ecs', join(folder, 'none')], 'cannot read'],
  ] as const) {
    const wrong = await whodid(folder, 'sources', 'try', ...args)
    expect({ code: wrong.code, err: wrong.err }).toEqual({ code, err: expect.stringContaining(said) })
  }
})
