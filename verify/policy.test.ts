import { createPublicKey, hash, verify } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toBase64 } from './base64.ts'
import { openCheckpoint } from './checkpoint.ts'
import { formatCosignature, openCosignature } from './cosignature.ts'
import { VerifyError } from './errors.ts'
import type { Crypto } from './note.ts'
import { formatVerifierKey, parseVerifierKey } from './note.ts'
import { isMet, judgeQuorum, parsePolicy } from './policy.ts'
import { formatAbandonedEntry, formatKeyEntry, parseRootEntry } from './root-entry.ts'
import { formatAddCheckpoint, parseAddCheckpoint, parseKnownSize } from './witness.ts'

const crypto: Crypto = {
  sha256: (bytes) => hash('sha256', bytes, 'buffer'),
  verifyEd25519: async (key, message, signature) => {
    const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key])
    return verify(null, message, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature)
  },
}
const { sha256 } = crypto
const LOG = 'audit.example.com/acme/2026q3+d18361a8+AQXlBhW+qGwDbBKyVPcLZa2SImuwP0C4Aszkg6oBAFqx'
const WITNESS = 'witness.example.org/w1+5b43239c+BN+GARmBG3ZTJJSX8/UQnTezIZRqgCkLwWQCBUNSL47c'
const TEXT = 'audit.example.com/acme/2026q3\n70000\nFiA/FG/pCGsq7Woiq7CM189YG4ekJJC0v9IRrul5JUE=\n'
const BY_LOG =
  '— audit.example.com/acme/2026q3 0YNhqGAXeO7Usd77LKIMtVTij89dOPSmiaml6ktBrFQzzyqRuR+26u8QhRC540toIvkALzURzGJEEfpQktTsvR7UcgE=\n'
const BY_WITNESS =
  '— witness.example.org/w1 W0MjnAAAAABqsTuAivoCZdlJO3ciRs+y6GTPqlLKZMjJFIYf3H8f2ZPZYtA7oHJvlEdrrYSllXxgZrosxhQqZAJF2iSskWBmbWBEAg==\n'

const vkeyOf = (name: string): string => formatVerifierKey(sha256, name, 'cosignature', sha256(Buffer.from(name)))
const witnesses = (...names: readonly string[]): string =>
  names.map((name) => `witness ${name} ${vkeyOf(name)} https://${name}.example/submit\n`).join('')

test('takes the cosignature of a witness out of its answer, and writes the same line', async () => {
  const key = parseVerifierKey(sha256, WITNESS)
  const { time, signature } = await openCosignature(crypto, TEXT, `${BY_LOG}${BY_WITNESS}`, key)
  expect(time).toBe(1_790_000_000)
  expect(formatCosignature(key, time, signature.bytes.subarray(8))).toBe(BY_WITNESS)
})

test.each([
  ['of another text', TEXT.replace('70000', '70001'), BY_WITNESS, 'bad_signature'],
  ['with another time', TEXT, BY_WITNESS.replace('W0MjnAAAAABqsTuA', 'W0MjnAAAAABqsTuB'), 'bad_signature'],
  ['by somebody else', TEXT, BY_LOG, 'not_signed'],
  ['without a line feed', TEXT, BY_WITNESS.trimEnd(), 'malformed'],
  ['that is no line', TEXT, 'thank you\n', 'malformed'],
  ['that never ends', TEXT, BY_WITNESS.repeat(200), 'too_large'],
])('refuses an answer %s', async (_, text, answer, code) => {
  const key = parseVerifierKey(sha256, WITNESS)
  await expect(openCosignature(crypto, text, answer, key)).rejects.toMatchObject({ code })
})

test('judges by the policy who must have seen a checkpoint', async () => {
  const policy = parsePolicy(
    sha256,
    `log ${LOG}\nwitness w1 ${WITNESS}\n${witnesses('w2')}group q any w1 w2\nquorum q\n`,
  )
  const keys = policy.witnesses.map(({ key }) => key)
  const { signers } = await openCheckpoint(crypto, `${TEXT}\n${BY_LOG}${BY_WITNESS}`, policy.logs[0]!.key, keys)
  expect(judgeQuorum(policy, signers)).toEqual({ met: true, seenBy: [{ name: 'w1', time: 1_790_000_000 }] })
  const alone = await openCheckpoint(crypto, `${TEXT}\n${BY_LOG}`, policy.logs[0]!.key, keys)
  expect(judgeQuorum(policy, alone.signers)).toEqual({ met: false, seenBy: [] })
})

test('counts groups of groups, as the specification shows', () => {
  const policy = parsePolicy(
    sha256,
    `# two sides\n${witnesses('X1', 'X2', 'X3')}group X 2 X1 X2 X3\n\n${witnesses('Y1', 'Y2')}\tgroup Y any\tY1  Y2\n` +
      'group both all X Y\nquorum both',
  )
  const met = (...names: readonly string[]): boolean => isMet(policy, new Set(names))
  expect([met('X1', 'X2', 'Y2'), met('X1', 'X2', 'X3'), met('X1', 'Y1', 'Y2'), met()]).toEqual([
    true,
    false,
    false,
    false,
  ])
  expect(policy.witnesses[0]).toMatchObject({ name: 'X1', url: 'https://X1.example/submit' })
})

