import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { LogInfo, TimeStampAnswer } from '../../src/domain/answers.ts'
import { aFolder, aServer, movableClock, until } from '../a-server.ts'
import { aTsa, opensslRefuses, type Tsa } from '../tsa.ts'

/** Time stamps of a real `openssl ts`, also of one that lies. */

const ROOT = 'acme/n1/root'

const configFor = (tsa: Tsa) => ({
  ledger: { public: 'tiles', rootMs: 1000, timestamps: { url: tsa.url, everyMs: 1000, ca: tsa.ca } } as const,
})

test('the root log is stamped, and openssl verifies what is served', async () => {
  const tsa = await aTsa()
  const server = await aServer({ config: configFor(tsa) })
  const look = async () =>
    (await server.call('GET', '/log')).json<{ logs: LogInfo[]; timeStamps: TimeStampAnswer }>().timeStamps

  const stamped = await until(async () => {
    const now = await look()
    return now.state === 'stamped' && now
  })

  const folder = aFolder()
  const [data, tsr] = [join(folder, 'checkpoint'), join(folder, 'tsr')]
  const at = `/log/${ROOT}/anchors/${stamped.size}`
  const answer = await server.call('GET', `${at}.tsr`)
  expect(answer.headers['content-type']).toBe('application/timestamp-reply')
  writeFileSync(data, (await server.call('GET', `${at}.checkpoint`)).bytes)
  writeFileSync(tsr, answer.bytes)
  expect(await opensslRefuses(tsa, data, tsr)).toBeUndefined()
  expect((await server.call('GET', `/log/${ROOT}/anchors/chain.pem`)).text).toBe(readFileSync(tsa.ca, 'utf8'))
  writeFileSync(data, `${readFileSync(data, 'utf8')}x`)
  expect(await opensslRefuses(tsa, data, tsr)).toBeDefined()
})

test.each([
  [
    'another imprint',
    'over something else',
    (tsa: Tsa) => {
      const mine = Buffer.from(
        `30430201013031300d060960864801650304020105000420${'11'.repeat(32)}020841020304050607080101ff`,
        'hex',
      )
      tsa.lie = () => tsa.reply(mine)
    },
  ],
  [
    'an old answer',
    'nonce|something else',
    (tsa: Tsa) => {
      let first: Buffer | undefined
      tsa.lie = async (request, honest) => {
        if (first !== undefined) return first
        // The same imprint with another nonce.
        const other = Buffer.from(request)
        other[other.length - 4]! ^= 1
        first = await tsa.reply(other)
        return honest().then(() => first!)
      }
    },
  ],
  [
    'a refusal',
    'gives no time stamp',
    (tsa: Tsa) => {
      tsa.lie = (request) => tsa.reply(request.subarray(0, 20))
    },
  ],
  [
    '500',
    'it answers 500',
    (tsa: Tsa) => {
      tsa.lie = async () => ({ status: 500 })
    },
  ],
])(
  'an authority that gives %s is named, alarmed, and nothing of it is kept',
  async (_, reason, setUp) => {
    const tsa = await aTsa()
    setUp(tsa)
    const server = await aServer({ config: configFor(tsa) })

    const text = await until(async () => {
      const { text: ready, status } = await server.call('GET', '/readyz')
      return status === 200 && ready.includes('no time stamp since') && ready
    })

    expect(text).toMatch(new RegExp(reason))
    const [alarm] = await server.find('action:time-stamp-missing stream:whodid', 1)
    expect(alarm?.message).toMatch(new RegExp(reason))
    expect((await server.call('GET', `/log/${ROOT}/anchors/1.tsr`)).status).toBe(404)
    tsa.lie = undefined
    await server.find('action:time-stamp-back stream:whodid', 1)
  },
  60_000,
)

test('a clock that is ten minutes ahead is told', async () => {
  const tsa = await aTsa()
  const server = await aServer({ config: configFor(tsa), clock: movableClock(Date.now() + 600_000) })

  const [alarm] = await server.find('action:clock-skew stream:whodid', 1)

  expect(alarm?.message).toMatch(/our clock is at least (59[5-9]|600)\.\d s ahead of that of the time stamp authority/)
  expect((await server.call('GET', '/readyz')).text).toContain('our clock is at least')
}, 60_000)
