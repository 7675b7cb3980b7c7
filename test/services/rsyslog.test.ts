import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { SourceAnswer } from '../../src/domain/answers.ts'
import type { AuditEvent } from '../../src/domain/event.ts'
import { parseSource } from '../../src/sources/kinds.ts'
import { type AServer, aFolder, aServer, until } from '../a-server.ts'
import { anAuthority, type Certified, tlsFilesIn } from '../certificates.ts'
import { freePort, type SshLab, startSshLab } from './ssh-lab.ts'

/** Where rsyslog is told to send, and which of our sources listens there. */
interface Way {
  readonly name: string
  readonly port: number
  readonly config: Readonly<Record<string, unknown>>
  /** Beside target and port. */
  readonly action: string
}

const QUEUED =
  'action.resumeInterval="1" action.resumeRetryCount="-1" queue.type="LinkedList" queue.timeoutShutdown="10" ' +
  'template="RSYSLOG_SyslogProtocol23Format"'

let lab: SshLab
let ways: readonly Way[]

beforeEach(async () => {
  const folder = aFolder()
  const ours = anAuthority('whodid test CA')
  const tls = tlsFilesIn(folder, ours.issue('localhost'), ours)
  const past = { notBefore: new Date(0), notAfter: new Date(86_400_000) }
  const client = (name: string, own: Certified): string => {
    const at = (end: string): string => join(folder, `${name}.${end}`)
    writeFileSync(at('crt'), own.cert)
    writeFileSync(at('key'), own.key)
    writeFileSync(join(folder, 'ca.crt'), ours.cert)
    const files = `StreamDriver.CAFile="${join(folder, 'ca.crt')}" StreamDriver.CertFile="${at('crt')}" StreamDriver.KeyFile="${at('key')}"`
    const peer =
      'StreamDriver="ossl" StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="localhost"'
    return `protocol="tcp" TCP_Framing="octet-counted" ${peer} ${files} ${QUEUED}`
  }
  ways = [
    await way('udp', { transport: 'udp' }, 'protocol="udp" template="RSYSLOG_TraditionalForwardFormat"'),
    await way('counted', {}, `protocol="tcp" TCP_Framing="octet-counted" ${QUEUED}`),
    await way('lines', { allow: ['127.0.0.1'] }, `protocol="tcp" TCP_Framing="traditional" ${QUEUED}`),
    await way('right', { tls }, client('right', ours.issue('web-1'))),
    await way('wrong', { tls }, client('wrong', anAuthority('another CA').issue('web-1'))),
    await way('expired', { tls }, client('expired', ours.issue('web-1', past))),
  ]
  lab = await startSshLab(
    ways
      .map(
        (each) =>
          `if $programname == "su" then action(type="omfwd" target="127.0.0.1" port="${each.port}" ${each.action})\n`,
      )
      .join(''),
  )
})

afterEach(() => lab?.stop())

async function way(name: string, config: Way['config'], action: string): Promise<Way> {
  return { name, port: await freePort(), config, action }
}

function serverOn(data: string): Promise<AServer> {
  const sources = ways.map(({ name, port, config }) =>
    parseSource({ name, kind: 'syslog', listen: `127.0.0.1:${port}`, ...config }),
  )
  const beside = { name: 'beside', kind: 'file', paths: [join(lab.folder, 'auth.iso.log')], format: 'auth-log' }
  return aServer({ data, config: { sources: [...sources, parseSource(beside)] } })
}

async function standing(server: AServer, name: string): Promise<SourceAnswer> {
  return (await server.call('GET', `/v1/sources/${name}`)).json<SourceAnswer>()
}

async function say(first: number, count: number): Promise<void> {
  for (let n = first; n < first + count; n++) await lab.say('su', `(to root) user-${n} on pts/0`)
}

function users(events: readonly AuditEvent[]): readonly number[] {
  return events.map(({ user }) => Number(user?.name?.slice('user-'.length))).toSorted((a, b) => a - b)
}

const numbers = (first: number, count: number): readonly number[] => Array.from({ length: count }, (_, n) => first + n)

test('brings every line over UDP, TCP in both framings, and TLS; strangers and expired certificates bring none', async () => {
  const server = await serverOn(aFolder())
  await until(async () => (await standing(server, 'expired')).listens !== undefined)
  await say(0, 20)

  for (const name of ['udp', 'counted', 'lines', 'right']) {
    expect(users(await server.find(`source:${name}`, 20)), name).toEqual(numbers(0, 20))
    const { accounting } = await standing(server, name)
    expect(accounting, name).toMatchObject({ received: 20, kept: 20, events: 20 })
  }
  for (const name of ['wrong', 'expired']) {
    const refused = await until(async () => {
      const seen = await standing(server, name)
      return (seen.refused['tls'] ?? 0) > 0 && seen
    })
    expect(refused.accounting, name).toMatchObject({ received: 0 })
  }
  const [counted] = await server.find('source:counted actor:user-7', 1)
  expect(counted).toMatchObject({
    event: { action: 'su', outcome: 'success', dataset: 'system.auth' },
    user: { name: 'user-7', effective: { name: 'root' } },
    whodid: { way: '127.0.0.1', trust: ['unauthenticated'] },
  })
  expect(counted?.event.original).toMatch(
    /^<38>1 \d{4}-\d\d-\d\dT\S+ \S+ su - - {2}- ?\(to root\) user-7 on pts\/0\n$|^<38>1 /,
  )
  const [known] = await server.find('source:right actor:user-7', 1)
  expect(known?.whodid).toMatchObject({ way: 'web-1/127.0.0.1' })
  expect(known?.whodid?.trust).toBeUndefined()
})

test('brings over TCP each line once when whodid is stopped in the middle; over TLS rsyslog loses one, and the file beside it has it', async () => {
  const data = aFolder()
  const first = await serverOn(data)
  await until(async () => (await standing(first, 'expired')).listens !== undefined)
  await say(0, 20)
  for (const name of ['counted', 'lines', 'right']) await first.find(`source:${name}`, 20)
  await first.server.close()
  await say(20, 20)
  const second = await serverOn(data)
  await say(40, 20)

  for (const name of ['counted', 'lines', 'beside']) {
    expect(users(await second.find(`source:${name} action:su`, 60)), name).toEqual(numbers(0, 60))
  }
  await second.find('source:right actor:user-59', 1)
  const found = users(await second.find('source:right', 59))
  // Over TLS rsyslog does not look whether its connection is closed: it writes one message into it and believes it sent.
  expect(numbers(0, 60).filter((n) => !found.includes(n) && n !== 20)).toEqual([])
  expect(new Set(found).size).toBe(found.length)
})