test('needs nobody with quorum none', () => {
  const policy = parsePolicy(sha256, 'quorum none\n')
  expect(policy).toEqual({ logs: [], witnesses: [], groups: [], quorum: undefined })
  expect(isMet(policy, new Set())).toBe(true)
})

test.each([
  ['no quorum', witnesses('a')],
  ['two quorums', `${witnesses('a')}quorum a\nquorum a\n`],
  ['a quorum of nobody', 'quorum a\n'],
  ['a quorum defined after it', `quorum a\n${witnesses('a')}`],
  ['a member that is not there', `${witnesses('a')}group g any a b\nquorum g\n`],
  ['a member in two groups', `${witnesses('a', 'b')}group g any a\ngroup h all a b\nquorum h\n`],
  ['a member twice', `${witnesses('a')}group g 2 a a\nquorum g\n`],
  ['none as a member', `${witnesses('a')}group g any a none\nquorum g\n`],
  ['none as a name', `witness none ${vkeyOf('a')}\nquorum none\n`],
  ['a name twice', `${witnesses('a')}witness a ${vkeyOf('b')}\nquorum a\n`],
  ['a key twice', `${witnesses('a')}witness b ${vkeyOf('a')}\nquorum a\n`],
  ['a threshold of nothing', `${witnesses('a')}group g 0 a\nquorum g\n`],
  ['a threshold above the members', `${witnesses('a')}group g 2 a\nquorum g\n`],
  ['a threshold with a zero before it', `${witnesses('a')}group g 01 a\nquorum g\n`],
  ['an empty group', `${witnesses('a')}group g any\nquorum g\n`],
  ['a witness with the key of a log', `witness a ${LOG}\nquorum a\n`],
  ['a log with the key of a witness', `log ${WITNESS}\nquorum none\n`],
  ['a log twice', `log ${LOG}\nlog ${LOG} https://a.example\nquorum none\n`],
  ['a word that is none', 'mirror a\nquorum none\n'],
  ['a carriage return', 'quorum none\r\n'],
  ['a word too many', 'quorum none none\n'],
])('refuses a policy with %s', (_, text) => {
  expect(() => parsePolicy(sha256, text)).toThrow(expect.objectContaining({ code: 'malformed' }))
})

test('says in which line of a policy something is wrong', () => {
  expect(() => parsePolicy(sha256, '# mine\n\ngroup g any a\n')).toThrow('policy, line 3: a is no witness or group')
})

test('reads the request of the specification, and writes it back', () => {
  const body =
    'old 20852014\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\njrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n' +
    '5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\n' +
    'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n' +
    '— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n'
  const request = parseAddCheckpoint(body)
  expect(request).toMatchObject({ old: 20_852_014, proof: { length: 4 } })
  expect(formatAddCheckpoint(request)).toBe(body)
})

test.each([
  ['no old size', '\n\nx'],
  ['a zero before the size', 'old 01\n\nx'],
  ['a size beyond what can be counted', 'old 9999999999999999\n\nx'],
  ['no empty line', 'old 1\nx\n'],
  ['a hash that is too short', `old 1\n${toBase64(new Uint8Array(31))}\n\nx`],
  ['64 hashes', `old 1\n${`${toBase64(new Uint8Array(32))}\n`.repeat(64)}\nx`],
])('refuses a request with %s', (_, body) => {
  expect(() => parseAddCheckpoint(body)).toThrow(VerifyError)
})

test('throws nothing but its own errors, whatever it reads', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const parse of [
        () => parsePolicy(sha256, text),
        () => parseAddCheckpoint(text),
        () => parseRootEntry(sha256, text),
      ]) {
        try {
          parse()
        } catch (error) {
          expect(error).toBeInstanceOf(VerifyError)
        }
      }
    }),
  )
})

test.each([
  ['7\n', 7],
  ['0\n', 0],
  ['', undefined],
  ['7', undefined],
  ['-1\n', undefined],
  ['9007199254740993\n', undefined],
])('reads the size in a 409: %j', (body, size) => {
  expect(parseKnownSize(body)).toBe(size)
})

test('tells apart what stands in a root log', () => {
  const note = `${TEXT}\n${BY_LOG}`
  expect(parseRootEntry(sha256, note)).toMatchObject({ kind: 'checkpoint', note, checkpoint: { size: 70_000 } })
  expect(parseRootEntry(sha256, formatKeyEntry(LOG))).toEqual({
    kind: 'key',
    origin: 'audit.example.com/acme/2026q3',
    vkey: LOG,
  })
  expect(parseRootEntry(sha256, formatAbandonedEntry('acme/n1/access/2026-11', 17))).toEqual({
    kind: 'abandoned',
    origin: 'acme/n1/access/2026-11',
    size: 17,
  })
  expect(() => parseRootEntry(sha256, 'log.abandoned a 1 2\n')).toThrow(VerifyError)
})
