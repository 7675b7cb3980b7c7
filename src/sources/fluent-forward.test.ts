import { createHash } from 'node:crypto'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { encode, ExtData, ExtensionCodec } from '@msgpack/msgpack'
import { FluentClient } from '@fluent-org/logger'
import { describe, expect, onTestFinished, test } from 'vitest'
import { aFolder } from '../../test/a-server.ts'
import { anAuthority, tlsFilesIn } from '../../test/certificates.ts'
import { Intake } from '../../test/contract/source.ts'
import { type ForwardClient, forwardClient } from '../../test/forward-client.ts'
import { seeded } from '../../test/seeded.ts'
import { AuditError } from '../domain/errors.ts'
import { systemClock } from '../lib/clock.ts'
import type { FluentForwardConfig } from './fluent-forward.ts'
import { createFluentForward, fluentForwardConfig } from './fluent-forward.ts'
import type { SourceStatus } from './source.ts'

const KEY = 'the-key-that-both-know'
const SECONDS = 1795183402

interface Started {
  readonly intake: Intake
  readonly address: string
  readonly port: number
  readonly status: () => SourceStatus
  readonly messages: readonly string[]
  readonly stop: () => Promise<void>
}

async function start(more: Partial<FluentForwardConfig> = {}, intake = new Intake()): Promise<Started> {
  const config = fluentForwardConfig.parse({ name: 'fluent', kind: 'fluent-forward', listen: '127.0.0.1:0', ...more })
  const abort = new AbortController()
  const messages: string[] = []
  let status: SourceStatus = {}
  const listens = Promise.withResolvers<string>()
  const source = createFluentForward(config, {
    name: 'fluent',
    clock: systemClock,
    cursor: undefined,
    lastNumber: () => 0,
    log: (message) => void messages.push(message),
    secret: (ref) => ('env' in ref ? ref.env : ref.file),
    report: (said) => {
      status = said
      if (said.listens !== undefined) listens.resolve(said.listens)
    },
  })
  const running = source.run(intake.emit, abort.signal)
  running.catch(listens.reject)
  const stop = async (): Promise<void> => {
    abort.abort()
    await running.catch(() => undefined)
  }
  onTestFinished(stop)
  const address = await listens.promise
  const port = Number(address.slice(address.lastIndexOf(':') + 1))
  return { intake, address, port, status: () => status, messages, stop }
}

const eventTime = (seconds: number, nanos: number): ExtData => {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32BE(seconds)
  bytes.writeUInt32BE(nanos, 4)
  return new ExtData(0, bytes)
}

const packed = (entries: readonly unknown[]): Buffer =>
  Buffer.concat(entries.map((entry) => Buffer.from(encode(entry))))

describe('every mode', () => {
  const entries = [
    [SECONDS, { n: 1 }],
    [eventTime(SECONDS, 5_000_000), { n: 2 }],
  ]
  test.each<[string, unknown]>([
    ['Forward', ['app.x', entries, { chunk: 'c' }]],
    ['PackedForward', ['app.x', packed(entries), { chunk: 'c', size: 2 }]],
    ['CompressedPackedForward', ['app.x', gzipSync(packed(entries)), { chunk: 'c', compressed: 'gzip' }]],
    [
      'CompressedPackedForward in two parts',
      [
        'app.x',
        Buffer.concat([gzipSync(packed([entries[0]])), gzipSync(packed([entries[1]]))]),
        { chunk: 'c', compressed: 'gzip' },
      ],
    ],
    [
      'CompressedPackedForward with zstd',
      ['app.x', zstdCompressSync(packed(entries)), { chunk: 'c', compressed: 'zstd' }],
    ],
    ['entries with metadata', ['app.x', packed(entries.map(([time, record]) => [[time, {}], record])), { chunk: 'c' }]],
  ])('%s is taken and acknowledged', async (_, message) => {
    const { intake, address } = await start()
    const client = await forwardClient(address)
    client.write(message)
    expect(await client.next()).toEqual({ ack: 'c' })
    expect(intake.texts).toEqual([
      '{"@timestamp":"2026-11-20T14:03:22.000Z","n":1}',
      '{"@timestamp":"2026-11-20T14:03:22.005Z","n":2}',
    ])
    expect(intake.records.map(({ fallbackId }) => fallbackId)).toEqual(['fluent:c:0', 'fluent:c:1'])
    expect(intake.records[0]).toMatchObject({ format: 'ecs', origin: { authenticated: false } })
  })

  test('Message is taken, with and without acknowledgement', async () => {
    const { intake, address } = await start()
    const client = await forwardClient(address)
    client.write(['app.x', SECONDS, { n: 1 }])
    client.write(['app.x', eventTime(SECONDS, 123_456_789), { n: 2 }, { chunk: 'm' }])
    expect(await client.next()).toEqual({ ack: 'm' })
    expect(intake.texts).toEqual([
      '{"@timestamp":"2026-11-20T14:03:22.000Z","n":1}',
      '{"@timestamp":"2026-11-20T14:03:22.123456789Z","n":2}',
    ])
    expect(intake.records.map(({ fallbackId }) => fallbackId)).toEqual([undefined, 'fluent:m:0'])
  })

  test.each(['Message', 'Forward', 'PackedForward', 'CompressedPackedForward'] as const)(
    'a client of somebody else is acknowledged in mode %s, with a shared key',
    async (eventMode) => {
      const { intake, port } = await start({ sharedKey: { env: KEY }, hostname: 'whodid' })
      const client = new FluentClient('app', {
        socket: { host: '127.0.0.1', port, timeout: 3000 },
        ack: { ackTimeout: 5000 },
        eventMode,
        security: { clientHostname: 'sender', sharedKey: KEY },
      })
      onTestFinished(() => client.disconnect())
      await Promise.all([
        client.emit('audit', { user: 'alice' }),
        client.emit('audit', { user: 'bob' }),
        client.flush(),
      ])
      expect(intake.texts.map((text) => JSON.parse(text) as unknown)).toMatchObject([
        { user: 'alice' },
        { user: 'bob' },
      ])
      expect(intake.records[0]?.origin).toBeUndefined()
    },
  )
})

