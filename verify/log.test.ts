import { generateKeyPairSync, hash, sign, verify } from 'node:crypto'
import { expect, test } from 'vitest'
import { toBase64Url } from './base64.ts'
import { blockSalt, commitBlocks } from './blocks.ts'
import { formatBundle } from './bundle.ts'
import { formatCheckpoint } from './checkpoint.ts'
import { proveConsistency } from './consistency.ts'
import { createEdge } from './edge.ts'
import type { EventProof } from './event-proof.ts'
import { verifyEvent } from './event-proof.ts'
import { leafHash } from './hash.ts'
import { proveInclusion } from './inclusion.ts'
import { formatLeaf } from './leaf.ts'
import type { LogProgress, LogToVerify } from './log.ts'
import { formatLogDescription, verifyLog } from './log.ts'
import type { Crypto } from './note.ts'
import { formatNote, formatVerifierKey, keyId } from './note.ts'
import { formatProof } from './proof.ts'
import { hashesAt, tileHashReader, tileLevels, tilePath, tileWidth } from './tiles.ts'

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const raw = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(12))
const crypto: Crypto = {
  sha256: (bytes) => hash('sha256', bytes, 'buffer'),
  verifyEd25519: async (key, message, signature) =>
    Buffer.compare(key, raw) === 0 && verify(null, message, publicKey, signature),
}
const { sha256 } = crypto
const ORIGIN = 'acme/n1/access/2026-11'
const VKEY = formatVerifierKey(sha256, ORIGIN, 'ed25519', raw)
const KEY = new Uint8Array(32).fill(9)
const BLOCKS = ['{"user":{"name":"ada"}}', undefined, undefined, '{"labels":{"a":"b"}}', undefined] as const
const eventId = (i: number): Uint8Array => new Uint8Array(16).fill(i & 255)

function leafLine(i: number): string {
  const c = commitBlocks(sha256, eventId(i), { actor: KEY, target: undefined }, BLOCKS).commitment
  const t = new Date(Date.UTC(2026, 10, 1) + i * 1000).toISOString()
  return formatLeaf({
    t,
    r: t,
    s: 'api',
    d: 'app',
    y: 'read',
    o: 'success',
    id: toBase64Url(eventId(i)),
    c: toBase64Url(c),
  })
}

function signed(size: number, root: Uint8Array): string {
  const text = formatCheckpoint({ origin: ORIGIN, size, root })
  const signature = {
    name: ORIGIN,
    id: keyId(sha256, ORIGIN, 'ed25519', raw),
    bytes: sign(null, Buffer.from(text), privateKey),
  }
  return formatNote({ text, signatures: [signature] })
}

/** A log as static files: path to bytes. */
function staticLog(lines: readonly string[]): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  const size = lines.length
  const edge = createEdge(sha256, (level, index, hashes) =>
    files.set(tilePath({ level, index, width: 256 }), hashes.slice()),
  )
  const entries = lines.map((line) => Buffer.from(line))
  for (const entry of entries) edge.push(leafHash(sha256, entry))
  for (let level = 0; level < tileLevels(size); level++) {
    const width = hashesAt(level, size) % 256
    const index = Math.floor(hashesAt(level, size) / 256)
    if (width > 0) files.set(tilePath({ level, index, width }), edge.open(level).slice())
  }
  for (let index = 0; index * 256 < size; index++) {
    const width = tileWidth('entries', index, size)
    files.set(tilePath({ level: 'entries', index, width }), formatBundle(entries.slice(index * 256, index * 256 + 256)))
  }
  files.set('checkpoint', Buffer.from(signed(size, edge.root())))
  files.set('log.vkey', Buffer.from(`${VKEY}\n`))
  files.set('log.json', Buffer.from(formatLogDescription(VKEY)))
  return files
}

