import { writeFileSync } from 'node:fs'
import { connect, type IncomingHttpHeaders } from 'node:http2'
import { join } from 'node:path'
import { Client, credentials, Metadata, status } from '@grpc/grpc-js'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { SourceAnswer } from '../../src/domain/answers.ts'
import { parseSource } from '../../src/sources/kinds.ts'
import { type AServer, aFolder, aServer, until } from '../a-server.ts'
import { anAuthority, tlsFilesIn } from '../certificates.ts'
import { type FarSender, insist, receiverContract } from '../contract/receiver.ts'
import { type ForwardClient, forwardClient } from '../forward-client.ts'
import { attribute, decoded, logs, protobufOf } from '../otlp-logs.ts'

const TOKEN = 'a-token-of-the-far-side'

function secretIn(folder: string): { readonly file: string } {
  const file = join(folder, 'token')
  writeFileSync(file, TOKEN)
  return { file }
}

let number = 0

/** Records that no other test sends; each says a time. */
function someLogs(count: number): object {
  return logs(Array.from({ length: count }, () => ({ body: `record ${++number}`, eventName: 'act' })))
}

const BAD = logs([{ attributes: [attribute('whodid.stream', 'whodid')] }])

describe.each([
  ['application/x-protobuf', protobufOf],
  ['application/json', (request: unknown) => Buffer.from(JSON.stringify(request))],
] as const)('otlp as %s', (type, encoded) => {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': type }

  receiverContract({
    config: (folder) => ({ name: 'otel', kind: 'otlp', token: secretIn(folder) }),
    farSide: (server) => poster(server),
    role: 'receiver',
    listens: /^\/in\/otel$/,
    badReason: 'claims_whodid',
  })

  function poster(server: AServer): FarSender {
    const post = (request: object) => insist(() => server.call('POST', '/in/otel/v1/logs', encoded(request), headers))
    let last: object = {}
    return { send: (count) => post((last = someLogs(count))), sendBad: () => post(BAD), again: () => post(last) }
  }
})

describe('OTLP over HTTP', () => {
  async function started() {
    const folder = aFolder()
    const source = parseSource({ name: 'otel', kind: 'otlp', token: secretIn(folder), options: { body: 'ecs' } })
    return aServer({ data: `${folder}/.whodid`, config: { sources: [source] } })
  }
  const bearer = { authorization: `Bearer ${TOKEN}` }
  const ecs = (action: string): object => ({ body: JSON.stringify({ event: { action } }) })

  test('says in its own words what was rejected, and what is no request', async () => {
    const server = await started()
    const call = (body: string | Uint8Array, type: string) =>
      server.call('POST', '/in/otel', body, { ...bearer, 'content-type': type })
    const mixed = logs([ecs('a'), { body: 'no JSON' }, ecs('b')])

    const binary = await call(protobufOf(mixed), 'application/x-protobuf')
    expect([binary.status, binary.headers['content-type']]).toEqual([200, 'application/x-protobuf'])
    const errorMessage = 'log record 1: not_json: the record is not JSON: it cannot be read'
    expect(decoded('Response', binary.bytes)).toEqual({ partialSuccess: { rejectedLogRecords: '1', errorMessage } })
    const json = await call(JSON.stringify(mixed), 'application/json; charset=utf-8')
    expect(json.json()).toEqual({ partialSuccess: { rejectedLogRecords: '1', errorMessage } })
    expect((await call(JSON.stringify(logs([ecs('c')])), 'application/json')).text).toBe('{}')
    expect((await call(protobufOf(logs([ecs('d')])), 'application/x-protobuf')).bytes).toHaveLength(0)

    const broken = await call(Buffer.from([0x0a, 0x7f]), 'application/x-protobuf')
    expect(broken.status).toBe(400)
    expect(decoded('Status', broken.bytes)).toMatchObject({ code: 3 })
    expect((await call('{"resourceLogs":[{]', 'application/json')).json()).toMatchObject({ code: 3 })
    expect((await call('x', 'text/plain')).status).toBe(415)
    expect((await server.call('GET', '/in/otel', undefined, bearer)).status).toBe(405)
  })

  test('is taken at /v1/logs for the source of the token, with its options', async () => {
    const server = await started()
    const tokenFor = async (source?: string): Promise<string> => {
      const body = JSON.stringify({ scope: 'ingest', ...(source !== undefined && { source }) })
      const made = await server.call('POST', '/v1/tokens', body, { 'content-type': 'application/json' })
      return made.json<{ token: string }>().token
    }
    const post = async (request: object, token: string) =>
      server.call('POST', '/v1/logs', JSON.stringify(request), {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
      })
    expect((await post(logs([ecs('configured')]), await tokenFor('otel'))).status).toBe(200)
    expect((await post(logs([{ eventName: 'named-by-token' }]), await tokenFor('shop'))).status).toBe(200)
    expect((await post(logs([{ eventName: 'nameless' }]), await tokenFor())).status).toBe(200)
    expect((await post(logs([{}]), 'wd_wrong')).status).toBe(401)

    expect((await server.find('action:configured', 1))[0]?.whodid).toMatchObject({ source: 'otel' })
    expect((await server.find('action:named-by-token', 1))[0]?.whodid).toMatchObject({ source: 'shop' })
    expect((await server.find('action:nameless', 1))[0]?.whodid).toMatchObject({ source: 'api' })
  })
})

