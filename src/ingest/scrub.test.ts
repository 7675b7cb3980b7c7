import { expect, test } from 'vitest'
import { ran } from '../../test/a-command.ts'
import { aServer, until, type AServer } from '../../test/a-server.ts'
import type { ScrubAnswer } from '../domain/answers.ts'
import { createConnection } from '../store/connection.ts'
import { startEngine } from '../store/engine.ts'
import { join } from 'node:path'
import { aFolder } from '../../test/a-server.ts'

const LONG_MS = 120_000

test(
  'names place and columns of what the store’s administrator changed, by an alert, and says so in readyz',
  async () => {
    const data = aFolder()
    const config = { ledger: { public: 'none', scrubShare: 0 } } as const
    const first = await aServer({ data, config })
    const event = (n: number) => ({
      event: { action: 'delete', dataset: 'shop', outcome: 'success' },
      user: { name: `user-${n}`, target: { name: 'someone' } },
      source: { ip: '192.0.2.7' },
      labels: { team: 'a', 'b\ud800': 'c' },
      message: `n ${n}`,
    })
    const receipt = await first.send(Array.from({ length: 300 }, (_, n) => event(n)))
    await first.find('action:delete', 300)
    expect((await scrubbed(first)).differences).toEqual([])
    const place = receipt.results.flatMap((each) => ('index' in each ? [each.index] : []))
    const log = receipt.results.flatMap((each) => ('log' in each ? [each.log] : []))[0] ?? ''
    await first.server.close()

    const at = (n: number) => place[n] ?? -1
    await administer(
      data,
      log,
      [
        [`UPDATE usr = 'mallory'`, at(3)],
        [`UPDATE ip = '198.51.100.1', labels = map('team', 'b')`, at(5)],
        [`UPDATE actor = replaceAll(actor, 'user-7', 'user-8')`, at(7)],
        [`UPDATE c = toFixedString(repeat('x', 32), 32)`, at(9)],
        [`UPDATE leaf = 'x'`, at(11)],
        [`UPDATE erased = '[{"id":"e","at":"2026","request":"r","kept":{}}]'`, at(13)],
        [`DELETE`, at(15)],
      ],
      at(17),
    )

    const again = await aServer({ data, config })
    const { differences, run } = await scrubbed(again)
    expect(run).toMatchObject({ state: 'done' })
    expect(run?.differences).toBeGreaterThanOrEqual(8)
    const said = differences
      .filter((each) => each.log === log)
      .map(({ index, kind, columns }) => [index, kind, columns.join(' ')])
    expect(said).toEqual(
      expect.arrayContaining([
        [at(3), 'differs', 'usr'],
        [at(5), 'differs', 'ip labels'],
        [at(7), 'differs', 'blocks usr'],
        [at(9), 'differs', 'c'],
        [at(11), 'differs', 'leaf'],
        [at(13), 'differs', 'erased'],
        [at(15), 'missing', ''],
        [at(17), 'repeated', ''],
      ]),
    )
    const told = await ran(['ledger', 'scrub', '--log', log, '--data', data])
    expect(told).toMatchObject({ code: 1, err: expect.stringContaining('rows are not what the ledger says') })
    expect(told.out).toContain(`row ${at(3)} of ${log} differs in usr`)
    expect((await again.call('GET', '/readyz')).text).toContain(`row ${at(3)} of ${log} differs in usr`)
    const alerts = await again.find('action:scrub-difference', 8)
    expect(alerts.some(({ message }) => message?.includes(`row ${at(5)} of ${log} differs in ip, labels`))).toBe(true)

    // What is known is not told again, also after another run.
    const count = (await again.find('action:scrub-difference', 8)).length
    await scrubbed(again)
    expect((await again.find('action:scrub-difference', 8)).length).toBe(count)
  },
  LONG_MS,
)

test(
  'finds a change by itself within one pass',
  async () => {
    const data = aFolder()
    const off = { ledger: { public: 'none', scrubShare: 0 } } as const
    const first = await aServer({ data, config: off })
    const receipt = await first.send([{ event: { action: 'login' }, user: { name: 'ada' } }])
    await first.find('action:login', 1)
    const [result] = receipt.results
    if (result === undefined || !('index' in result)) throw new Error('it was not taken')
    await first.server.close()
    await administer(data, result.log, [[`UPDATE usr = 'bob'`, result.index]])

    const again = await aServer({ data, config: { ledger: { public: 'none', scrubShare: 0.9 } } })

    await until(async () => (await again.call('GET', '/readyz')).text.includes('differs in usr'))
    const standing = await until(async () => {
      if (again.lines.some((line) => line.includes('could not be compared'))) throw new Error(again.lines.join('\n'))
      const answer = (await again.call('GET', '/v1/ledger/scrub')).json<ScrubAnswer>()
      return answer.last !== undefined && answer
    })
    expect(standing.cycleSeconds).toBeGreaterThan(0)
  },
  LONG_MS,
)

async function scrubbed(server: AServer): Promise<ScrubAnswer> {
  const begun = await server.call('POST', '/v1/ledger/scrub', '{}')
  expect(begun.status).toBe(202)
  return until(async () => {
    const answer = (await server.call('GET', '/v1/ledger/scrub')).json<ScrubAnswer>()
    return answer.run?.state !== 'running' && answer
  })
}

/** What somebody with the engine's files at hand can do to it. */
async function administer(data: string, log: string, changes: readonly (readonly [string, number])[], twice?: number) {
  const engine = startEngine({ folder: join(data, 'engine'), log: () => undefined })
  const connection = createConnection({ engine }, 'whodid')
  for (const [change, index] of changes) {
    const where = `WHERE log = '${log}' AND n = ${index} SETTINGS mutations_sync = 2`
    await connection.command(`ALTER TABLE whodid.events ${change} ${where}`)
  }
  if (twice !== undefined)
    await connection.command(
      `INSERT INTO whodid.events SELECT * FROM whodid.events WHERE log = '${log}' AND n = ${twice}`,
    )
  await connection.close()
  await engine.stop()
}
