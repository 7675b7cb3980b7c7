import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { LogInfo } from '../../src/domain/answers.ts'
import { ran } from '../a-command.ts'
import { type AServer, aFolder, aServer, until } from '../a-server.ts'

const ROOT = 'acme/n1/root'

test('logs become folders that verify by themselves, also after growth and with a damaged file', async () => {
  const server = await aServer({ config: { ledger: { public: 'none', rootMs: 100 } } })
  // Its first leaf says that it begins.
  const log = await sent(server, 255)
  expect(log.size).toBe(256)
  await until(async () => (await server.logs()).some(({ origin }) => origin === ROOT))
  const folder = join(aFolder(), 'bucket')
  const run = (...more: string[]) => ran(['ledger', 'export', '--static', folder, '--data', server.data, ...more])

  const first = await run()
  expect(first).toMatchObject({ code: 0, out: '' })
  const origins = (await server.logs()).map(({ origin }) => origin)
  expect(origins.length).toBeGreaterThanOrEqual(2)
  for (const origin of origins) {
    expect(first.err).toMatch(new RegExp(`^${origin} {2}\\d+ entries written and verified$`, 'm'))
    expect(await ran(['verify', join(folder, origin)])).toMatchObject({ code: 0, err: '1 log verified\n' })
  }
  expect(readdirSync(join(folder, log.origin)).toSorted()).toEqual(['checkpoint', 'log.json', 'log.vkey', 'tile'])

  const grown = await sent(server, 300)
  const tile = join(folder, log.origin, 'tile/0/000')
  const bytes = readFileSync(tile)
  writeFileSync(tile, bytes.with(100, bytes[100]! ^ 1))
  expect(await run('--log', log.origin)).toMatchObject({
    code: 1,
    err: expect.stringMatching(
      /^whodid: acme\/n1\/default\/\S+: tile\/0\/000: its hashes are not those of the entries\n {2}hint: if an earlier run left it in /,
    ),
  })
  rmSync(tile)
  expect(await run('--log', log.origin)).toMatchObject({ code: 0 })
  const verified = await ran(['verify', join(folder, log.origin)])
  expect(verified.out).toContain(`ok    ${log.origin}  ${grown.size} entries  `)
})

test('a log that is not there is named, and where no server runs that is said', async () => {
  const server = await aServer()
  const folder = aFolder()

  expect(
    await ran(['ledger', 'export', '--static', folder, '--data', server.data, '--log', 'acme/n1/x']),
  ).toMatchObject({
    code: 1,
    err: 'whodid: there is no log acme/n1/x\n  hint: whodid ledger list names all\n',
  })
  expect(await ran(['ledger', 'export', '--static', folder, '--data', folder])).toMatchObject({ code: 1 })
  expect(readdirSync(folder)).toEqual([])
})

/** Sends so many events, and waits until all are in the log of their stream and signed. */
async function sent(server: AServer, count: number): Promise<LogInfo> {
  const { results } = await server.send(Array.from({ length: count }, (_, n) => ({ event: { action: `act-${n}` } })))
  const last = results.at(-1)
  const [origin, index] = last !== undefined && 'id' in last ? [last.log, last.index] : []
  return until(async () => (await server.logs()).find((log) => log.origin === origin && log.size === (index ?? 0) + 1))
}
