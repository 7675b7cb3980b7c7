import { createPrivateKey, createPublicKey, hash, sign, verify } from 'node:crypto'
import { expect, test } from 'vitest'
import { fromBase64, fromBase64Url, toBase64, toBase64Url } from './base64.ts'
import { formatCheckpoint, openCheckpoint, parseCheckpoint } from './checkpoint.ts'
import type { Crypto } from './note.ts'
import { formatNote, formatVerifierKey, openNote, parseNote, parseVerifierKey } from './note.ts'
import { formatProof, parseProof } from './proof.ts'

const crypto: Crypto = {
  sha256: (bytes) => hash('sha256', bytes, 'buffer'),
  verifyEd25519: async (key, message, signature) => {
    const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key])
    return verify(null, message, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature)
  },
}
const { sha256 } = crypto

const EXAMPLE = {
  vkey: 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
  note: 'This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n',
}
const NEUMANN = {
  vkey: 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
  note: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
}
const LOG = {
  vkey: 'audit.example.com/acme/2026q3+d18361a8+AQXlBhW+qGwDbBKyVPcLZa2SImuwP0C4Aszkg6oBAFqx',
  witness: 'witness.example.org/w1+5b43239c+BN+GARmBG3ZTJJSX8/UQnTezIZRqgCkLwWQCBUNSL47c',
  text: 'audit.example.com/acme/2026q3\n70000\nFiA/FG/pCGsq7Woiq7CM189YG4ekJJC0v9IRrul5JUE=\n',
  signatures:
    '— audit.example.com/acme/2026q3 0YNhqGAXeO7Usd77LKIMtVTij89dOPSmiaml6ktBrFQzzyqRuR+26u8QhRC540toIvkALzURzGJEEfpQktTsvR7UcgE=\n' +
    '— witness.example.org/w1 W0MjnAAAAABqsTuAivoCZdlJO3ciRs+y6GTPqlLKZMjJFIYf3H8f2ZPZYtA7oHJvlEdrrYSllXxgZrosxhQqZAJF2iSskWBmbWBEAg==\n',
}
const key = (vkey: string): ReturnType<typeof parseVerifierKey> => parseVerifierKey(sha256, vkey)

test.each([EXAMPLE, NEUMANN])('opens the published note of $vkey', async ({ vkey, note }) => {
  const { text, signers } = await openNote(crypto, note, [key(vkey)])
  expect(note.startsWith(text)).toBe(true)
  expect(signers).toMatchObject([{ name: key(vkey).name, type: 'ed25519' }])
  expect(formatVerifierKey(sha256, key(vkey).name, 'ed25519', key(vkey).publicKey)).toBe(vkey)
  expect(formatNote(parseNote(note))).toBe(note)
})

