import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { SourceAnswer } from '../../src/domain/answers.ts'
import { PARSE_LIMIT_BYTES } from '../../src/formats/limits.ts'
import { parseSource } from '../../src/sources/kinds.ts'
import { type AServer, aServer, until } from '../a-server.ts'
import { type FarSender, receiverContract } from '../contract/receiver.ts'

let number = 0

/** A new connection each time, as `logger` makes one: resolves when everything left. */
async function farSide(server: AServer): Promise<FarSender & { say(message: string): Promise<void> }> {
  const port = await until(async () => {
    const { listens } = (await server.call('GET', '/v1/sources/hosts')).json<SourceAnswer>()
    return listens !== undefined && Number(listens.split(':').at(-1))
  })
  const send = async (messages: readonly string[]): Promise<void> => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.end(messages.map((message) => `${Buffer.byteLength(message)} ${message}`).join(''))
    await once(socket, 'finish')
  }
  const good = (): string =>
    `<38>1 2026-11-24T10:00:00Z web-1 sshd ${++number} - - Accepted password for ada from 192.0.2.1 port 9 ssh2`
  return {
    send: (count) => send(Array.from({ length: count }, good)),
    say: (message) => send([message]),
    sendBad: () => send([`<38>${'x'.repeat(PARSE_LIMIT_BYTES)}`]),
  }
}

describe('syslog', () => {
  receiverContract({
    config: () => ({ name: 'hosts', kind: 'syslog', listen: '127.0.0.1:0' }),
    farSide,
    role: 'follower',
    listens: /^127\.0\.0\.1:\d+$/,
    badReason: 'too_large',
  })
})

test('a line that says it was repeated five times is one record received and five events', async () => {
  const hosts = parseSource({ name: 'hosts', kind: 'syslog', listen: '127.0.0.1:0' })
  const server = await aServer({ config: { sources: [hosts] } })
  const far = await farSide(server)
  const line = 'message repeated 5 times: [ Failed password for root from 192.0.2.1 port 9 ssh2]'
  await far.say(`<38>Nov 24 10:00:00 web-1 sshd[7]: ${line}`)

  const events = await server.find('source:hosts action:ssh_login outcome:failure', 5)
  expect(new Set(events.map(({ event }) => event.id)).size).toBe(5)
  const { accounting } = (await server.call('GET', '/v1/sources/hosts')).json<SourceAnswer>()
  expect(accounting).toMatchObject({ received: 1, kept: 1, events: 5, duplicate: 0 })
})
