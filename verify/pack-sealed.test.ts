import { type KeyObject, createPublicKey, generateKeyPairSync, hash, sign, verify } from 'node:crypto'
import { expect, test } from 'vitest'

import { type Members, repacked, tarOf } from '../test/a-pack.ts'
import {
  type Block,
  type Crypto,
  type ErasedBlock,
  type PackReport,
  BLOCKS,
  blockSalt,
  commitBlocks,
  createEdge,
  erasureRoot,
  foldHashes,
  formatBlocksLine,
  formatBundle,
  formatCheckpoint,
  formatErasureLine,
  formatLeaf,
  formatNote,
  formatProof,
  formatVerifierKey,
  keyId,
  leafHash,
  PACK_FORMAT,
  proveErasure,
  proveInclusion,
  toBase64Url,
  toHex,
  verifyPack,
} from './index.ts'

// A log that is sealed here leaf by leaf, to be able to say in it what no server says yet.

const LOG = 'acme/n1/default/2026-11'
const K = new Uint8Array(32).fill(7)
const WITNESSED_AT = 1_790_000_000
const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')
const CRYPTO: Crypto = {
  sha256,
  async verifyEd25519(key, message, signature) {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: toBase64Url(key) }
    return verify(null, message, createPublicKey({ key: jwk, format: 'jwk' }), signature)
  },
}
const [own, witness] = [aKey(), aKey()]
const vkey = formatVerifierKey(sha256, LOG, 'ed25519', own.raw)
const witnessKey = formatVerifierKey(sha256, 'witness.example.org/w1', 'cosignature', witness.raw)

interface Sealed {
  readonly s: string
  readonly y: string
  readonly blocks: Partial<Record<Block, string>>
  /** Not in the pack. */
  readonly hide?: readonly Block[]
}

/** A pack of a log with these leaves, cosigned by the witness. */
async function aPack(leaves: readonly Sealed[], erasures = ''): Promise<Buffer> {
  const made = leaves.map((leaf, index) => seal(leaf, index))
  const hashes = new Uint8Array(32 * made.length)
  made.forEach(({ line }, n) => hashes.set(leafHash(sha256, Buffer.from(line)), 32 * n))
  const edge = createEdge(sha256)
  made.forEach((_, n) => edge.push(hashes.subarray(32 * n, 32 * n + 32)))
  const text = formatCheckpoint({ origin: LOG, size: made.length, root: edge.root() })
  const checkpoint = formatNote({ text, signatures: [ownSignature(text), cosignature(text)] })
  const proof = async (index: number): Promise<Buffer> => {
    const path = await proveInclusion(sha256, index, made.length, (nodes) =>
      Promise.resolve(nodes.map((node) => foldHashes(sha256, hashes, node.index * 2 ** node.level, 2 ** node.level))),
    )
    return Buffer.from(formatProof({ index, path, checkpoint }))
  }
  const last = made.length - 1
  const members: Members = new Map([
    ['README.txt', Buffer.from('read me\n')],
    ['policy.txt', Buffer.from(`log ${vkey}\nwitness auditor ${witnessKey}\nquorum auditor\n`)],
    [`logs/${LOG}/log.vkey`, Buffer.from(`${vkey}\n`)],
    [`logs/${LOG}/checkpoint`, Buffer.from(checkpoint)],
    [`logs/${LOG}/leaves/0-${made.length}`, Buffer.from(formatBundle(made.map(({ line }) => Buffer.from(line))))],
    [`logs/${LOG}/proofs/0.tlog-proof`, await proof(0)],
    [`logs/${LOG}/proofs/${last}.tlog-proof`, await proof(last)],
    [`logs/${LOG}/blocks.jsonl`, Buffer.from(made.map(({ shown }) => shown).join(''))],
  ])
  if (erasures !== '') members.set('erasures.jsonl', Buffer.from(erasures))
  members.set('manifest.json', Buffer.from('{"files":[]}'))
  members.set('manifest.sha256', Buffer.alloc(0))
  return repacked(
    tarOf(members),
    () => undefined,
    ({ files }) => ({
      format: PACK_FORMAT,
      kind: 'range',
      install: 'acme',
      version: '0.1.0',
      createdAt: '2026-11-24T12:00:00.000Z',
      createdBy: 'ada',
      query: '',
      approvals: 'single',
      disclose: [...BLOCKS],
      hidden: [],
      logs: [
        { origin: LOG, ranges: [{ from: 0, to: made.length }], events: leaves.filter(({ s }) => s !== '_log').length },
      ],
      files,
    }),
  )
}