describe('records', () => {
  test('a text is taken byte for byte, also where it is no UTF-8, without the end of its line', async () => {
    const tags = [{ match: 'auth.*', format: 'auth-log', text: 'message' }]
    const { intake, address } = await start({ tags })
    const client = await forwardClient(address)
    const line = Buffer.from('Nov 24 caf\xe9 "x" \\ \u0000\r\n', 'latin1')
    // str 8 with bytes that no encoder of texts would write.
    const raw = Buffer.concat([
      Buffer.from([0x81, 0xa7]),
      Buffer.from('message'),
      Buffer.from([0xd9, line.length]),
      line,
    ])
    client.writeBytes(
      Buffer.concat([
        Buffer.from([0x94, 0xa9]),
        Buffer.from('auth.host'),
        encode(SECONDS),
        raw,
        encode({ chunk: 'a' }),
      ]),
    )
    expect(await client.next()).toEqual({ ack: 'a' })
    expect(Buffer.from(intake.records[0]?.bytes ?? [])).toEqual(line.subarray(0, -2))
    expect(intake.records[0]?.format).toBe('auth-log')
    client.write(['auth.host', SECONDS, { other: 1 }, { chunk: 'b' }])
    client.write(['auth.host.deeper', SECONDS, { message: 'm' }, { chunk: 'c' }])
    await client.next()
    await client.next()
    expect(intake.records.slice(1).map(({ format }) => format)).toEqual(['auth-log', 'ecs'])
    expect(intake.texts[1]).toBe('{"@timestamp":"2026-11-20T14:03:22.000Z","other":1}')
  })

  test('JSON says what MessagePack said: whole numbers in full, bytes, keys and times of all kinds', async () => {
    const { intake, address } = await start({ tagKey: 'labels.tag' })
    const client = await forwardClient(address)
    const record = new Map<unknown, unknown>([
      ['@timestamp', 'own'],
      ['big', 9_223_372_036_854_775_807n],
      ['negative', -42],
      ['float', 1.5],
      ['nothing', null],
      ['yes', true],
      ['list', [1, 'zwei', { drei: [] }]],
      ['text bytes', Buffer.from('grün')],
      ['raw bytes', Buffer.from([0xff, 0x00])],
      ['time', eventTime(SECONDS, 0)],
      ['__proto__', { polluted: true }],
      ['umlaut \u2028', '\ud83d\ude00'],
    ])
    client.writeBytes(
      Buffer.concat([Buffer.from([0x94]), encode('t'), encode(SECONDS), mapOf(record), encode({ chunk: 'j' })]),
    )
    expect(await client.next()).toEqual({ ack: 'j' })
    expect(intake.texts[0]).toBe(
      '{"labels.tag":"t","@timestamp":"own","big":9223372036854775807,"negative":-42,"float":1.5,"nothing":null,"yes":true,' +
        '"list":[1,"zwei",{"drei":[]}],"text bytes":"grün","raw bytes":"/wA=","time":"2026-11-20T14:03:22.000Z",' +
        '"__proto__":{"polluted":true},"umlaut \u2028":"\ud83d\ude00"}',
    )
  })

  test('an entry that is no pair is one record that is rejected, not the end of its message', async () => {
    const { intake, address } = await start()
    const client = await forwardClient(address)
    client.write(['t', [7, [SECONDS], [SECONDS, { n: 1 }], ['not a time', { n: 2 }]], { chunk: 'p' }])
    expect(await client.next()).toEqual({ ack: 'p' })
    expect(intake.texts).toEqual(['7', '[1795183402]', '{"@timestamp":"2026-11-20T14:03:22.000Z","n":1}', '{"n":2}'])
  })
})

