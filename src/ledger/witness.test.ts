import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import {
  createEdge,
  formatAddCheckpoint,
  formatCheckpoint,
  formatNote,
  leafHash,
  openCheckpoint,
  openCosignature,
  parseNote,
  parsePolicy,
  parseVerifierKey,
  proveConsistency,
  tileHashReader,
  toHex,
} from '../../verify/index.ts'
import type { PolicyWitness } from '../../verify/index.ts'
import { manualClock } from '../../test/manual-clock.ts'
import { systemClock } from '../lib/clock.ts'
import { realFiles } from '../lib/real-files.ts'
import type { LogKey } from './log-keys.ts'
import { openLogKeys } from './log-keys.ts'
import { nodeCrypto } from './node-crypto.ts'
import { sha256 } from './sha256.ts'
import { createWitnessBook, openWitnessBook } from './witness-book.ts'
import type { WitnessBook } from './witness-book.ts'
import { addCheckpoint, knownSize } from './witness-client.ts'
import type { WitnessAccess } from './witness-client.ts'
import { witnessListener } from './witness-http.ts'
import { createWitness } from './witness-judge.ts'
import type { Witness } from './witness-judge.ts'
import { createWitnessKey, readWitnessKey } from './witness-key.ts'
import type { WitnessKey } from './witness-key.ts'
import { createWitnessRounds } from './witness-rounds.ts'

const LOG = 'acme/n1/root'
const NOW = 1_790_000_000

let folder: string
let book: WitnessBook
let key: WitnessKey
let log: LogKey
let witness: Witness

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'witness-'))
  await createWitnessBook(realFiles, folder)
  key = await createWitnessKey(realFiles, `${folder}/witness.skey`, 'w.example/1')
  book = await openWitnessBook(realFiles, folder)
  log = await (await openLogKeys(realFiles, `${folder}/logs`)).create(LOG)
  witness = createWitness({ key, book, logs: [parseVerifierKey(sha256, log.vkey)], now: () => NOW })
})
afterEach(async () => {
  book.close()
  await rm(folder, { recursive: true })
})

test('signs a log that grows, with the time, and keeps what it signed last', async () => {
  for (const [old, size] of [
    [0, 3],
    [3, 300],
    [300, 5000],
    [5000, 5000],
  ] as const) {
    const answer = await witness.add(await request(old, size))
    expect(answer.status).toBe(200)
    const { text } = parseNote(await signed(size))
    const seen = await openCosignature(nodeCrypto, text, answer.body, parseVerifierKey(sha256, key.vkey))
    expect(seen.time).toBe(NOW)
  }
  const kept = witness.monitor(toHex(sha256(Buffer.from(LOG))))
  expect(kept.status).toBe(200)
  const keys = [parseVerifierKey(sha256, log.vkey), parseVerifierKey(sha256, key.vkey)] as const
  const { size, signers } = await openCheckpoint(nodeCrypto, kept.body, keys[0], [keys[1]])
  expect([size, signers.map(({ type }) => type)]).toEqual([5000, ['ed25519', 'cosignature']])
})

test.each([
  ['an old size that is not its own', () => request(2, 5), 409, '3\n'],
  ['an old size from the beginning', () => request(0, 5), 409, '3\n'],
  ['another history', () => request(3, 5, 'other'), 422, undefined],
  ['another root of the same size', () => request(3, 3, 'other'), 422, undefined],
  ['a smaller log', () => request(3, 2), 400, undefined],
  ['a proof where none belongs', async () => (await request(3, 5)).replace('old 3', 'old 0'), 409, '3\n'],
  ['another key', async () => (await request(3, 5)).replace(/\n— (\S+) (....)/, '\n— $1 AAAA'), 403, undefined],
  ['a log it was not told of', async () => (await request(3, 5)).replaceAll(LOG, 'acme/n2/root'), 404, undefined],
  ['what is no request', () => Promise.resolve('old 3\n\nhello\n'), 400, undefined],
  ['nothing', () => Promise.resolve(''), 400, undefined],
])('refuses %s, and stays where it was', async (_, body, status, text) => {
  await witness.add(await request(0, 3))
  const answer = await witness.add(await body())
  expect(answer.status).toBe(status)
  if (text !== undefined) expect([answer.body, answer.contentType]).toEqual([text, 'text/x.tlog.size'])
  expect(book.last(LOG)?.size).toBe(3)
  expect((await witness.add(await request(3, 5))).status).toBe(200)
})

test('of requests at the same time only one goes on from a size', async () => {
  await witness.add(await request(0, 3))
  const bodies = await Promise.all([5, 6, 7, 8].map((size) => request(3, size)))
  const answers = await Promise.all(bodies.map((body) => witness.add(body)))
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409, 409, 409])
})

test('does not start without its book, nor twice on one', async () => {
  await expect(openWitnessBook(realFiles, folder)).rejects.toMatchObject({ code: 'locked' })
  await witness.add(await request(0, 3))
  book.close()
  book = await openWitnessBook(realFiles, folder)
  expect(book.last(LOG)?.size).toBe(3)
  await rm(`${folder}/witness.db`)
  await expect(openWitnessBook(realFiles, folder)).rejects.toMatchObject({ code: 'damaged' })
  await expect(createWitnessKey(realFiles, `${folder}/witness.skey`, 'w')).rejects.toMatchObject({ code: 'conflict' })
  expect((await readWitnessKey(realFiles, `${folder}/witness.skey`))?.vkey).toBe(key.vkey)
})

