import { writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCli } from '../../src/cli/cli.ts'
import type { Config } from '../../src/server/config.ts'
import { parseSource } from '../../src/sources/kinds.ts'
import { aFolder, aServer } from '../a-server.ts'
import { anAuthority, type Certified, tlsFilesIn } from '../certificates.ts'

const authority = anAuthority()
const RECORD = JSON.stringify({ event: { action: 'sent', outcome: 'success' }, user: { name: 'ada' } })

interface Asked {
  readonly method?: string
  readonly path: string
  readonly body?: string
  readonly headers?: Record<string, string>
  readonly client?: Certified
}

interface Said {
  readonly status: number
  readonly text: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** Asks a server whose certificate the authority signed. */
function ask(url: string, { method = 'GET', path, body, headers = {}, client }: Asked): Promise<Said> {
  const { promise, resolve, reject } = Promise.withResolvers<Said>()
  const options = { method, headers, ca: authority.cert, agent: false, ...client } as const
  const sent = request(new URL(path, url), options, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    response.on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }))
  })
  sent.on('error', reject)
  sent.end(body)
  return promise
}

function listening(more: Partial<Config> = {}, clients = authority): Partial<Config> {
  return { tls: tlsFilesIn(aFolder(), authority.issue('server'), clients), ...more }
}

test('over https a browser signs in with a cookie that only https sends', async () => {
  const { server } = await aServer({ config: listening() })
  expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:/)
  const secret = server.adminLink().split('#admin=')[1]
  const headers = { origin: server.url, 'content-type': 'application/json' }
  const signedIn = await ask(server.url, {
    method: 'POST',
    path: '/v1/session',
    body: JSON.stringify({ secret }),
    headers,
  })
  expect(signedIn.status).toBe(200)
  const cookie = String(signedIn.headers['set-cookie'])
  expect(cookie).toMatch(/^__Host-whodid=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43\d{3}; Secure$/)
  const me = await ask(server.url, { path: '/v1/me', headers: { cookie: cookie.split(';', 1)[0] ?? '' } })
  expect(me.status).toBe(200)
})

test('with a certificate it listens on every network, without one on loopback only', async () => {
  const { server } = await aServer({ config: listening({ listen: '0.0.0.0:0' }) })
  const { port } = new URL(server.url)
  expect((await ask(`https://localhost:${port}`, { path: '/healthz' })).status).toBe(200)
  await expect(aServer({ config: { listen: '0.0.0.0:0' } })).rejects.toThrow(/loopback only/)
})

test('a right client certificate is its source, and a wrong, an expired, another one or none is nobody', async () => {
  const sources = [
    parseSource({ name: 'prod-1', kind: 'http', clientCertificate: { subject: 'CN=prod-1' } }),
    parseSource({ name: 'prod-2', kind: 'http', clientCertificate: { subject: 'CN=prod-2' } }),
  ]
  const whodid = await aServer({ config: listening({ sources }) })
  const send = async (path: string, client?: Certified): Promise<number> => {
    const more = client === undefined ? {} : { client }
    return (await ask(whodid.server.url, { method: 'POST', path, body: RECORD, ...more })).status
  }
  const right = authority.issue('prod-1')

  expect(await send('/in/prod-1', right)).toBe(200)
  expect(await send('/in/prod-2', right)).toBe(401)
  expect(await send('/in/prod-1')).toBe(401)
  expect(await send('/in/prod-1', anAuthority('Test CA').issue('prod-1'))).toBe(401)
  expect(await send('/in/prod-1', authority.issue('prod-1', { notAfter: new Date(Date.now() - 1000) }))).toBe(401)
  // It is a credential of that source, and of nothing else.
  expect(await send('/v1/events', right)).toBe(401)

  expect(await whodid.find('source:prod-1', 1)).toMatchObject([{ user: { name: 'ada' } }])
  const refusals = await whodid.find('stream:whodid outcome:failure action:write', 1)
  expect(refusals.map(({ user }) => user?.kind)).toContain('anonymous')
})

test('a source that wants a certificate which nobody is asked for is refused at the start', async () => {
  const sources = [parseSource({ name: 'prod-1', kind: 'http', clientCertificate: { subject: 'CN=prod-1' } })]
  await expect(aServer({ config: { sources } })).rejects.toThrow(/prod-1 wants a certificate/)
  const paths = ['/nowhere']
  const file = parseSource({
    name: 'logs',
    kind: 'file',
    format: 'ecs',
    paths,
    clientCertificate: { subject: 'CN=logs' },
  })
  await expect(aServer({ config: listening({ sources: [file] }) })).rejects.toThrow(/logs of kind file/)
})

test('the command line trusts who it is told to, and says what is wrong otherwise', async () => {
  const whodid = await aServer({ config: listening() })
  const token = (
    await whodid.call('POST', '/v1/tokens', '{"scope":"read"}', { 'content-type': 'application/json' })
  ).json<{
    token: string
  }>().token
  const ca = join(aFolder(), 'ca.crt')
  writeFileSync(ca, authority.cert)
  const run = async (...args: readonly string[]): Promise<{ code: number; err: string }> => {
    let err = ''
    const code = await runCli(['search', '', '--url', whodid.server.url, ...args], {
      out: () => true,
      err: (piece) => void (err += piece),
      drained: () => Promise.resolve(),
      isTerminal: false,
      isErrTerminal: false,
      columns: 80,
      env: { WHODID_TOKEN: token },
      signal: new AbortController().signal,
    })
    return { code, err }
  }
  const refused = await run()
  expect(refused.code).toBe(1)
  expect(refused.err).toContain('is not trusted')
  expect(refused.err).toContain('--ca FILE')
  expect(await run('--ca', ca)).toMatchObject({ code: 0 })
})

test('a source that sends more than its limits allow is told to wait, and others are not', async () => {
  const token = join(aFolder(), 'token')
  writeFileSync(token, 'sixteen-letters-or-more')
  const sources = [
    parseSource({ name: 'noisy', kind: 'http', token: { file: token }, limits: { recordsPerSecond: 1 } }),
    parseSource({ name: 'quiet', kind: 'http', token: { file: token } }),
  ]
  const { server } = await aServer({ config: listening({ sources }) })
  const headers = { authorization: 'Bearer sixteen-letters-or-more' }
  const send = (name: string, body: string): Promise<Said> =>
    ask(server.url, { method: 'POST', path: `/in/${name}`, body, headers })
  expect((await send('noisy', `[${Array.from({ length: 50 }, () => RECORD).join()}]`)).status).toBe(200)
  const refused = await send('noisy', RECORD)
  expect(refused.status).toBe(429)
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(40)
  expect(refused.text).toContain('more than 1 records a second')
  expect((await send('quiet', RECORD)).status).toBe(200)
})