function mapOf(record: ReadonlyMap<unknown, unknown>): Buffer {
  const codec = new ExtensionCodec()
  const parts = [...record].flatMap(([key, value]) => [
    encode(key),
    encode(value, { extensionCodec: codec, useBigInt64: true }),
  ])
  return Buffer.concat([Buffer.from([0x80 | record.size]), ...parts])
}

describe('told to wait', () => {
  test('acknowledges nothing until it could be taken, and reads no further', async () => {
    const intake = new Intake()
    const asked: number[] = []
    let isFull = true
    intake.refuse = () => {
      if (!isFull) return undefined
      asked.push(0)
      return new AuditError('busy', 'full', { retryAfterMs: 20 })
    }
    const { address } = await start({}, intake)
    const client = await forwardClient(address)
    client.write(['t', SECONDS, { n: 1 }, { chunk: 'first' }])
    client.write(['t', SECONDS, { n: 2 }, { chunk: 'second' }])
    while (asked.length < 3) await new Promise((resolve) => setImmediate(resolve))
    expect(intake.records).toEqual([])
    isFull = false
    expect([await client.next(), await client.next()]).toEqual([{ ack: 'first' }, { ack: 'second' }])
    expect(intake.records).toHaveLength(2)
  })

  test('ends a connection whose batch fails for another reason, without an acknowledgement', async () => {
    const intake = new Intake()
    let fails = true
    intake.refuse = () => (fails ? new AuditError('io_failed', 'the journal failed') : undefined)
    const { address } = await start({}, intake)
    const client = await forwardClient(address)
    client.write(['t', SECONDS, { n: 1 }, { chunk: 'x' }])
    expect(await client.next()).toBeUndefined()
    fails = false
    const again = await forwardClient(address)
    again.write(['t', SECONDS, { n: 1 }, { chunk: 'x' }])
    expect(await again.next()).toEqual({ ack: 'x' })
  })
})

describe('who may come', () => {
  const digest = (...parts: readonly (string | Uint8Array)[]): string =>
    parts.reduce((hash, part) => hash.update(part), createHash('sha512')).digest('hex')

  async function greet(client: ForwardClient, key: string, user = '', password = ''): Promise<unknown> {
    const [, { nonce, auth }] = (await client.next()) as [string, { nonce: Uint8Array; auth: Uint8Array }]
    const proof = digest('salt', 'sender', nonce, key)
    client.write(['PING', 'sender', 'salt', proof, user, user === '' ? '' : digest(auth, user, password)])
    const pong = (await client.next()) as [string, boolean, string, string, string]
    if (pong[1]) expect(pong[4]).toBe(digest('salt', 'whodid', nonce, key))
    return pong.slice(0, 3)
  }

  test('the right key is let in, a wrong one is told so and turned away', async () => {
    const { address, status, messages } = await start({ sharedKey: { env: KEY }, hostname: 'whodid' })
    const right = await forwardClient(address)
    expect(await greet(right, KEY)).toEqual(['PONG', true, ''])
    right.write(['t', SECONDS, { n: 1 }, { chunk: 'c' }])
    expect(await right.next()).toEqual({ ack: 'c' })

    const wrong = await forwardClient(address)
    expect(await greet(wrong, 'another')).toEqual(['PONG', false, 'shared key'])
    expect(await wrong.next()).toBeUndefined()
    const rude = await forwardClient(address)
    rude.write(['t', SECONDS, { n: 1 }, { chunk: 'c' }])
    await rude.next()
    expect(await rude.next()).toBeUndefined()
    expect(status().refused).toEqual({ 'shared key': 1, protocol: 1 })
    expect(messages.join()).not.toContain(KEY)
  })

  test('users need their password as well', async () => {
    const users = [{ name: 'ada', password: { env: 'lovelace' } }]
    const { address } = await start({ sharedKey: { env: KEY }, hostname: 'whodid', users })
    expect(await greet(await forwardClient(address), KEY, 'ada', 'lovelace')).toEqual(['PONG', true, ''])
    expect(await greet(await forwardClient(address), KEY, 'ada', 'byron')).toEqual(['PONG', false, 'user'])
    expect(await greet(await forwardClient(address), KEY, 'bob', 'lovelace')).toEqual(['PONG', false, 'user'])
    expect(await greet(await forwardClient(address), KEY)).toEqual(['PONG', false, 'user'])
  })

  test('over TLS, a certificate that the authority signed is enough, and one that it did not sign is not', async () => {
    const folder = aFolder()
    const [own, theirs, stranger] = [anAuthority(), anAuthority('Clients'), anAuthority('Strangers')]
    const tls = tlsFilesIn(folder, own.issue('server'), theirs)
    const { address, intake, status } = await start({ tls })
    const client = await forwardClient(address, { ca: own.cert, ...theirs.issue('sender') })
    client.write(['t', SECONDS, { n: 1 }, { chunk: 'c' }])
    expect(await client.next()).toEqual({ ack: 'c' })
    expect(intake.records[0]?.origin).toBeUndefined()

    const wrong = await forwardClient(address, { ca: own.cert, ...stranger.issue('sender') })
    expect(await wrong.next()).toBeUndefined()
    const expired = theirs.issue('late', { notBefore: new Date(0), notAfter: new Date(1000) })
    const late = await forwardClient(address, { ca: own.cert, ...expired })
    expect(await late.next()).toBeUndefined()
    expect(status().refused).toEqual({ tls: 2 })
  })

  test('a listener for other machines says how it knows them, and has TLS', async () => {
    const open = { name: 'f', kind: 'fluent-forward', listen: '0.0.0.0:24224' }
    expect(fluentForwardConfig.safeParse(open).error?.issues[0]?.message).toContain('say how senders are known')
    await expect(start({ listen: '0.0.0.0:0', sharedKey: { env: KEY } })).rejects.toThrow('loopback only')
    expect(fluentForwardConfig.safeParse({ ...open, listen: '127.0.0.1:65536' }).success).toBe(false)
  })
})

