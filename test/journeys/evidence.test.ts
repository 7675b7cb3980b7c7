import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { createAuth } from '../../src/auth/auth.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { openState } from '../../src/state/state.ts'
import { ran } from '../a-command.ts'
import { membersOf, repacked, withoutBlock } from '../a-pack.ts'
import { type AServer, aFolder, aServer, until } from '../a-server.ts'

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')
const ADA = { name: 'ada', id: 'u-1', email: 'ada@example.com', target: { name: 'eve', id: 'u-9' } }

async function aServerWithEvents(data: string): Promise<AServer> {
  const server = await aServer({ data })
  await server.send([
    { event: { action: 'delete', outcome: 'success', original: '{"n":1}' }, user: ADA, source: { ip: '203.0.113.9' } },
    { event: { action: 'create', outcome: 'success' }, user: { name: 'bob', id: 'u-2' } },
    { event: { action: 'read', outcome: 'failure' }, user: ADA, source: { ip: '203.0.113.9' } },
  ])
  await server.find('actor:ada', 2)
  return server
}

test('a pack by range proves what matches, and that nothing between is missing', async () => {
  const folder = aFolder()
  // So there are heartbeats of its end and of the next start.
  await (await aServerWithEvents(folder)).server.close()
  const server = await aServer({ data: folder })
  const pack = join(folder, 'ada.tar')
  const made = await ran(['evidence', 'create', '--query', 'actor:ada', '--data', server.data, '-O', pack])
  if (process.env['GOLDEN'] !== undefined) copyFileSync(pack, process.env['GOLDEN'])

  expect(made).toMatchObject({ code: 0, out: '' })
  expect(made.err).toMatch(/ada\.tar {2}2 events, \d+ leaves of 2 logs, \d+ bytes\nsha256 [0-9a-f]{64}\n$/)
  expect(statSync(pack).mode & 0o777).toBe(0o600)
  const checked = await ran(['verify', pack])
  expect(checked.err).toBe('')
  expect(checked.code).toBe(0)
  expect(checked.out).toContain('✓ Completeness  acme/n1/default/')
  expect(checked.out).toContain('✓ Accounting    acme/n1/default/')
  expect(checked.out).toMatch(/✓ Log signature acme\/n1\/default\/.*; the root log acme\/n1\/root has it too/)
  expect(checked.out).toMatch(/✓ Accounting {4}the install's accounts balance at each of \d+ heartbeats/)
  expect(checked.out).toContain('2 events: actor of 2, place of 2, target of 2, body of 2')
  expect(checked.out).toContain(
    '– Not shown     1 block original: not asked for, this pack discloses actor, place, target, body',
  )
  expect(checked.out).toContain('\nVerified: 2 events in 2 logs, unchanged, and their logs complete over the range.')
  // Blocks of others are not in it.
  expect(readFileSync(pack, 'utf8')).not.toContain('"bob"')

  const again = await ran(['evidence', 'create', '--data', server.data, '-O', pack])
  expect(again).toMatchObject({ code: 1, err: expect.stringContaining('exists already') })
  const trail = await server.find('stream:whodid action:evidence-*', 3)
  expect(trail.map(({ event }) => event.action ?? '').toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
    'evidence-create',
    'evidence-fetch',
    'evidence-finish',
  ])
  expect(made.err).toContain(sha256In(trail))
})

function sha256In(trail: readonly unknown[]): string {
  return /"sha256":"([0-9a-f]{64})"/.exec(JSON.stringify(trail))?.[1] ?? 'none'
}

test('a pack by selection has the matching leaves alone and never claims completeness', async () => {
  const folder = aFolder()
  const server = await aServerWithEvents(folder)
  const pack = join(folder, 'ada.tar')
  const asked = ['--query', 'actor:ada', '--disclose', 'actor,place,target,body,original', '--selection']
  expect(await ran(['evidence', 'create', ...asked, '--data', server.data, '-O', pack])).toMatchObject({ code: 0 })

  const members = membersOf(readFileSync(pack))
  expect(members.get('README.txt')?.toString()).toMatch(/^This pack is a selection: it does NOT show completeness\./)
  const checked = await ran(['verify', pack])
  expect(checked).toMatchObject({ code: 0, err: '' })
  expect(checked.out).toMatch(/^This pack is a selection: it does NOT show completeness\./)
  expect(checked.out).toContain('– Completeness  acme/n1/default/')
  expect(checked.out).not.toContain('✓ Completeness')
  expect(checked.out).toContain('✓ Not shown     nothing: every block of these events is shown')
})

