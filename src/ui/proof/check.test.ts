// @vitest-environment happy-dom
import { generateKeyPairSync, hash, sign } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { fromBase64Url, toBase64Url } from '../../../verify/base64.ts'
import { blockHash, commitment } from '../../../verify/blocks.ts'
import { formatCheckpoint } from '../../../verify/checkpoint.ts'
import { leafHash, nodeHash } from '../../../verify/hash.ts'
import { formatLeaf } from '../../../verify/leaf.ts'
import { formatNote, formatVerifierKey, keyId } from '../../../verify/note.ts'
import { formatProof } from '../../../verify/proof.ts'
import type { ProofAnswer } from '../../domain/answers.ts'
import type { FetchLogFile, ProofReport } from './check.ts'
import { checkEvent } from './check.ts'
import { brokenKind, checkedCount, linesOf } from './verdict-lines.ts'

const LOG = 'acme/n1/sample/2026-11'
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const rawKey = fromBase64Url(publicKey.export({ format: 'jwk' }).x ?? '')
const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')
const utf8 = new TextEncoder()
const salt = new Uint8Array(32).fill(7)
const actor = '{"user":{"name":"alice"}}'

/** A log of two or four leaves, of which the event is the second. */
function answer(size: 2 | 4, first = 'a'): { proof: ProofAnswer; files: FetchLogFile } {
  const hashes = [blockHash(sha256, salt, actor), undefined, undefined, undefined, undefined]
  const header = {
    t: '2026-11-21T13:03:21.382Z',
    r: '2026-11-21T13:03:21.792Z',
    s: 'k8s',
    d: 'kubernetes.audit',
    y: 'delete',
  }
  const id = toBase64Url(new Uint8Array(16))
  const leaf = formatLeaf({ ...header, o: 'success', id, c: toBase64Url(commitment(sha256, hashes)) })
  const leaves = [first, leaf, 'c', 'd'].slice(0, size).map((text) => leafHash(sha256, utf8.encode(text)))
  const [l0, l1, l2, l3] = leaves
  const left = nodeHash(sha256, l0!, l1!)
  const right = size === 2 ? undefined : nodeHash(sha256, l2!, l3!)
  const root = right === undefined ? left : nodeHash(sha256, left, right)
  const text = formatCheckpoint({ origin: LOG, size, root })
  const signature = {
    name: LOG,
    id: keyId(sha256, LOG, 'ed25519', rawKey),
    bytes: sign(null, utf8.encode(text), privateKey),
  }
  const path = right === undefined ? [l0!] : [l0!, right]
  const none = toBase64Url(new Uint8Array(32))
  return {
    proof: {
      leaf,
      log: LOG,
      index: 1,
      proof: formatProof({ index: 1, path, checkpoint: formatNote({ text, signatures: [signature] }) }),
      vkey: formatVerifierKey(sha256, LOG, 'ed25519', rawKey),
      blocks: [{ block: 'actor', json: actor, salt: toBase64Url(salt) }],
      commitments: [toBase64Url(hashes[0]!), none, none, none, none],
    },
    files: async () => new Uint8Array(leaves.flatMap((each) => [...each])),
  }
}

const states = (report: ProofReport) =>
  Object.fromEntries(linesOf(report, 'utc').map((line) => [line.name, line.state]))

beforeEach(() => localStorage.clear())

test('checks what is there, and says of the rest that it is not checked', async () => {
  const { proof, files } = answer(2)
  const report = await checkEvent(proof, files)
  expect(states(report)).toEqual({
    Unchanged: 'yes',
    Included: 'yes',
    Signed: 'yes',
    'Root log': 'wait',
    Witnessed: 'unset',
    Consistent: 'unset',
    Complete: 'unset',
    'Time stamp': 'unset',
  })
  expect(checkedCount(linesOf(report, 'utc'))).toBe(3)
  expect(report.sides).toEqual(['left'])
})

test('puts the event together from the very texts that were checked', async () => {
  const { proof, files } = answer(2)
  const { event } = await checkEvent(proof, files)
  expect(event).toMatchObject({
    user: { name: 'alice' },
    event: { action: 'delete' },
    whodid: { source: 'k8s', stream: 'sample', index: 1 },
  })
})

test('compares with the checkpoint that this browser kept, by the log’s own tiles', async () => {
  const before = answer(2)
  await checkEvent(before.proof, before.files)
  const now = answer(4)
  expect(states(await checkEvent(now.proof, now.files))).toMatchObject({ Consistent: 'yes' })
})

test('finds a ledger that shows two histories, and does not keep its checkpoint', async () => {
  const before = answer(2)
  await checkEvent(before.proof, before.files)
  const kept = localStorage.getItem(`whodid.pin.${LOG}`)
  const forked = answer(4, 'another')
  const report = await checkEvent(forked.proof, forked.files)
  expect(states(report)).toMatchObject({ Included: 'yes', Signed: 'yes', Consistent: 'no' })
  expect(brokenKind(report)).toBe('fork')
  expect(localStorage.getItem(`whodid.pin.${LOG}`)).toBe(kept)
})

test('finds a text that was changed', async () => {
  const { proof, files } = answer(2)
  const changed = { ...proof, blocks: [{ ...proof.blocks[0]!, json: actor.replace('alice', 'mallory') }] }
  const report = await checkEvent(changed, files)
  expect(states(report)).toMatchObject({ Unchanged: 'no', Included: 'yes' })
  expect(brokenKind(report)).toBe('event')
})

test('does not believe another key for a log that it knows', async () => {
  const { proof, files } = answer(2)
  await checkEvent(proof, files)
  const other = fromBase64Url(generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x ?? '')
  const report = await checkEvent({ ...proof, vkey: formatVerifierKey(sha256, LOG, 'ed25519', other) }, files)
  expect(states(report)).toMatchObject({ Signed: 'no' })
})

test('says that it could not compare where the log’s files cannot be read, and judges the rest', async () => {
  const { AuditError } = await import('../../domain/errors.ts')
  const before = answer(2)
  await checkEvent(before.proof, before.files)
  const now = answer(4)
  const report = await checkEvent(now.proof, async () => {
    throw new AuditError('not_found', 'there is no such tile')
  })
  expect(states(report)).toMatchObject({ Unchanged: 'yes', Consistent: 'unset' })
  expect(brokenKind(report)).toBeUndefined()
})
