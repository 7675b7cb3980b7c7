import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  leafHash,
  openCheckpoint,
  parseLeaf,
  parseProof,
  parseVerifierKey,
  verifyEvent,
  verifyInclusion,
  verifyLog,
} from '../../verify/index.ts'
import type { ProvenReceipt } from '../../src/api/written-proofs.ts'
import type { EventPage, LogInfo, ProofAnswer, Summary } from '../../src/domain/answers.ts'
import { sha256 } from '../../src/ledger/sha256.ts'
import { nodeCrypto } from '../../src/ledger/node-crypto.ts'
import { aFolder, aServer, type AServer, movableClock, until } from '../a-server.ts'

const approval = (n: number, more: object = {}) => ({
  '@timestamp': '2026-11-20T09:00:00.000Z',
  event: { action: 'invoice-approve', outcome: 'success', ...(n >= 0 && { id: `inv-${n}` }) },
  user: { name: 'ada', email: 'ada@example.com' },
  source: { ip: '203.0.113.45' },
  audit: { resource: [{ type: 'invoice', id: String(n), name: `invoice ${n}` }] },
  ...more,
})

test('a record goes in, is found, and its proof convinces a verifier that trusts nobody', async () => {
  const whodid = await aServer()
  const receipt = await whodid.send(approval(1))
  expect(receipt).toMatchObject({
    received: 1,
    kept: 1,
    results: [{ log: expect.stringMatching(/^acme\/n1\/default\//), index: 1 }],
  })

  const [event] = await whodid.find('actor:ada action:invoice-* ip:203.0.113.0/24', 1)
  expect(event).toMatchObject({ user: { name: 'ada' }, whodid: { source: 'api', index: 1 } })

  const proof = await proofOf(whodid, event?.event.id ?? '')
  const verdicts = await verifyEvent(nodeCrypto, proof)
  expect(verdicts).toMatchObject({ unchanged: { kind: 'yes' }, included: { kind: 'yes' }, signed: { kind: 'yes' } })

  const forged = { ...proof, blocks: proof.blocks.map((each) => ({ ...each, json: each.json.replace('ada', 'eve') })) }
  expect((await verifyEvent(nodeCrypto, forged)).unchanged.kind).toBe('no')
})

test('who writes with wait=proof is answered with proofs that lead to a signed root', async () => {
  const whodid = await aServer()
  const records = [approval(1), { event: {} }, approval(2)]
  const answer = await whodid.call('POST', '/v1/events?wait=proof', JSON.stringify(records))
  expect(answer.status).toBe(200)
  const { results } = answer.json<ProvenReceipt>()
  expect(results[1]).toEqual({ rejected: expect.objectContaining({ path: 'event.action' }) })
  const own = (await whodid.logs()).find(({ stream }) => stream === 'default')
  for (const written of [results[0], results[2]]) {
    const { index, path, checkpoint } = parseProof(written?.proof ?? '')
    const signed = await openCheckpoint(nodeCrypto, checkpoint, parseVerifierKey(sha256, own?.vkey ?? ''))
    expect(written).toMatchObject({ log: own?.origin, index })
    const [event] = await whodid.find(`id:${written !== undefined && 'id' in written ? written.id : ''}`, 1)
    const { leaf } = await proofOf(whodid, event?.event.id ?? '')
    verifyInclusion(sha256, leafHash(sha256, Buffer.from(leaf)), index, signed.size, path, signed.root)
  }
  const unknown = await whodid.call('POST', '/v1/events?wait=forever', JSON.stringify(records))
  expect(unknown.status).toBe(400)
})

test('every log verifies whole, with the leaf that opened it first and a heartbeat of the totals', async () => {
  const whodid = await aServer()
  await whodid.send(Array.from({ length: 700 }, (_, n) => approval(n)))
  await until(async () => (await whodid.logs()).find((log) => log.stream === 'default' && log.size >= 701))

  const leaves = await leavesOf(whodid, 'default')
  expect(leaves[0]).toMatchObject({ s: '_log', y: 'log.opened' })
  expect(leaves.filter((leaf) => leaf.s === 'api')).toHaveLength(700)
})

test('what comes twice is stored once, also across a restart; other content under a known id is kept and told', async () => {
  const data = aFolder()
  const first = await aServer({ data })
  const sent = await first.send([approval(1), approval(1), approval(2)])
  expect(sent).toMatchObject({ received: 3, kept: 2, duplicate: 1 })
  await first.server.close()

  const second = await aServer({ data })
  const again = await second.send([approval(1), approval(2), approval(2, { message: 'changed' })])
  expect(again).toMatchObject({
    received: 3,
    kept: 1,
    duplicate: 2,
    results: [{ index: 1 }, { index: 2 }, { conflict: true }],
  })

  expect(await second.find('action:invoice-approve', 3)).toHaveLength(3)
  const conflicts = await second.find('whodid.conflict:true', 1)
  expect(conflicts).toMatchObject([{ message: 'changed', whodid: { conflict: true } }])
  expect(await second.find('stream:whodid action:conflict', 1)).toHaveLength(1)
})

test('a batch with an Idempotency-Key gets the same ids and places, however often and after whatever it is sent', async () => {
  const data = aFolder()
  const first = await aServer({ data })
  const batch = [approval(-1), approval(-1), approval(-1, { message: 'third' })]
  const sent = await first.send(batch, { 'idempotency-key': 'batch-7' })
  expect(sent).toMatchObject({ received: 3, kept: 3 })
  await first.server.close()

  const second = await aServer({ data })
  const again = await second.send(batch, { 'idempotency-key': 'batch-7' })
  expect(again).toMatchObject({ received: 3, kept: 0, duplicate: 3 })
  expect(again.results.map(placeOf)).toEqual(sent.results.map(placeOf))

  const other = await second.call('POST', '/v1/events', JSON.stringify([approval(-1)]), {
    'idempotency-key': 'batch-7',
  })
  expect(other.status).toBe(422)
  expect(other.text).toContain('batch-7')
})

test('one bad record does not fail its batch, and each says what is wrong with it', async () => {
  const whodid = await aServer()
  const receipt = await whodid.send([
    approval(1),
    { event: { outcome: 'success' } },
    approval(2, { whodid: { source: 'forged' } }),
    approval(3, { event: { action: 'x', dataset: 'whodid.api' } }),
    approval(4),
  ])

  expect(receipt).toMatchObject({ received: 5, kept: 2, rejected: 3 })
  expect(receipt.results.map((each) => ('rejected' in each ? each.rejected.code : 'kept'))).toEqual([
    'kept',
    'missing_field',
    'claims_whodid',
    'claims_whodid',
    'kept',
  ])
})

test('a month ends in the middle of a load: both logs close and open, and no index is skipped', async () => {
  const clock = movableClock(Date.parse('2026-11-30T23:59:00.000Z'))
  const whodid = await aServer({ clock })
  const before = [0, 1, 2, 3].map((n) => whodid.send(Array.from({ length: 300 }, (_, i) => approval(n * 300 + i))))
  // Some are committed, some are under way.
  await before[0]
  clock.moveTo(Date.parse('2026-12-01T00:00:01.000Z'))
  const after = [4, 5, 6, 7].map((n) => whodid.send(Array.from({ length: 300 }, (_, i) => approval(n * 300 + i))))
  const results = (await Promise.all([...before, ...after])).flatMap((receipt) => receipt.results.map(placeOf))

  const closed = await until(async () =>
    (await whodid.logs()).find((log) => log.stream === 'default' && log.state === 'closed'),
  )
  expect(closed.period).toBe('2026-11')
  // Both openings, the last heartbeat and the closing beside the events.
  await until(async () => sizeOf(await whodid.logs(), 'default') >= 2404)
  const old = await leavesOf(whodid, 'default', '2026-11')
  const young = await leavesOf(whodid, 'default', '2026-12')
  expect(old.at(-1)).toMatchObject({ s: '_log', y: 'log.closed' })
  expect(young[0]).toMatchObject({ s: '_log', y: 'log.opened' })
  expect(old.filter(isOurs).length + young.filter(isOurs).length).toBe(2400)
  expect(new Set(results).size).toBe(2400)
  expect(await whodid.find('source:_log action:log.opened -stream:whodid', 2)).toMatchObject([
    { ledger: { previous: closed.origin, final: expect.stringContaining(`${closed.origin}\n${closed.size}\n`) } },
    {},
  ])
})

test('list, summary and pages of one run show the same events while new ones arrive', async () => {
  const whodid = await aServer()
  await whodid.send(Array.from({ length: 250 }, (_, n) => approval(n)))
  await whodid.find('action:invoice-approve', 250)

  const q = encodeURIComponent('action:invoice-approve')
  const first = (await whodid.call('GET', `/v1/events?q=${q}&limit=100`)).json<EventPage>()
  await whodid.send(Array.from({ length: 50 }, (_, n) => approval(1000 + n)))
  await whodid.find('action:invoice-approve', 300)
  const seen = first.events.map((event) => event.event.id)
  for (let next = first.next; next !== undefined;) {
    const page = (
      await whodid.call('GET', `/v1/events?q=${q}&limit=100&cursor=${encodeURIComponent(next)}`)
    ).json<EventPage>()
    seen.push(...page.events.map((event) => event.event.id))
    next = page.next
  }
  const summary = (await whodid.call('GET', `/v1/events:summary?q=${q}&asOf=${first.asOf}`)).json<Summary>()

  expect(new Set(seen).size).toBe(250)
  expect(summary.total).toBe(250)
  expect(summary.histogram.reduce((sum, bucket) => sum + bucket.counts.success, 0)).toBe(250)
})

test('a killed engine neither stops intake nor loses anything', async () => {
  const whodid = await aServer()
  await whodid.send(approval(0))
  await whodid.find('action:invoice-approve', 1)
  const { enginePid } = JSON.parse(readFileSync(`${whodid.data}/run.json`, 'utf8')) as {
    enginePid: number
  }
  process.kill(enginePid, 'SIGKILL')

  const receipt = await whodid.send(Array.from({ length: 400 }, (_, n) => approval(n + 1)))
  expect(receipt.kept).toBe(400)
  expect(await whodid.find('action:invoice-approve', 401)).toHaveLength(401)
})

function sizeOf(logs: readonly LogInfo[], stream: string): number {
  return logs.filter((log) => log.stream === stream).reduce((sum, log) => sum + log.size, 0)
}

function placeOf(result: object): string {
  return 'log' in result && 'index' in result ? `${String(result.log)} ${String(result.index)}` : 'nowhere'
}

function isOurs(leaf: { readonly s: string }): boolean {
  return leaf.s === 'api'
}

async function proofOf(whodid: AServer, id: string): Promise<ProofAnswer> {
  return until(async () => {
    const answer = await whodid.call('GET', `/v1/events/${id}/proof?format=json`)
    return answer.status === 200 ? answer.json<ProofAnswer>() : undefined
  })
}

/** Verifies a whole log from what the server serves, and gives its leaves. */
async function leavesOf(whodid: AServer, stream: string, period?: string) {
  const log = (await whodid.logs()).find(
    (each) => each.stream === stream && (period === undefined || each.period === period),
  )
  if (log === undefined) throw new Error(`no log of stream ${stream} ${period ?? ''}`)
  // Bundles are fetched side by side: put in order by their paths.
  const bundles = new Map<string, ReturnType<typeof parseLeaf>[]>()
  const fetched = async (path: string): Promise<Uint8Array> => {
    const response = await fetchFromSocket(whodid, `/log/${log.origin}/${path}`)
    if (path.startsWith('tile/entries/')) bundles.set(path, parseBundleLeaves(response))
    return response
  }
  for await (const { entries, checkpoint } of verifyLog(nodeCrypto, {
    vkey: log.vkey,
    fetch: fetched,
    entries: 'whodid',
  })) {
    expect(entries).toBeLessThanOrEqual(checkpoint.size)
  }
  return [...bundles].toSorted(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, leaves]) => leaves)
}

function parseBundleLeaves(bundle: Buffer): ReturnType<typeof parseLeaf>[] {
  const leaves: ReturnType<typeof parseLeaf>[] = []
  for (let at = 0; at < bundle.length; at += 2 + bundle.readUInt16BE(at)) {
    leaves.push(parseLeaf(bundle.toString('utf8', at + 2, at + 2 + bundle.readUInt16BE(at))))
  }
  return leaves
}

async function fetchFromSocket(whodid: AServer, path: string): Promise<Buffer> {
  const answer = await whodid.call('GET', path)
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`)
  return answer.bytes
}