test('one who hides a block that no erasure covers is found out', async () => {
  const folder = aFolder()
  const server = await aServerWithEvents(folder)
  const pack = join(folder, 'ada.tar')
  await ran(['evidence', 'create', '--query', 'actor:ada', '--data', server.data, '-O', pack])
  writeFileSync(
    pack,
    repacked(readFileSync(pack), (members) => withoutBlock(members, 'place')),
  )

  const checked = await ran(['verify', pack])
  expect(checked).toMatchObject({ code: 1, err: `whodid: ${pack} is not verified\n` })
  expect(checked.out).toMatch(/✕ Not shown {5}withheld: place of leaf 1 of acme\/n1\/default\/\d{4}-\d\d is neither/)
})

test('what a token may not see is not in its pack, which says why', async () => {
  const folder = aFolder()
  const first = await aServerWithEvents(folder)
  await first.server.close()
  const state = openState({ folder, install: 'acme', clock: systemClock })
  const auth = createAuth({ state, clock: systemClock, receiverSecrets: new Map() })
  const env = { WHODID_TOKEN: auth.createToken({ scope: 'read', hide: ['source.ip'] }, 'test').token }
  state.close()
  const { url } = (await aServer({ data: folder })).server
  const pack = join(folder, 'ada.tar')
  const made = await ran(['evidence', 'create', '--query', 'actor:ada', '--url', url, '-O', pack], { env })

  expect(made).toMatchObject({ code: 0, out: '' })
  expect(readFileSync(pack, 'utf8')).not.toContain('203.0.113.9')
  const checked = await ran(['verify', pack])
  expect(checked.code).toBe(0)
  expect(checked.out).toContain('blocks place: hidden by policy, since fields in it are hidden from who made this pack')
})

test('the policy of whoever checks goes before the one inside, and both are named', async () => {
  const folder = aFolder()
  const server = await aServerWithEvents(folder)
  const [pack, policy] = [join(folder, 'all.tar'), join(folder, 'policy.txt')]
  await ran(['evidence', 'create', '--data', server.data, '-O', pack])
  const inside = membersOf(readFileSync(pack)).get('policy.txt')?.toString() ?? ''
  writeFileSync(policy, inside)
  const own = await ran(['verify', pack, '--policy', policy])
  expect(own).toMatchObject({ code: 0, out: expect.stringContaining('Believed: your policy.') })

  writeFileSync(policy, 'quorum none\n')
  const none = await ran(['verify', pack, '--policy', policy])
  expect(none.code).toBe(1)
  expect(none.out).toMatch(/✕ Log signature .* which the policy does not name/)
})

test('a job is only for who made it, bounded, and gone after a restart', async () => {
  const data = aFolder()
  const server = await aServerWithEvents(data)
  const headers = { 'content-type': 'application/json' }
  const alone = await server.call('POST', '/v1/evidence', '{"disclose":["original"]}', headers)
  expect(alone).toMatchObject({ status: 400, text: expect.stringContaining('disclose actor, place, target, body too') })
  const made = await server.call('POST', '/v1/evidence', '{}', headers)
  expect(made.status).toBe(202)
  const where = String(made.headers['location'])
  await until(async () => (await server.call('GET', where)).json<{ state: string }>().state === 'done')
  expect((await server.call('GET', `${where}/file`)).status).toBe(200)
  const token = (await server.call('POST', '/v1/tokens', '{"scope":"read"}', headers)).json<{ token: string }>().token
  const other = await server.call('GET', where, undefined, { authorization: `Bearer ${token}` })
  expect(other.status).not.toBe(200)

  await server.server.close()
  const again = await aServer({ data })
  const gone = await again.call('GET', where)
  expect(gone).toMatchObject({ status: 404, text: expect.stringContaining('not over a restart') })
})

test('a pack is checked without a network', async () => {
  const folder = aFolder()
  const server = await aServerWithEvents(folder)
  const pack = join(folder, 'all.tar')
  await ran(['evidence', 'create', '--data', server.data, '-O', pack])
  await server.server.close()

  const out = execFileSync('unshare', ['-rn', process.execPath, MAIN, 'verify', pack], { encoding: 'utf8' })
  expect(out).toContain('Verified: ')
  writeFileSync(pack, readFileSync(pack).subarray(0, -512))
  const cut = spawnSync('unshare', ['-rn', process.execPath, MAIN, 'verify', pack], { encoding: 'utf8' })
  expect(cut).toMatchObject({ status: 1, stdout: expect.stringContaining('✕ Pack') })
})