function seal({ s, y, blocks, hide = [] }: Sealed, index: number): { line: string; shown: string } {
  const id = new Uint8Array(16).fill(index)
  const texts = BLOCKS.map((block) => blocks[block])
  const { commitment, hashes } = commitBlocks(sha256, id, { actor: K, target: K }, texts)
  const at = '2026-11-24T12:00:00.000Z'
  const line = formatLeaf({
    t: at,
    r: at,
    s,
    d: 'shop',
    y,
    o: 'success',
    id: toBase64Url(id),
    c: toBase64Url(commitment),
  })
  const shown = BLOCKS.flatMap((block, b) => {
    const json = texts[b]
    if (json === undefined || hide.includes(block)) return []
    return [{ block, json, salt: toBase64Url(blockSalt(sha256, K, id, b)) }]
  })
  const commitments = hashes.map((each) => toBase64Url(each ?? new Uint8Array(32)))
  return { line, shown: formatBlocksLine({ index, commitments, blocks: shown }) }
}

const system = (y: string, ledger: object): Sealed => ({ s: '_log', y, blocks: { body: JSON.stringify({ ledger }) } })
const ADA: Sealed = {
  s: 'api',
  y: 'buy',
  blocks: { actor: '{"user":{"name":"ada"}}', body: '{"x":1}' },
  hide: ['actor'],
}
const OPENED = system('log.opened', { key: vkey })
const COVERED: readonly ErasedBlock[] = [1, 2, 3].map((index) => ({ log: LOG, index, block: 'actor' }))

const check = (pack: Uint8Array): Promise<PackReport> => verifyPack(pack, CRYPTO)
const textsOf = ({ lines }: PackReport, verdict: 'yes' | 'no' | 'open'): string =>
  lines
    .filter((line) => line.verdict === verdict)
    .map((line) => `${line.check}: ${line.text}`)
    .join('\n')

test('what a witness signed is told with its time, and bounds when the leaves were sealed', async () => {
  const report = await check(await aPack([OPENED, { ...ADA, hide: [] }]))

  expect(textsOf(report, 'no')).toBe('')
  expect(textsOf(report, 'yes')).toContain('witnesses: seen by auditor at 2026-09-21T14:13:20Z: enough for auditor')
  expect(textsOf(report, 'yes')).toContain(
    'time: by the word of witnesses, all of them are not younger than 2026-09-21T14:13:20Z',
  )
  expect(textsOf(report, 'yes')).toContain('chain: the first log of its stream')
})

test('an erased block is told with its record, and only the ones that the record covers', async () => {
  const root = toHex(erasureRoot(sha256, COVERED))
  const record = system('subject.erased', { root, count: COVERED.length, request: 'GDPR-17' })
  const lineFor = async (block: ErasedBlock): Promise<string> =>
    formatErasureLine({ ...block, record: { log: LOG, index: 4 }, ...(await proveErasure(sha256, COVERED, block)) })
  const lines = (await Promise.all(COVERED.map(lineFor))).join('')
  const good = await check(await aPack([OPENED, ADA, ADA, ADA, record], lines))

  expect(textsOf(good, 'no')).toBe('')
  expect(good.verdict).toBe('verified')
  expect(textsOf(good, 'open')).toMatch(
    /hidden: 3 blocks erased: on 2026-11-24T12:00:00.000Z, request GDPR-17, by the record at leaf 4 /,
  )

  const two = lines.split('\n').slice(0, 2).join('\n')
  const missing = await check(await aPack([OPENED, ADA, ADA, ADA, record], `${two}\n`))
  expect(textsOf(missing, 'no')).toBe(
    `hidden: withheld: actor of leaf 3 of ${LOG} is neither shown, nor erased by a record, nor hidden for a reason`,
  )

  const smaller = system('subject.erased', {
    root: toHex(erasureRoot(sha256, COVERED.slice(1))),
    count: 2,
    request: 'x',
  })
  const other = await check(await aPack([OPENED, ADA, ADA, ADA, smaller], lines))
  expect(textsOf(other, 'no')).toContain('erasures.jsonl, line 1: ')
  expect(textsOf(other, 'no')).toContain('withheld: actor of leaf 1')
})

function aKey(): { readonly key: KeyObject; readonly raw: Uint8Array } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return { key: privateKey, raw: Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url') }
}

function ownSignature(text: string) {
  const bytes = sign(null, Buffer.from(text), own.key)
  return { name: LOG, id: keyId(sha256, LOG, 'ed25519', own.raw), bytes }
}

function cosignature(text: string) {
  const name = 'witness.example.org/w1'
  const signed = sign(null, Buffer.from(`cosignature/v1\ntime ${WITNESSED_AT}\n${text}`), witness.key)
  const bytes = Buffer.concat([Buffer.alloc(8), signed])
  bytes.writeBigUInt64BE(BigInt(WITNESSED_AT))
  return { name, id: keyId(sha256, name, 'cosignature', witness.raw), bytes }
}
