import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { JobAnswer, Receipt } from '../../src/domain/answers.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { realFiles } from '../../src/lib/real-files.ts'
import { restoreBackup } from '../../src/server/restore.ts'
import { aFolder, aServer, type AServer, until } from '../a-server.ts'

const never = new AbortController().signal

test('a copy made under load holds all that was acknowledged before, and goes on with logs of other names', async () => {
  const old = await aServer()
  const kept = await sendMany(old, 'before', 30)
  await old.find('action:before', 30 * 20)
  const stop = new AbortController()
  const load = (async () => {
    while (!stop.signal.aborted) await sendMany(old, 'during', 1)
  })()
  const to = join(aFolder(), 'copy')
  const made = await backUp(old, { to, withKeys: true })
  stop.abort()
  await load
  expect(made).toMatchObject({ state: 'done' })
  await sendMany(old, 'after', 1)

  const data = join(aFolder(), 'data')
  const restored = await restoreBackup({
    files: realFiles,
    clock: systemClock,
    from: to,
    data,
    tell: () => undefined,
    log: () => undefined,
    signal: never,
  })
  expect(restored.rows).toBeGreaterThanOrEqual(600)
  const copy = await aServer({ data })
  expect(copy.lines.join('\n')).toContain('generation 2')
  const found = await copy.find('action:before', 600)
  const placeOf = new Map(found.map(({ event, whodid }) => [event.id, [whodid?.log, whodid?.index]]))
  for (const { id, log, index } of kept) expect(placeOf.get(id)).toEqual([log, index])
  await sendMany(copy, 'anew', 1)
  await copy.find('action:anew', 20)
  expect(await copy.find('action:after', 0)).toEqual([])
  const [own, others] = [namesOf(await copy.logs()), namesOf(await old.logs())]
  const open = own.filter((name) => name.endsWith('.2'))
  expect(open.length).toBeGreaterThanOrEqual(2)
  expect(others.filter((name) => open.includes(name))).toEqual([])
  for (const { id } of [kept[0]!, kept.at(-1)!]) {
    const proof = await until(async () => {
      const answer = await copy.call('GET', `/v1/events/${id}/proof`)
      if (answer.status !== 200 && answer.status !== 409) throw new Error(answer.text)
      return answer.status === 200 && answer.text
    })
    expect(proof).toContain('c2sp.org/tlog-proof@v1')
  }
})

async function backUp(server: AServer, asked: object): Promise<JobAnswer> {
  const begun = await server.call('POST', '/v1/backups', JSON.stringify(asked), { 'content-type': 'application/json' })
  expect(begun.text).toContain('"id"')
  const { id } = begun.json<JobAnswer>()
  return until(async () => {
    const answer = (await server.call('GET', `/v1/backups/${id}`)).json<JobAnswer>()
    return answer.state !== 'running' && answer
  })
}

async function sendMany(server: AServer, action: string, batches: number) {
  const kept: { id: string; log: string; index: number }[] = []
  for (let n = 0; n < batches; n++) {
    const events = Array.from({ length: 20 }, (_, i) => {
      return { event: { action, outcome: 'success' }, user: { name: `user-${i}` } }
    })
    const { results }: Receipt = await server.send(events)
    for (const each of results) if ('id' in each) kept.push(each)
  }
  return kept
}

function namesOf(logs: readonly { origin: string }[]): readonly string[] {
  return logs.map(({ origin }) => origin)
}
