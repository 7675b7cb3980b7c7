import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { SourceAnswer } from '../../src/domain/answers.ts'
import { parseSource } from '../../src/sources/kinds.ts'
import { BATCH_TYPE, batchParts } from '../../src/sources/forward-batch.ts'
import { type AServer, aFolder, aServer } from '../a-server.ts'
import { type FarSender, insist, receiverContract } from '../contract/receiver.ts'

const TOKEN = 'a-token-of-the-far-side'
const EPOCH = 4711
const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': BATCH_TYPE }

function entry(folder: string) {
  const file = join(folder, 'token')
  writeFileSync(file, TOKEN)
  return { name: 'bastion', kind: 'forward', token: { file } }
}

function post(server: AServer, from: number, texts: readonly string[]) {
  const header = { v: 1, host: 'web-1', epoch: EPOCH, from, sent: Date.now() } as const
  const records = texts.map((text, n) => ({ bytes: Buffer.from(text), format: 'ecs', fallbackId: `f:${from + n}` }))
  const frame = { source: 'app', received: Date.now(), records }
  return server.call('POST', '/in/bastion', Buffer.concat(batchParts({ header, frames: [frame] })), headers)
}

/** As a forwarder does: it asks what was taken, and sends what follows until that is taken. */
function farSide(server: AServer): FarSender {
  const send = async (texts: readonly string[]) => {
    await insist(async () => {
      const { status, text } = await server.call('GET', `/in/bastion?epoch=${EPOCH}`, undefined, headers)
      if (status !== 200) return { status }
      // The receiver's own answer.
      const { n } = JSON.parse(text) as { n: number }
      return post(server, n + 1, texts)
    })
  }
  return { send: (count) => send(Array.from({ length: count }, ecsRecord)), sendBad: () => send(['no JSON']) }
}

function ecsRecord(): string {
  return JSON.stringify({ event: { action: 'read', outcome: 'success' }, user: { name: 'ada' } })
}

receiverContract({
  config: entry,
  farSide,
  role: 'receiver',
  listens: /^\/in\/bastion$/,
  badReason: 'not_json',
})

test('a batch that was taken is not taken again after a restart, and none behind a gap is', async () => {
  const folder = aFolder()
  const options = { data: join(folder, 'data'), config: { sources: [parseSource(entry(folder))] } }
  const before = await aServer(options)
  expect((await post(before, 1, [ecsRecord(), 'no JSON'])).status).toBe(200)
  await before.server.close()

  const after = await aServer(options)
  expect((await post(after, 1, [ecsRecord(), 'no JSON'])).json()).toEqual({ epoch: EPOCH, n: 2 })
  expect((await post(after, 4, [ecsRecord()])).status).toBe(409)
  expect((await post(after, 2, ['no JSON', ecsRecord()])).json()).toEqual({ epoch: EPOCH, n: 3 })

  const answer = await after.call('GET', '/v1/sources/bastion')
  expect(answer.json<SourceAnswer>().accounting).toMatchObject({ received: 3, kept: 2, rejected: { not_json: 1 } })
})