async function check(
  files: ReadonlyMap<string, Uint8Array>,
  entries: LogToVerify['entries'] = 'whodid',
): Promise<LogProgress> {
  const fetch = async (path: string): Promise<Uint8Array> => {
    const bytes = files.get(path)
    if (bytes === undefined) throw new Error('404')
    return bytes
  }
  let last: LogProgress | undefined
  for await (const progress of verifyLog(crypto, { vkey: VKEY, fetch, entries })) last = progress
  return last!
}

const SIZE = 66_000
const lines = Array.from({ length: SIZE }, (_, i) => leafLine(i))
const whole = staticLog(lines)

test('verifies a whole log, an empty one, and one that ends with a full tile', async () => {
  expect(await check(whole)).toMatchObject({ entries: SIZE, checkpoint: { origin: ORIGIN, size: SIZE } })
  expect(await check(staticLog([]))).toMatchObject({ entries: 0 })
  expect(await check(staticLog(lines.slice(0, 512)))).toMatchObject({ entries: 512 })
})

test('names the file in which one byte was flipped, whichever it is', async () => {
  const files = staticLog(lines.slice(0, 700))
  expect([...files.keys()].toSorted()).toEqual([
    'checkpoint',
    'log.json',
    'log.vkey',
    'tile/0/000',
    'tile/0/001',
    'tile/0/002.p/188',
    'tile/1/000.p/2',
    'tile/entries/000',
    'tile/entries/001',
    'tile/entries/002.p/188',
  ])
  for (const [path, bytes] of files) {
    const at = Math.floor(bytes.length / 2)
    const changed = new Map(files).set(path, Uint8Array.from(bytes).with(at, bytes[at]! ^ 4))
    // An entry that is still a leaf is found by the tile over it.
    const name = path.replace('entries', '(entries|0)')
    await expect(check(changed), path).rejects.toThrow(new RegExp(`^${name}: `))
    const missing = new Map(files)
    missing.delete(path)
    await expect(check(missing), path).rejects.toThrow(`${path}: 404`)
    await expect(check(new Map(files).set(path, Buffer.concat([bytes, Uint8Array.of(10)]))), path).rejects.toThrow(path)
  }
})

test('a whodid log holds leaves only, and its receive times never go back', async () => {
  const foreign = staticLog(['{"v":1,"i":0,"e":"login"}'])
  await expect(check(foreign)).rejects.toThrow('tile/entries/000.p/1: an entry is no leaf')
  expect(await check(foreign, 'any')).toMatchObject({ entries: 1 })
  await expect(check(staticLog([lines[1]!, lines[0]!]))).rejects.toThrow('tile/entries/000.p/2: receive times go back')
})

test('a server that does not answer is no verified log', async () => {
  const fetch = async (): Promise<Uint8Array> => Promise.reject(new Error('connection refused'))
  const run = verifyLog(crypto, { vkey: VKEY, fetch, entries: 'any' }).next()
  await expect(run).rejects.toMatchObject({ code: 'unreadable', message: 'checkpoint: connection refused' })
})

const INDEX = 41_234
const read = tileHashReader(sha256, SIZE, async (tile) => whole.get(tilePath(tile))!)

async function anEventProof(): Promise<EventProof> {
  const { hashes } = commitBlocks(sha256, eventId(INDEX), { actor: KEY, target: undefined }, BLOCKS)
  const path = await proveInclusion(sha256, INDEX, SIZE, read)
  const checkpoint = Buffer.from(whole.get('checkpoint')!).toString()
  return {
    leaf: lines[INDEX]!,
    log: ORIGIN,
    index: INDEX,
    proof: formatProof({ index: INDEX, path, checkpoint }),
    vkey: VKEY,
    blocks: [{ block: 'actor', json: BLOCKS[0], salt: toBase64Url(blockSalt(sha256, KEY, eventId(INDEX), 0)) }],
    commitments: hashes.map((each) => toBase64Url(each ?? new Uint8Array(32))),
  }
}

