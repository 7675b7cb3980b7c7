import { request } from 'node:http'
import { expect, test } from 'vitest'
import type { ErasureAnswer } from '../../src/domain/erasure-answers.ts'
import { readRun } from '../../src/state/run-file.ts'
import { aFolder, until } from '../a-server.ts'
import { filesHolding } from '../inflating-search.ts'
import { seeded } from '../seeded.ts'
import { beginServerProcess, startServerProcess } from '../server-process.ts'

const KILLS = 20
const PEOPLE = ['grace.hopper.7', 'alan.turing.7']

test(`a server that is killed ${KILLS} times while it erases goes on where it was, and nothing is left`, async () => {
  const data = aFolder()
  const random = seeded(5)
  let server = await startServerProcess({ data })
  const events = Array.from({ length: 3000 }, (_, n) => ({
    event: { action: 'act', outcome: 'success', original: `record ${n} of ${nameOf(n)}` },
    user: { name: nameOf(n) },
  }))
  await call(data, 'POST', '/v1/events', events)
  const ids: string[] = []
  for (const name of PEOPLE) {
    const why = { reference: `R-${ids.length}`, basis: 'GDPR 17(1)' }
    const { id } = await call<ErasureAnswer>(data, 'POST', '/v1/erasures', { names: [name], ...why })
    await call(data, 'POST', `/v1/erasures/${id}:approve`, { confirm: true })
    ids.push(id)
  }
  for (let n = 0; n < KILLS; n++) {
    await new Promise((resolve) => setTimeout(resolve, random.next() * 1500))
    await server.kill()
    server = await beginServerProcess({ data }).ready
  }
  const done = await until(async () => {
    const all = await Promise.all(ids.map((id) => call<ErasureAnswer>(data, 'GET', `/v1/erasures/${id}`)))
    return all.every(({ state }) => state === 'done') && all
  })

  expect(done.map(({ counts }) => counts['events'])).toEqual([1000, 1000])
  // The journal lets go ten minutes later.
  expect(filesHolding(data, PEOPLE).filter((name) => !name.startsWith('journal/'))).toEqual([])
  // The last leaf's row may be on its way; one that was written twice is there at once with the others.
  const records = await until(async () => {
    const told = await call<{ events: unknown[] }>(data, 'GET', '/v1/events?q=source:_log%20action:subject.erased')
    return told.events.length >= PEOPLE.length && told.events
  })
  expect(records).toHaveLength(PEOPLE.length)
  await server.stop()
}, 600_000)

function nameOf(n: number): string {
  return PEOPLE[n % 3] ?? 'bob'
}

/** Over the control socket, as the local operator. */
async function call<Answer>(data: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const socketPath = readRun(data)?.socket ?? ''
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const sent = request({ socketPath, method, path, headers: { 'content-type': 'application/json' } }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (part: string) => (text += part))
    response.once('end', () => resolve(text))
  })
  sent.once('error', reject)
  sent.end(body === undefined ? undefined : JSON.stringify(body))
  // The test says which shape it expects.
  return JSON.parse(await promise) as Answer
}
