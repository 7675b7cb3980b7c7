import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { JobAnswer, ProofAnswer } from '../../src/domain/answers.ts'
import type { ErasureAnswer, ErasurePreview } from '../../src/domain/erasure-answers.ts'
import { ran } from '../a-command.ts'
import { repacked, withoutBlock } from '../a-pack.ts'
import { type AServer, aFolder, aServer, movableClock, until } from '../a-server.ts'
import { filesHolding } from '../inflating-search.ts'

const SIGNS = ['ada.byron', 'ada@example.net', '203.0.113.99', 'u_4711']
const START = Date.now()
const ADA = { name: 'ada.byron', id: 'u_4711', email: 'ada@example.net' }

const act = (user: object, n: number, more: object = {}) => ({
  '@timestamp': new Date(START - 60_000 + n).toISOString(),
  event: { action: `act-${n}`, outcome: 'success', original: JSON.stringify({ user, n }) },
  user,
  source: { ip: user === ADA ? '203.0.113.99' : '198.51.100.1' },
  labels: { n: String(n) },
  ...more,
})

async function erase(server: AServer, body: object = {}): Promise<ErasureAnswer> {
  const asked = await server.call(
    'POST',
    '/v1/erasures',
    JSON.stringify({ names: ['ada.byron'], reference: 'R-17', basis: 'GDPR 17(1)(b)', ...body }),
    JSON_TYPE,
  )
  expect([asked.status, asked.text]).toEqual([202, expect.any(String)])
  const { id } = asked.json<ErasureAnswer>()
  const approved = await server.call('POST', `/v1/erasures/${id}:approve`, '{"confirm":true}', JSON_TYPE)
  expect(approved.status).toBe(200)
  return await until(async () => {
    const now = (await server.call('GET', `/v1/erasures/${id}`)).json<ErasureAnswer>()
    return now.state === 'done' && now
  })
}

const JSON_TYPE = { 'content-type': 'application/json' }

async function proofOf(server: AServer, id: string): Promise<ProofAnswer> {
  return await until(async () => {
    const answer = await server.call('GET', `/v1/events/${id}/proof?format=json`)
    return answer.status === 200 && answer.json<ProofAnswer>()
  })
}

test('a person is found in every place before an erasure and in none after it, and every proof is as it was', async () => {
  const clock = movableClock(Date.now())
  const server = await aServer({ clock })
  const receipt = await server.send([
    act(ADA, 1),
    act({ name: 'bob' }, 2),
    act(ADA, 3),
    act({ name: 'carol', target: ADA }, 4),
    { user: ADA, event: { dataset: 'whodid.trail' } },
  ])
  await server.find('action:act-*', 4)
  const ids = receipt.results.flatMap((each) => ('id' in each ? [each.id] : []))
  const before = await Promise.all(ids.map((id) => proofOf(server, id)))
  const pack = (await server.call('POST', '/v1/evidence', '{"query":"action:act-*"}', JSON_TYPE)).json<JobAnswer>()
  await until(async () => (await server.call('GET', `/v1/evidence/${pack.id}`)).json<JobAnswer>().state === 'done')

  const found = filesHolding(server.data, SIGNS)
  for (const place of [/^journal\//, /^engine\/data\/.*\.bin$/, /^keys\/subjects\.db/, /^rejected\.db/, /^jobs\//])
    expect(
      found.some((name) => place.test(name)),
      String(place),
    ).toBe(true)

  // The ledger's own files never knew anybody.
  expect(found.filter((name) => name.startsWith('ledger/'))).toEqual([])

  const preview = (
    await server.call('POST', '/v1/erasures:preview', '{"names":["ada.byron"]}', JSON_TYPE)
  ).json<ErasurePreview>()
  expect(preview).toMatchObject({ events: 3, identities: [{ ids: ['u_4711'], asActor: 2, asTarget: 1 }] })

  const done = await erase(server)
  expect(done).toMatchObject({ counts: { events: 3, rejected: 1, files: 1 }, requestedBy: expect.any(String) })
  expect(done.person).toBeUndefined()

  // Nothing of it is shown, and each proof is the one that it was.
  // A search is an event that holds its query, so it must not be one for the name.
  expect((await server.call('GET', '/v1/events?q=action:act-1')).text).not.toContain('u_4711')
  const after = await Promise.all(ids.map((id) => proofOf(server, id)))
  expect(after.map(({ leaf, commitments }) => [leaf, commitments])).toEqual(
    before.map(({ leaf, commitments }) => [leaf, commitments]),
  )
  expect(after.map(({ blocks }) => blocks.map(({ block }) => block))).toEqual([
    [],
    expect.arrayContaining(['actor', 'body']),
    [],
    ['actor', 'place'],
  ])
  const shown = (await server.call('GET', `/v1/events/${ids[0]}`)).json<{ whodid: object }>()
  expect(shown.whodid).toMatchObject({ erased: [{ blocks: ['actor', 'place', 'body', 'original'], request: 'R-17' }] })

  // The journal keeps what the duplicate window needs, ten minutes, and lets go of it by itself.
  expect(filesHolding(server.data, SIGNS).filter((name) => !name.startsWith('journal/'))).toEqual([])
  clock.moveTo(Date.now() + 11 * 60_000)
  await until(async () => (await server.call('GET', `/v1/erasures/${done.id}`)).json<ErasureAnswer>().step === 'done')
  expect(filesHolding(server.data, SIGNS)).toEqual([])

  // An auditor sees what was erased, by which record; who hides another block is found out.
  const file = join(aFolder(), 'acts.tar')
  await ran(['evidence', 'create', '--query', 'action:act-*', '--data', server.data, '-O', file])
  const checked = await ran(['verify', file])
  expect(checked.out).toMatch(/blocks erased: on \S+, request R-17, by the record at leaf/)
  expect(checked).toMatchObject({ code: 0 })
  writeFileSync(
    file,
    repacked(readFileSync(file), (members) => withoutBlock(members, 'place')),
  )
  const hidden = await ran(['verify', file])
  expect(hidden).toMatchObject({ code: 1 })
  expect(hidden.out).toContain('withheld: place of leaf')

  // What was sent again does not come back, and what is done from now on is kept.
  const later = { ...act(ADA, 9), '@timestamp': new Date(clock.now()).toISOString() }
  expect(await server.send([act(ADA, 1), later])).toMatchObject({ kept: 1, dropped: 1 })
  expect(await server.find('actor:ada.byron', 1)).toHaveLength(1)
}, 300_000)