describe('otlp-grpc', () => {
  receiverContract({
    config: (folder) => ({ name: 'otel', kind: 'otlp-grpc', listen: '127.0.0.1:0', token: secretIn(folder) }),
    farSide: async (server) => {
      const exporter = await grpcClient(await listensAt(server, 'otel'))
      const send = (request: object) =>
        until(async () => {
          const { code } = await exporter(protobufOf(request))
          return code === status.OK
        })
      let last: object = {}
      return { send: (count) => send((last = someLogs(count))), sendBad: () => send(BAD), again: () => send(last) }
    },
    role: 'follower',
    listens: /^127\.0\.0\.1:\d+$/,
    badReason: 'claims_whodid',
  })

  test('says what was rejected, who is not known, and what is no request', async () => {
    const folder = aFolder()
    const source = parseSource({ name: 'otel', kind: 'otlp-grpc', listen: '127.0.0.1:0', token: secretIn(folder) })
    const server = await aServer({ data: `${folder}/.whodid`, config: { sources: [source] } })
    const address = await listensAt(server, 'otel')
    const exporter = await grpcClient(address)
    const { message } = await exporter(protobufOf(BAD))
    expect(decoded('Response', message ?? Buffer.alloc(0))).toMatchObject({
      partialSuccess: { rejectedLogRecords: '1', errorMessage: expect.stringContaining('claims_whodid') as string },
    })
    expect((await exporter(Buffer.from([0x0a, 0x7f]))).code).toBe(status.INVALID_ARGUMENT)
    expect((await exporter(Buffer.alloc(33 << 20))).code).toBe(status.RESOURCE_EXHAUSTED)
    const stranger = await grpcClient(address, 'another-token-altogether')
    expect((await stranger(protobufOf(someLogs(1)))).code).toBe(status.UNAUTHENTICATED)
  })

  test('who is not known is told so before the request is read, and no more is read than there is room for', async () => {
    const folder = aFolder()
    const source = parseSource({ name: 'otel', kind: 'otlp-grpc', listen: '127.0.0.1:0', token: secretIn(folder) })
    const server = await aServer({ data: `${folder}/.whodid`, config: { sources: [source] } })
    const address = await listensAt(server, 'otel')
    const begin = http2Client(address)
    expect(await begin('another-token-altogether').status).toBe(status.UNAUTHENTICATED)

    const half = Array.from({ length: 20 }, () => begin(TOKEN))
    const more = http2Client(address)
    const others = Array.from({ length: 20 }, () => more(TOKEN))
    const early = await Promise.all(others.slice(-8).map((each) => each.status))
    expect(early).toEqual(Array.from({ length: 8 }, () => status.RESOURCE_EXHAUSTED))

    for (const each of [...half, ...others]) each.breakOff()
    const exporter = await grpcClient(address)
    await until(async () => (await exporter(protobufOf(someLogs(1)))).code === status.OK)
  })

  test('over TLS, a right certificate is let in; none, a wrong one and an expired one are not', async () => {
    const folder = aFolder()
    const [own, theirs, stranger] = [anAuthority(), anAuthority('Clients'), anAuthority('Strangers')]
    const tls = tlsFilesIn(folder, own.issue('server'), theirs)
    const source = parseSource({ name: 'otel', kind: 'otlp-grpc', listen: '127.0.0.1:0', tls })
    const server = await aServer({ data: `${folder}/.whodid`, config: { sources: [source] } })
    const address = await listensAt(server, 'otel')
    const over = async ({ cert, key }: { cert?: string; key?: string }): Promise<status> => {
      const pem = (text: string | undefined): Buffer | null => (text === undefined ? null : Buffer.from(text))
      const secure = credentials.createSsl(Buffer.from(own.cert), pem(key), pem(cert))
      return (await (await grpcClient(address, TOKEN, secure))(protobufOf(someLogs(1)))).code
    }
    expect(await over(theirs.issue('sender'))).toBe(status.OK)
    expect(await over({})).toBe(status.UNAVAILABLE)
    expect(await over(stranger.issue('sender'))).toBe(status.UNAVAILABLE)
    const expired = theirs.issue('late', { notBefore: new Date(0), notAfter: new Date(1000) })
    expect(await over(expired)).toBe(status.UNAVAILABLE)
  })
})

