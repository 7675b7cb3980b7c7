import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AuditEvent } from '../../src/domain/event.ts'
import { plainSentence } from '../../src/domain/sentence.ts'
import { parseSource } from '../../src/sources/kinds.ts'
import { type AServer, aFolder, aServer } from '../a-server.ts'
import { type SshLab, startSshLab } from './ssh-lab.ts'

let lab: SshLab

beforeAll(async () => {
  lab = await startSshLab()
})

afterAll(() => lab?.stop())

function serverOn(data: string): Promise<AServer> {
  const bastion = parseSource({
    name: 'bastion',
    kind: 'file',
    paths: [join(lab.folder, 'auth.log')],
    format: 'auth-log',
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  })
  return aServer({ data, config: { sources: [bastion] } })
}

test('finds what two users did, one of them refused, line by line, also what happened while whodid was stopped', async () => {
  const data = aFolder()
  const first = await serverOn(data)
  expect(await lab.withKey('alice', 'alice_key', 'sudo -n /usr/bin/id -un')).toBe(0)
  expect(await lab.withPassword('bob', 'wrong', 'id')).not.toBe(0)
  await first.find('action:sudo actor:alice', 1)
  await first.server.close()

  expect(await lab.withKey('alice', 'certified_key', 'id')).toBe(0)
  expect(await lab.withPassword('bob', 'bob-pw', 'echo bob-pw | sudo -S -p "" id')).not.toBe(0)
  expect(await lab.withPassword('mallory', 'wrong', 'id')).not.toBe(0)
  expect(await lab.forward('alice')).not.toBe(0)

  const second = await serverOn(data)
  await second.find('action:ssh_forward', 1)
  expect(await lab.withKey('alice', 'alice_key', 'true')).toBe(0)
  await second.find('action:ssh_logout actor:alice', 3)

  const lines = lab.lines()
  const events = await second.find('source:bastion', lines.length)
  // Nothing is missing and nothing is there twice: each line is one event, whose original it is.
  const originals = events.map(({ event }) => event.original ?? '')
  expect(originals.toSorted(byText)).toEqual(lines.toSorted(byText))

  const told = async (query: string): Promise<readonly string[]> =>
    (await second.find(`source:bastion ${query}`, 1)).toReversed().map(plainSentence)
  const host = events[0]?.audit?.resource?.[0]?.name ?? ''
  expect(await told('action:ssh_login outcome:success')).toEqual([
    `alice signed in to ${host} by SSH`,
    `alice signed in to ${host} by SSH`,
    `bob signed in to ${host} by SSH`,
    `alice signed in to ${host} by SSH`,
    `alice signed in to ${host} by SSH`,
  ])
  expect(await told('action:ssh_login outcome:failure method:password')).toEqual([
    `bob tried to sign in to ${host} by SSH – failed (wrong password)`,
    `mallory tried to sign in to ${host} by SSH – failed (invalid user)`,
  ])
  expect(await told('action:sudo')).toEqual([
    `alice, acting as root, ran \`/usr/bin/id -un\` on ${host}`,
    `bob, acting as root, tried to run \`/usr/bin/id\` on ${host} – denied (user NOT in sudoers)`,
  ])
  expect(await told('action:ssh_forward')).toEqual([
    'Someone not identified tried to forward a port to 127.0.0.1:9 – denied (the request was denied)',
  ])
  await expectKeys(second)
  await expectJoined(second, events)
})

function byText(a: string, b: string): number {
  return a < b ? -1 : 1
}

/** With which key, and by whose certificate. */
async function expectKeys(server: AServer): Promise<void> {
  const [byCertificate] = await server.find(
    `audit.authn.credential_id:"${lab.fingerprintOf('certified_key')}" outcome:success`,
    1,
  )
  expect(byCertificate?.audit?.authn).toEqual({
    method: 'publickey',
    credential_id: lab.fingerprintOf('certified_key'),
    provider: lab.fingerprintOf('user_ca'),
  })
  expect(byCertificate?.['ssh']).toMatchObject({ certificate: { id: 'alice@corp', serial: '72' } })
  const byKey = await server.find(`audit.authn.credential_id:"${lab.fingerprintOf('alice_key')}" action:ssh_login`, 3)
  expect(new Set(byKey.map(({ user }) => user?.name))).toEqual(new Set(['alice']))
}

/** A connection's lines are found by the connection, its processes' by their processes. */
async function expectJoined(server: AServer, events: readonly AuditEvent[]): Promise<void> {
  const login = events.find(
    ({ event, user }) => event.action === 'ssh_login' && user?.name === 'bob' && event.outcome === 'success',
  )
  const { trace, process } = login as unknown as { trace: { id: string }; process: { entity_id: string } }
  const ofConnection = await server.find(`trace.id:"${trace.id}"`, 4)
  expect(new Set(ofConnection.map(({ event }) => event.action))).toEqual(
    new Set(['ssh_connect', 'ssh_login', 'ssh_session', 'ssh_disconnect', 'ssh_logout']),
  )
  const ofProcess = await server.find(`process.entity_id:"${process.entity_id}"`, 4)
  expect(new Set(ofProcess.map(({ event }) => event.action))).toEqual(
    new Set(['ssh_connect', 'ssh_login', 'session-start', 'session-end', 'sshd']),
  )
}
