import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { aFolder } from '../../test/a-server.ts'
import { anAuthority, type Authority, type Certified, tlsFilesIn } from '../../test/certificates.ts'
import { Intake, quiet, type Running, start } from '../../test/contract/source.ts'
import { AuditError } from '../domain/errors.ts'
import { parseSource } from './kinds.ts'
import type { SourceDeps, SourceStatus } from './source.ts'
import { createSyslog, type SyslogConfig } from './syslog.ts'

interface Listening {
  readonly intake: Intake
  readonly running: Running
  readonly port: number
  readonly status: () => SourceStatus
}

/** A source on a free port, with what it said of itself last. */
async function listening(config: Partial<SyslogConfig>, intake = new Intake()): Promise<Listening> {
  let status: SourceStatus = {}
  const open = (deps: SourceDeps) =>
    createSyslog(
      { name: 'hosts', kind: 'syslog', listen: '127.0.0.1:0', ...config },
      { ...deps, ...quiet, report: (said) => (status = said) },
    )
  const running = start(open, intake)
  await running.until(() => status.listens !== undefined)
  return { intake, running, port: Number(status.listens?.split(':').at(-1)), status: () => status }
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

test('takes both framings over TCP, the whole message as it was sent', async () => {
  const { intake, running, port } = await listening({})
  const [lines, counted] = [await connected(port), await connected(port)]
  lines.write('<38>Nov 20 14:02:11 a sshd[1]: one\n<38>Nov 20 14:02:12 a sshd[1]: two\n')
  await running.until(() => intake.records.length >= 2)
  counted.write('29 <38>1 - a sshd 1 - - two\nrows16 <38>1 - a b - - ')
  await running.until(() => intake.records.length >= 4)
  expect(intake.texts).toEqual([
    '<38>Nov 20 14:02:11 a sshd[1]: one',
    '<38>Nov 20 14:02:12 a sshd[1]: two',
    '<38>1 - a sshd 1 - - two\nrows',
    '<38>1 - a b - - ',
  ])
  for (const record of intake.records) {
    expect(record).toMatchObject({ format: 'auth-log', origin: { way: '127.0.0.1', authenticated: false } })
    expect(record.naturalId ?? record.fallbackId).toBeUndefined()
  }
})

test('reads no further while it is told to wait, and then takes everything', async () => {
  const intake = new Intake()
  let isFull = true
  intake.refuse = () => (isFull ? new AuditError('busy', 'full', { retryAfterMs: 1000 }) : undefined)
  const { running, port } = await listening({}, intake)
  const sender = await connected(port)
  const line = `<38>Nov 20 14:02:11 a sshd[1]: ${'x'.repeat(1000)}\n`
  let sent = 0
  // Until nothing more leaves this side: the receiver reads no further.
  while (sender.writableLength < 1 << 20) {
    sender.write(line)
    sent++
    if (sent % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  expect(intake.records).toEqual([])
  isFull = false
  await running.until(() => intake.records.length >= sent)
  expect(new Set(intake.texts)).toEqual(new Set([line.trimEnd()]))
  expect(intake.records).toHaveLength(sent)
})

test('says goodbye when it stops, and takes what was on its way', async () => {
  const { intake, running, port } = await listening({})
  const sender = await connected(port)
  sender.write('<38>one\n')
  await running.until(() => intake.records.length >= 1)
  const stopped = running.stop()
  await once(sender.resume(), 'end')
  await stopped
  expect(sender.readableEnded).toBe(true)
})

test('takes a last line without its end, and counts what is no whole message', async () => {
  const { intake, running, port, status } = await listening({})
  ;(await connected(port)).end('<38>one')
  await running.until(() => intake.records.length >= 1)
  ;(await connected(port)).end('100 <38>on')
  await running.until(() => status().refused?.['incomplete'] === 1)
  const broken = await connected(port)
  broken.write('5 <38>x<38>y\n')
  await running.until(() => status().refused?.['framing'] === 1)
  await once(broken.resume(), 'close')
  expect(intake.texts).toEqual(['<38>one', '<38>x'])
})

test('lets nobody in but who is allowed, and believes who had to answer', async () => {
  const { running, port, status } = await listening({ allow: ['10.0.0.0/8', '2001:db8::/32'] })
  const sender = await connected(port)
  await once(sender.resume(), 'close')
  await running.until(() => status().refused?.['not_allowed'] === 1)

  const near = await listening({ allow: ['127.0.0.1'] })
  ;(await connected(near.port)).write('<38>one\n')
  await near.running.until(() => near.intake.records.length >= 1)
  expect(near.intake.records[0]?.origin).toEqual({ way: '127.0.0.1' })
})

test('closes connections beyond its bound, and says how many there are', async () => {
  const { running, port, status } = await listening({ limits: { connections: 2 } })
  await Promise.all([connected(port), connected(port)])
  await running.until(() => status().connections === 2)
  const third = await connected(port)
  await once(third.resume(), 'close')
  await running.until(() => status().refused?.['connections'] === 1)
})

test('over UDP takes a message a datagram, from allowed addresses, and vouches for none', async () => {
  const { intake, running, port, status } = await listening({ transport: 'udp', allow: ['127.0.0.0/8'] })
  const sender = createSocket('udp4')
  onTestFinished(() => void sender.close())
  sender.send('<38>Nov 20 14:02:11 a sshd[1]: one\n', port, '127.0.0.1')
  sender.send('<38>two', port, '127.0.0.1')
  await running.until(() => intake.records.length >= 2)
  expect(intake.texts).toEqual(['<38>Nov 20 14:02:11 a sshd[1]: one\n', '<38>two'])
  expect(intake.records[0]?.origin).toEqual({ way: '127.0.0.1', authenticated: false })
  expect(status().listens).toBe(`127.0.0.1:${port}`)
})

test('over UDP counts what it cannot hold while it is told to wait', async () => {
  const intake = new Intake()
  let isFull = true
  intake.refuse = () => (isFull ? new AuditError('busy', 'full', { retryAfterMs: 100 }) : undefined)
  const { running, port, status } = await listening({ transport: 'udp' }, intake)
  const sender = createSocket('udp4')
  onTestFinished(() => void sender.close())
  const large = Buffer.alloc(60_000, 'x')
  await running.until(() => {
    sender.send(large, port, '127.0.0.1')
    return (status().refused?.['queue_full'] ?? 0) > 0
  })
  isFull = false
  await running.until(() => intake.records.length >= 200)
})

test('over UDP the smallest datagrams take no more memory than large ones', async () => {
  const intake = new Intake()
  intake.refuse = () => new AuditError('busy', 'full', { retryAfterMs: 100 })
  const { running, port, status } = await listening({ transport: 'udp' }, intake)
  const sender = createSocket('udp4')
  onTestFinished(() => void sender.close())
  let sent = 0
  await running.until(() => {
    for (let n = 0; n < 100; n++) sender.send('x', port, '127.0.0.1', () => sent++)
    return (status().refused?.['queue_full'] ?? 0) > 0
  })
  expect(sent).toBeLessThan(1_000_000)
})

test('over TLS believes the certificates of its own authority, and neither another one’s nor an expired one', async () => {
  const ours = anAuthority()
  const files = tlsFilesIn(aFolder(), ours.issue('server'), ours)
  const { intake, running, port, status } = await listening({ tls: files })
  secured(port, ours, ours.issue('web-1')).write('10 <38>secret')
  await running.until(() => intake.records.length >= 1)
  expect(intake.records[0]?.origin).toEqual({ way: 'web-1/127.0.0.1' })

  const expired = ours.issue('web-2', { notBefore: new Date(0), notAfter: new Date(86_400_000) })
  for (const [n, wrong] of [anAuthority('Other CA').issue('web-1'), expired, undefined].entries()) {
    const socket = secured(port, ours, wrong)
    socket.write('10 <38>forged')
    await new Promise((resolve) => socket.resume().once('close', resolve))
    await running.until(() => (status().refused?.['tls'] ?? 0) > n)
  }
  expect(intake.texts).toEqual(['<38>secret'])
})

function secured(port: number, server: Authority, own: Certified | undefined): Socket {
  const socket = connectTls({ port, host: 'localhost', ca: server.cert, ...own })
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  return socket
}

test('listens without TLS on this machine only, unless it is told to', () => {
  const config = { name: 'hosts', kind: 'syslog', listen: '0.0.0.0:514' }
  expect(() => parseSource(config)).toThrow(/plain: true is needed/)
  expect(parseSource({ ...config, plain: true })).toMatchObject({ kind: 'syslog' })
  expect(parseSource({ ...config, tls: { cert: 'a', key: 'b' } })).toMatchObject({ kind: 'syslog' })
  expect(() => parseSource({ ...config, transport: 'udp', tls: { cert: 'a', key: 'b' } })).toThrow(/UDP has no TLS/)
  for (const wrong of ['10.0.0.0/33', 'host', '1.2.3.4/8/8', '::/129', '1.2.3.4/x']) {
    expect(() => parseSource({ ...config, plain: true, allow: [wrong] })).toThrow(/an address or a network/)
  }
})

test('who sends no whole message in time is turned away, who has sent one stays', async () => {
  const { intake, running, port, status } = await listening({ limits: { firstMessageSeconds: 5 } })
  const [silent, half, known] = [await connected(port), await connected(port), await connected(port)]
  half.write('<38>Nov 20 14:02:11 a ss')
  known.write('<38>Nov 20 14:02:11 a sshd[1]: one\n')
  await running.until(() => intake.records.length === 1 && status().connections === 3)
  const gone = [once(silent, 'close'), once(half, 'close')]
  for (const socket of [silent, half]) socket.resume()
  await running.pass(6000)
  await Promise.all(gone)
  known.write('<38>Nov 20 14:02:12 a sshd[1]: two\n')
  await running.until(() => intake.records.length === 2)
  expect(status().refused).toMatchObject({ idle: 2 })
})

test('one address has a share of the connections', async () => {
  const { intake, running, port, status } = await listening({ limits: { connectionsPerAddress: 1 } })
  const first = await connected(port)
  const second = await connected(port)
  second.resume()
  if (!second.closed) await once(second, 'close')
  expect(status().refused).toEqual({ address_connections: 1 })
  first.end('<38>Nov 20 14:02:11 a sshd[1]: one\n')
  await running.until(() => intake.records.length === 1 && status().connections === 0)
  const third = await connected(port)
  third.write('<38>Nov 20 14:02:12 a sshd[1]: two\n')
  await running.until(() => intake.records.length === 2)
})