describe('fluent-forward', () => {
  receiverContract({
    config: () => ({ name: 'fluent', kind: 'fluent-forward', listen: '127.0.0.1:0', format: 'ecs' }),
    farSide: async (server) => {
      let client: ForwardClient | undefined
      let last: unknown[] = []
      const send = async (entries: readonly unknown[]): Promise<void> => {
        last = ['app', entries, { chunk: `chunk-${++number}` }]
        await repeat()
      }
      const repeat = async (): Promise<void> => {
        client ??= await forwardClient(await listensAt(server, 'fluent'))
        client.write(last)
        expect(await client.next()).toEqual({ ack: (last[2] as { chunk: string }).chunk })
      }
      const entry = (n: number): unknown => [
        1795183402 + n,
        { event: { action: 'act' }, message: `record ${++number}` },
      ]
      return {
        send: (count) => send(Array.from({ length: count }, (_, n) => entry(n))),
        sendBad: () => send([7]),
        again: repeat,
      }
    },
    role: 'follower',
    listens: /^127\.0\.0\.1:\d+$/,
    badReason: 'wrong_type',
  })
})

async function listensAt(server: AServer, name: string): Promise<string> {
  return until(async () => (await server.call('GET', `/v1/sources/${name}`)).json<SourceAnswer>().listens)
}

type Exporter = (request: Buffer) => Promise<{ readonly code: status; readonly message?: Buffer }>

/** Begins calls whose requests never end. */
function http2Client(address: string) {
  const session = connect(`http://${address}`)
  onTestFinished(() => session.destroy())
  return (token: string) => {
    const path = '/opentelemetry.proto.collector.logs.v1.LogsService/Export'
    const type = 'application/grpc+proto'
    const headers = { ':path': path, ':method': 'POST', te: 'trailers', 'content-type': type }
    const stream = session.request({ ...headers, authorization: `Bearer ${token}` })
    stream.on('error', () => undefined)
    stream.write(Buffer.from([0, 1, 0, 0, 0, 7]))
    const said = new Promise<number>((resolve) => {
      const look = (found: IncomingHttpHeaders): void => {
        const code = found['grpc-status']
        if (code !== undefined) resolve(Number(code))
      }
      stream.on('response', look)
      stream.on('trailers', look)
    })
    return { status: said, breakOff: () => stream.close() }
  }
}

async function grpcClient(address: string, token = TOKEN, how = credentials.createInsecure()): Promise<Exporter> {
  // Node takes no address as the name of a TLS server.
  const client = new Client(address, how, { 'grpc.ssl_target_name_override': 'localhost' })
  onTestFinished(() => client.close())
  const same = (bytes: Buffer): Buffer => bytes
  return (request) =>
    new Promise((resolve) => {
      const metadata = new Metadata()
      metadata.set('authorization', `Bearer ${token}`)
      const path = '/opentelemetry.proto.collector.logs.v1.LogsService/Export'
      client.makeUnaryRequest(path, same, same, request, metadata, (error, message) => {
        resolve(error === null ? { code: status.OK, ...(message && { message }) } : { code: error.code })
      })
    })
}