test('answers over HTTP within its bounds, and the client understands it', async () => {
  const url = await served(witnessListener({ witness, clock: systemClock, rate: 1, log: () => undefined }))
  const peer = peerAt(url)
  expect(await knownSize(access(), peer, LOG)).toBe(0)
  const checkpoint = await signed(3)
  expect(await addCheckpoint(access(), peer, { old: 0, proof: [], checkpoint })).toMatchObject({ kind: 'signed' })
  expect(await addCheckpoint(access(), peer, { old: 1, proof: [], checkpoint })).toEqual({ kind: 'knows', size: 3 })
  const other = await signed(3, 'other')
  expect(await addCheckpoint(access(), peer, { old: 3, proof: [], checkpoint: other })).toMatchObject({ kind: 'fork' })
  expect(await knownSize(access(), peer, LOG)).toBe(3)
  const large = await fetch(`${url}/add-checkpoint`, { method: 'POST', body: 'x'.repeat(70_000) })
  expect(large.status).toBe(413)
  expect((await fetch(`${url}/else`)).status).toBe(404)
  // Sixty are allowed at once, and a few of them went already.
  const statuses = await Promise.all(Array.from({ length: 60 }, async () => (await fetch(`${url}/healthz`)).status))
  expect(statuses).toContain(429)
})

test.each([
  ['that answers at great length', (): Reply => [200, 'x'.repeat(100_000)], 'it answers with more than'],
  ['that signs something else', (): Reply => [200, key.cosign('else\n1\n\n', NOW)], 'does not fit'],
  ['that lives in the future', (): Reply => [200, key.cosign(parseNote(fixed).text, NOW * 2)], 'ahead of ours'],
  ['that sends elsewhere', (): Reply => [307, ''], ''],
  ['that fails', (): Reply => [500, 'no'], 'it answers 500'],
])('believes no witness %s', async (_, reply, reason) => {
  fixed = await signed(3)
  const url = await served((_request, response) => {
    const [status, body] = reply()
    response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end(body)
  })
  const answer = await addCheckpoint(access(), peerAt(url), { old: 0, proof: [], checkpoint: fixed })
  expect(answer).toMatchObject({ kind: 'failed', reason: expect.stringContaining(reason) })
})

test('a quorum that is missing for ten minutes raises an alarm, once, and its return is told', async () => {
  const clock = manualClock(NOW * 1000)
  let isUp = false
  const url = await served((request_, response) => {
    if (isUp) return witnessListener({ witness, clock, rate: 1000, log: () => undefined })(request_, response)
    response.writeHead(503).end()
  })
  const note = await signed(3)
  let cosigned: { size: number; note: string } | undefined
  const alarms: string[] = []
  const rounds = createWitnessRounds({
    policy: parsePolicy(sha256, `witness w ${key.vkey} ${url}\nquorum w\n`),
    root: () => ({ origin: LOG, vkey: log.vkey, size: 3, note, ...(cosigned && { cosigned }) }),
    consistency: () => Promise.resolve([]),
    saveCosigned: async (text) => void (cosigned = { size: 3, note: text }),
    fetch,
    clock,
    log: () => undefined,
    alarm: (kind) => alarms.push(kind),
  })
  const ended = new AbortController()
  const running = rounds.run(ended.signal)
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) {
      clock.advance(1000)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const start = clock.now()
  await until(() => clock.now() - start > 500_000)
  expect([alarms, rounds.standing().quorum]).toEqual([[], 'behind'])
  await until(() => alarms.length > 0)
  expect(rounds.standing()).toMatchObject({
    quorum: 'missing',
    witnesses: [{ state: 'failing', reason: 'it answers 503' }],
  })
  expect(rounds.reasons()).toEqual([expect.stringMatching(/^unwitnessed since .*: w$/)])
  isUp = true
  await until(() => alarms.length > 1)
  expect(alarms).toEqual(['quorum-missing', 'quorum-back'])
  expect(rounds.standing()).toMatchObject({ quorum: 'met', witnesses: [{ state: 'signed', size: 3 }] })
  ended.abort()
  await running
})

type Reply = readonly [status: number, body: string]

/** The checkpoint of the test at hand. */
let fixed = ''

function access(): WitnessAccess {
  return { fetch, now: () => NOW * 1000, timeoutMs: 5000, signal: new AbortController().signal }
}

function peerAt(url: string): PolicyWitness {
  return { name: 'w', vkey: key.vkey, key: parseVerifierKey(sha256, key.vkey), url }
}

async function served(listener: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  // It listens on TCP, so its address has a port.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Body of a request from one size to another of one history. */
async function request(old: number, size: number, salt = ''): Promise<string> {
  const tree = treeOf(Math.max(old, size), salt)
  const read = tileHashReader(sha256, size, async ({ level, index, width }) => {
    const row = tree.rows[Number(level)] ?? []
    return Buffer.concat(row.slice(index * 256, index * 256 + width))
  })
  const proof = old > 0 && old < size ? await proveConsistency(sha256, old, size, read) : []
  return formatAddCheckpoint({ old, proof, checkpoint: await signed(size, salt) })
}

async function signed(size: number, salt = ''): Promise<string> {
  const text = formatCheckpoint({ origin: LOG, size, root: treeOf(size, salt).root })
  return formatNote({ text, signatures: [{ name: LOG, id: log.id, bytes: log.sign(Buffer.from(text)) }] })
}

function treeOf(size: number, salt: string): { root: Uint8Array; rows: Uint8Array[][] } {
  const rows: Uint8Array[][] = [[]]
  const edge = createEdge(sha256, (level, _, __, root) => (rows[level + 1] ??= []).push(root))
  for (let i = 0; i < size; i++) {
    const hash = leafHash(sha256, Buffer.from(`${salt} ${i}`))
    rows[0]!.push(hash)
    edge.push(hash)
  }
  return { root: edge.root(), rows }
}
