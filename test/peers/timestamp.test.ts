import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { aTsa, TSA_POLICY } from '../tsa.ts'
import {
  type TimeStamp,
  formatTimeStampRequest,
  parsePem,
  parseTimeStamp,
  verifyTimeStamp,
} from '../../verify/index.ts'

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest())
const data = Buffer.from('acme/n1/root\n3\nq83v\n')

function aNonce(): Buffer {
  const nonce = randomBytes(8)
  nonce[0] = 0x40 | (nonce[0]! & 0x3f)
  return nonce
}

test('a request is what openssl ts asks with', () => {
  const request = formatTimeStampRequest(sha256(data), Buffer.from('4102030405060708', 'hex'))

  expect(request).toHaveLength(69)
  expect(Buffer.from(request).toString('hex')).toBe(
    `30430201013031300d060960864801650304020105000420${Buffer.from(sha256(data)).toString('hex')}020841020304050607080101ff`,
  )
})

test.each(['rsa', 'ec'] as const)(
  'takes what openssl ts answers with a key of %s, and only for what it is over',
  async (keys) => {
    const tsa = await aTsa(keys)
    const nonce = aNonce()
    const response = await tsa.reply(formatTimeStampRequest(sha256(data), nonce))
    const believed = parsePem(readFileSync(tsa.ca, 'utf8'))
    const stamp = parseTimeStamp(response)
    const expected = { imprint: sha256(data), nonce: nonce.toString('hex'), policy: TSA_POLICY, chain: [], believed }

    const chain = await verifyTimeStamp(stamp, expected)

    expect(chain.map(({ name }) => name)).toEqual(['Test TSA', 'Test CA'])
    expect(Math.abs(stamp.timeMs - Date.now())).toBeLessThan(60_000)
    expect(stamp).toMatchObject({ accuracyMs: 1500, policy: TSA_POLICY })
    const other = parsePem(readFileSync((await aTsa(keys)).ca, 'utf8'))
    const wrong = [
      [{ imprint: sha256(Buffer.from('x')) }, 'over something else'],
      [{ nonce: '41' }, 'its nonce is not ours'],
      [{ policy: '1.2.3' }, 'under policy 1.3.6'],
      [{ believed: other }, 'the signature of the certificate of Test TSA does not fit'],
      [{ believed: [] }, 'leads to nobody that is believed'],
    ] as const
    for (const [change, message] of wrong)
      await expect(verifyTimeStamp(stamp, { ...expected, ...change })).rejects.toThrow(message)
  },
)

test('takes a response with a flipped byte only where it says the same, and throws nothing but its own error', async () => {
  const tsa = await aTsa()
  const response = await tsa.reply(formatTimeStampRequest(sha256(data), aNonce()))
  const believed = parsePem(readFileSync(tsa.ca, 'utf8'))
  const said = ({ imprint, timeMs, policy, serial, nonce }: TimeStamp) => ({ imprint, timeMs, policy, serial, nonce })
  const original = said(parseTimeStamp(response))
  let accepted = 0
  for (let at = 0; at < response.length; at++) {
    const flipped = Buffer.from(response)
    flipped[at]! ^= 0x04
    try {
      const stamp = parseTimeStamp(flipped)
      await verifyTimeStamp(stamp, { imprint: sha256(data), chain: [], believed })
      expect([at, said(stamp)]).toEqual([at, original])
      accepted += 1
    } catch (error) {
      expect(error).toMatchObject({ name: 'VerifyError' })
    }
  }
  // Versions and lists around what is signed, and the authority's certificate, which is believed from elsewhere.
  expect(accepted).toBeLessThan(response.length / 3)
}, 60_000)

test('says of a refusal what the authority says', async () => {
  const tsa = await aTsa()
  // No policy of this authority.
  const policy = Buffer.from('2a0304', 'hex')

  const refusal = await tsa.reply(formatTimeStampRequest(sha256(data), aNonce(), policy))

  expect(() => parseTimeStamp(refusal)).toThrow(/gives no time stamp \(status 2\): .*policy/)
})

test.each([
  ['nothing', ''],
  ['a length beyond the end', '3082ffff'],
  ['a length that is not known', '3080'],
  ['a value of several tag bytes', '1f8101'],
  ['a length written too long', '308101'],
])('refuses %s', (_, hex) => {
  expect(() => parseTimeStamp(Buffer.from(hex, 'hex'))).toThrow('no DER')
})