const yes = { kind: 'yes' }

test('an event is unchanged, included and signed, and says which blocks were not shown', async () => {
  const verdicts = await verifyEvent(crypto, await anEventProof(), { vkey: VKEY })
  expect(verdicts).toMatchObject({ unchanged: yes, included: yes, signed: yes, consistent: { kind: 'unknown' } })
  expect(verdicts).toMatchObject({ shown: ['actor'], hidden: ['body'], checkpoint: { size: SIZE } })
  expect(verdicts.path).toHaveLength(17)
})

test('a log that grew is consistent with the checkpoint that was kept, and a fork is not', async () => {
  const small = staticLog(lines.slice(0, 12_345))
  const checkpoint = Buffer.from(small.get('checkpoint')!).toString()
  const proof = await proveConsistency(sha256, 12_345, SIZE, read)
  const event = await anEventProof()
  expect((await verifyEvent(crypto, event, { earlier: { checkpoint, proof } })).consistent).toEqual(yes)
  const fork = staticLog(['x', ...lines.slice(1, 12_345)])
  const earlier = { checkpoint: Buffer.from(fork.get('checkpoint')!).toString(), proof }
  expect((await verifyEvent(crypto, event, { earlier })).consistent).toMatchObject({ kind: 'no', reason: /older root/ })
})

test.each<[string, (event: EventProof) => Partial<EventProof>, string]>([
  [
    'a block’s text',
    (e) => ({ blocks: [{ ...e.blocks[0]!, json: e.blocks[0]!.json.replace('ada', 'eve') }] }),
    'unchanged',
  ],
  ['a salt', (e) => ({ blocks: [{ ...e.blocks[0]!, salt: toBase64Url(new Uint8Array(32)) }] }), 'unchanged'],
  ['a block’s name', (e) => ({ blocks: [{ ...e.blocks[0]!, block: 'place' }] }), 'unchanged'],
  ['a block twice', (e) => ({ blocks: [e.blocks[0]!, e.blocks[0]!] }), 'unchanged'],
  [
    'the hash of a block that is not shown',
    (e) => ({ commitments: e.commitments.with(3, e.commitments[0]!) }),
    'unchanged',
  ],
  ['a missing hash', (e) => ({ commitments: e.commitments.slice(1) }), 'unchanged'],
  ['the leaf', (e) => ({ leaf: e.leaf.replace('success', 'failure') }), 'included'],
  ['the index', () => ({ index: 3 }), 'included'],
  ['a path hash', (e) => ({ proof: e.proof.replace(/\n[^\n]{44}\n/, `\n${'A'.repeat(43)}=\n`) }), 'included'],
  ['the signature', (e) => ({ proof: e.proof.slice(0, -8) + 'AAAAAA=\n' }), 'signed'],
  ['the root', (e) => ({ proof: e.proof.replace(/\n\n[^\n]*\n\d+\n/, (m) => m.replace('66000', '66001')) }), 'signed'],
  ['the key', (e) => ({ vkey: e.vkey.replace('access', 'excess') }), 'signed'],
])('a change of %s is found', async (_, change, verdict) => {
  const event = await anEventProof()
  const verdicts = await verifyEvent(crypto, { ...event, ...change(event) })
  expect(verdicts).toMatchObject({ [verdict]: { kind: 'no' } })
})

test('a key other than the one known is refused, and rubbish is judged without an exception', async () => {
  const event = await anEventProof()
  expect((await verifyEvent(crypto, event, { vkey: `${VKEY}x` })).signed).toMatchObject({ kind: 'no' })
  const rubbish = { leaf: '{}', log: '', index: -1, proof: 'x', vkey: '', blocks: [], commitments: ['?'] }
  const verdicts = await verifyEvent(crypto, rubbish)
  expect([verdicts.unchanged, verdicts.included, verdicts.signed].map((each) => each.kind)).toEqual(['no', 'no', 'no'])
})