test('signs the same bytes as the published signer', () => {
  const seed = fromBase64('AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz').subarray(1)
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  const { text } = parseNote(NEUMANN.note)
  const bytes = sign(null, Buffer.from(text), createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
  expect(formatNote({ text, signatures: [{ ...key(NEUMANN.vkey), bytes }] })).toBe(NEUMANN.note)
})

test('opens a checkpoint with its log signature and its cosignature', async () => {
  const opened = await openCheckpoint(crypto, `${LOG.text}\n${LOG.signatures}`, key(LOG.vkey), [key(LOG.witness)])
  expect(opened).toMatchObject({ origin: 'audit.example.com/acme/2026q3', size: 70_000 })
  expect(opened.signers).toMatchObject([
    { name: 'audit.example.com/acme/2026q3', type: 'ed25519' },
    { name: 'witness.example.org/w1', type: 'cosignature', time: 1_790_000_000 },
  ])
  expect(formatCheckpoint(opened)).toBe(LOG.text)
})

test('refuses a checkpoint in which any one byte was changed', async () => {
  const note = `${LOG.text}\n${LOG.signatures}`
  const keys = [key(LOG.vkey), [key(LOG.witness)]] as const
  const bytes = new TextEncoder().encode(note)
  for (let i = 0; i < bytes.length; i++) {
    // In a key id or a name the change makes it a signature by somebody unknown: one is then missing.
    const changed = new TextDecoder().decode(bytes.with(i, bytes[i]! ^ 1))
    const opened = openCheckpoint(crypto, changed, ...keys).then((each) => each.signers.length === 2)
    expect(await opened.catch(() => false), `byte ${i}`).toBe(false)
  }
})

test('passes over unknown signers, and tells not signed from wrongly signed', async () => {
  await expect(openNote(crypto, EXAMPLE.note, [key(NEUMANN.vkey)])).rejects.toMatchObject({ code: 'not_signed' })
  const forged = EXAMPLE.note.replace('example message', 'example massage')
  await expect(openNote(crypto, forged, [key(EXAMPLE.vkey)])).rejects.toMatchObject({ code: 'bad_signature' })
  const elsewhere = `${LOG.text}\n${LOG.signatures}`
  await expect(openCheckpoint(crypto, elsewhere, key(LOG.witness))).rejects.toMatchObject({ code: 'wrong_origin' })
})

test.each([
  ['no signature', 'text\n'],
  ['no newline at the end', EXAMPLE.note.slice(0, -1)],
  ['an empty signature block', 'text\n\n'],
  ['a carriage return', EXAMPLE.note.replace('message.', 'message.\r')],
  ['a hyphen for the dash', EXAMPLE.note.replace('—', '-')],
  ['a short signature', 'text\n\n— a AAAA\n'],
])('a note with %s is malformed', (_, note) => {
  expect(() => parseNote(note)).toThrow(/a note/)
})

test('a note without end, or with a thousand signatures, is refused unread', () => {
  expect(() => parseNote('x'.repeat(70_000))).toThrow(/70000/)
  expect(() => parseNote(`a\n\n${'— a AAAAAAA=\n'.repeat(100)}`)).toThrow(/100 signatures/)
})

test.each([
  ['example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'],
  ['example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2l'],
  ['example.com/fo +530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'],
  ['530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'],
])('refuses the verifier key %s', (vkey) => {
  expect(() => key(vkey)).toThrow(/verifier key/)
})

test('reads the specification’s example checkpoint, and refuses what is not one', () => {
  const text = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n'
  expect(parseCheckpoint(text).size).toBe(20_852_163)
  expect(parseCheckpoint(`${text}extension\n`).size).toBe(20_852_163)
  for (const wrong of [
    text.replace('20852163', '020852163'),
    text.replace('20852163', '-1'),
    text.replace('20852163', '9999999999999999999'),
    text.replace('q2I=', 'q2J='),
    text.replace('q2I=', 'q2I'),
    `${text}\n`,
    text.slice(0, -1),
    '\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n',
  ]) {
    expect(() => parseCheckpoint(wrong), wrong).toThrow()
  }
})

test('a proof file is read as it was written, and nothing else is read', () => {
  const proof = { index: 41_234, path: [new Uint8Array(32).fill(1), new Uint8Array(32)], checkpoint: EXAMPLE.note }
  const text = formatProof(proof)
  expect(text).toMatch(/^c2sp\.org\/tlog-proof@v1\nindex 41234\nAQEB.*\nAAAA.*\n\nThis is/)
  expect(parseProof(text)).toEqual(proof)
  const extra = Uint8Array.of(9)
  expect(parseProof(formatProof({ ...proof, extra }))).toEqual({ ...proof, extra })
  expect(parseProof(formatProof({ ...proof, path: [] })).path).toEqual([])
  for (const wrong of [text.slice(1), text.replace('index 4', 'index 04'), text.replace('AQEB', 'AQE')]) {
    expect(() => parseProof(wrong)).toThrow()
  }
  expect(() =>
    parseProof(formatProof({ ...proof, path: Array.from({ length: 64 }, () => new Uint8Array(32)) })),
  ).toThrow(/64 hashes/)
})

test('base64 has one text for each value', () => {
  for (let length = 0; length < 70; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 151 + length * 7) & 255)
    expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'))
    expect(toBase64Url(bytes)).toBe(Buffer.from(bytes).toString('base64url'))
    expect(fromBase64(toBase64(bytes))).toEqual(bytes)
    expect(fromBase64Url(toBase64Url(bytes))).toEqual(bytes)
  }
  for (const wrong of ['A', 'AA', 'AAA', 'AB==', 'AAB=', 'AA=A', 'A===', '====', 'AA\n=', 'A-==', 'é===', 'AAAA====']) {
    expect(() => fromBase64(wrong), wrong).toThrow(/base64/)
  }
})