describe('hostile bytes', () => {
  test('every one ends as a record, as a refusal or as a connection that waits, and the source goes on', async () => {
    const { address, intake } = await start()
    const random = seeded(3)
    const whole = Buffer.from(encode(['app', [[SECONDS, { a: 'b', list: [1, 2, { c: null }] }]], { chunk: 'c' }]))
    for (let n = 0; n < 300; n++) {
      const bytes = Buffer.from(whole)
      for (let flips = 1 + (n % 3); flips > 0; flips--)
        bytes[random.between(0, bytes.length - 1)] = random.between(0, 255)
      const client = await forwardClient(address)
      client.writeBytes(bytes.subarray(0, n % 5 === 0 ? random.between(1, bytes.length) : bytes.length))
      client.end()
      await client.next()
    }
    const before = intake.records.length
    const client = await forwardClient(address)
    client.write(['app', SECONDS, { n: 1 }, { chunk: 'after' }])
    expect(await client.next()).toEqual({ ack: 'after' })
    expect(intake.records).toHaveLength(before + 1)
  })

  test.each<[string, Buffer]>([
    ['a list of four thousand million', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff])],
    ['a text of four gigabytes', Buffer.from([0x92, 0xa1, 0x74, 0xdb, 0xff, 0xff, 0xff, 0xff])],
    ['lists in lists', Buffer.alloc(100_000, 0x91)],
    ['a byte that begins nothing', Buffer.from([0xc1])],
    ['JSON', Buffer.from('["tag", 1795183402, {"n": 1}]\n')],
    ['a bomb', Buffer.from(encode(['t', gzipSync(Buffer.alloc(64 << 20)), { compressed: 'gzip', chunk: 'x' }]))],
    ['an unknown compression', Buffer.from(encode(['t', Buffer.from('x'), { compressed: 'lzma', chunk: 'x' }]))],
    ['half an entry', Buffer.from(encode(['t', Buffer.from([0x92, 0x01]), { chunk: 'x' }]))],
  ])('%s ends the connection at once', async (_, bytes) => {
    const { address, status, intake } = await start()
    const client = await forwardClient(address)
    client.writeBytes(bytes)
    expect(await client.next()).toBeUndefined()
    expect(status().refused).toEqual({ protocol: 1 })
    expect(intake.records).toEqual([])
  })

  test('a large message in small pieces costs one pass', async () => {
    const { address, intake } = await start()
    const entries = Array.from({ length: 60_000 }, (_, n) => [SECONDS, { n, filler: 'x'.repeat(80) }])
    const bytes = Buffer.from(encode(['t', entries, { chunk: 'large' }]))
    const client = await forwardClient(address)
    const began = performance.now()
    for (let at = 0; at < bytes.length; at += 1000) client.writeBytes(bytes.subarray(at, at + 1000))
    expect(await client.next()).toEqual({ ack: 'large' })
    expect(intake.records).toHaveLength(60_000)
    expect(performance.now() - began).toBeLessThan(20_000)
  })

  test('no more connections than allowed are open at a time', async () => {
    const { address, status } = await start({ limits: { connections: 2 } })
    await forwardClient(address)
    await forwardClient(address)
    const third = await forwardClient(address)
    expect(await third.next()).toBeUndefined()
    expect(status()).toMatchObject({ connections: 2, refused: { connections: 1 } })
  })
})
