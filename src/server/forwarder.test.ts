import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { aFolder, aServer, until } from '../../test/a-server.ts'
import { anAuthority, tlsFilesIn } from '../../test/certificates.ts'
import { loadConfig } from './config.ts'
import { type Forwarder, startForwarder } from './forwarder.ts'
import { startServer } from './server.ts'

const TOKEN = '0123456789abcdef-of-the-bastion'

/** A folder with a token, a log file, and the configuration of a forwarder. */
function aHost(lines: readonly string[]) {
  const folder = aFolder()
  const at = (name: string): string => join(folder, name)
  mkdirSync(at('logs'))
  writeFileSync(at('token'), `${TOKEN}\n`)
  writeFileSync(at('whodid.yaml'), lines.join('\n'))
  const said: string[] = []
  return {
    at,
    said,
    config: () => loadConfig({ file: at('whodid.yaml'), data: at('data'), listen: '127.0.0.1:0' }),
    async start(): Promise<Forwarder> {
      const config = loadConfig({ file: at('whodid.yaml'), data: at('data'), listen: '127.0.0.1:0' })
      const forwarder = await startForwarder({ config, log: (line) => said.push(line) })
      onTestFinished(() => forwarder.close())
      return forwarder
    },
    journalHas(text: string): boolean {
      const names = readdirSync(at('data/forward'))
      return names.some((name) => readFileSync(at(join('data/forward', name))).includes(text))
    },
    write(...texts: readonly string[]): void {
      appendFileSync(at('logs/app.log'), texts.map((text) => `${text}\n`).join(''))
    },
  }
}

const event = (name: string): string =>
  JSON.stringify({ '@timestamp': '2026-11-24T10:00:00Z', event: { action: 'read' }, user: { name } })

const FILE = 'sources: [{ name: app, kind: file, paths: [logs/*.log], format: ecs }]'
const forwardTo = (url: string, more = ''): string =>
  `forward: { to: "${url}/in/bastion", token: { file: token }, host: web-1${more} }`

function aWriter(token: string, more: Parameters<typeof aServer>[0] = {}) {
  const source = { name: 'bastion', kind: 'forward', token: { file: token }, streams: { app: 'apps' } } as const
  return aServer({ ...more, config: { ...more.config, sources: [source] } })
}

test('what a file grows by is found on the writer, by TLS, with its way, its number and its host\u2019s clock', async () => {
  const authority = anAuthority()
  const tls = tlsFilesIn(aFolder(), authority.issue('audit'))
  const token = join(aFolder(), 'token')
  writeFileSync(token, TOKEN)
  const writer = await aWriter(token, { config: { tls } })
  const host = aHost([forwardTo(writer.server.url, ', ca: ca.crt'), FILE])
  writeFileSync(host.at('ca.crt'), authority.cert)
  host.write(event('ada'), 'no record', event('bob'))
  const forwarder = await host.start()

  const found = await writer.find('source:bastion stream:apps', 2)
  expect(found.map(({ user, whodid }) => [user?.name, whodid?.way])).toEqual(
    expect.arrayContaining([
      ['ada', 'web-1/app'],
      ['bob', 'web-1/app'],
    ]),
  )
  await forwarder.close()
  await writer.server.close()
  const again = await aWriter(token, { data: writer.data })
  const [beat] = await again.find('source:_log stream:apps action:heartbeat', 1)
  expect(beat).toMatchObject({
    ledger: {
      sources: { bastion: 2 },
      numbers: { bastion: { [forwarder.epoch]: 3 } },
      clocks: { bastion: expect.any(Number) },
    },
  })
})

test('records are kept while there is no writer, and reach it when it comes, also over a restart', async () => {
  const token = join(aFolder(), 'token')
  writeFileSync(token, TOKEN)
  const first = await aWriter(token)
  const { url } = first.server
  await first.server.close()
  const host = aHost([forwardTo(url), FILE])
  host.write(event('ada'))
  const before = await host.start()
  await until(async () => host.journalHas('ada') && host.said.some((line) => line.includes('cannot reach')))
  await before.close()
  host.write(event('bob'))
  const after = await host.start()
  expect(after.epoch).toBe(before.epoch)

  const writer = await aWriter(token, { data: first.data, config: { listen: new URL(url).host } })
  const found = await writer.find('source:bastion', 2)
  expect(new Set(found.map(({ user }) => user?.name))).toEqual(new Set(['ada', 'bob']))
  expect(found).toHaveLength(2)
  expect(host.said.at(-1)).toContain('the writer takes records again')
})

test('what is pushed to a forwarder is answered from its journal, and told to wait when that is full', async () => {
  const token = join(aFolder(), 'token')
  writeFileSync(token, TOKEN)
  const sources = 'sources: [{ name: hook, kind: http, token: { file: token } }]'
  const host = aHost([forwardTo('http://127.0.0.1:9'), sources, 'journal: { maxBytes: 100000 }'])
  const { url = '' } = await host.start()
  const post = (body: string, bearer = TOKEN) => status(`${url}/in/hook`, body, bearer)

  expect(await post(event('ada'), 'another-secret-of-nobody')).toBe(401)
  expect(await post(event('ada'))).toBe(200)
  await until(async () => (await post(event('x'.repeat(50_000)))) === 429)
  expect(await status(`${url}/readyz`, undefined, TOKEN)).toBe(503)
})

test.each([
  ['no forward', [FILE], 'the configuration has no forward'],
  ['no sources', [forwardTo('https://a.example')], 'a forwarder without sources'],
  ['keys of a server', [forwardTo('https://a.example'), FILE, 'install: acme'], 'a forwarder has no install'],
  [
    'a forwarder that feeds it',
    [forwardTo('https://a.example'), 'sources: [{ name: a, kind: forward }]'],
    'takes nothing from forwarders',
  ],
  ['no credential', ['forward: { to: "https://a.example/in/b" }', FILE], 'neither token nor cert'],
  ['half a certificate', ['forward: { to: "https://a.example/in/b", cert: a.crt }', FILE], 'belong together'],
  ['plain HTTP into a network', [forwardTo('http://a.example'), FILE], 'plain http goes to loopback only'],
  ['no receiver\u2019s address', ['forward: { to: "https://a.example/v1/events" }', FILE], 'https://HOST:PORT/in/NAME'],
])('%s is refused in words', async (_, lines, message) => {
  await expect(aHost(lines).start()).rejects.toThrow(message)
})

test('a server is not started with the configuration of a forwarder', async () => {
  const config = aHost([forwardTo('https://a.example'), FILE]).config()
  await expect(startServer({ config, log: () => undefined })).rejects.toThrow('the configuration of a forwarder')
})

test('a second forwarder on one data folder is refused', async () => {
  const host = aHost([forwardTo('http://127.0.0.1:9'), FILE])
  await host.start()
  await expect(host.start()).rejects.toThrow(/belongs to the process \d+/)
})

function status(url: string, body: string | undefined, bearer: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST'
    const sent = request(url, { method, headers: { authorization: `Bearer ${bearer}` } }, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode ?? 0))
    })
    sent.once('error', reject)
    sent.end(body)
  })
}

test('limits that only a server can keep to are refused', async () => {
  for (const limit of ['overflow: shed', 'journalShare: 0.5', 'recordBytes: 1000']) {
    const host = aHost([
      forwardTo('http://127.0.0.1:1'),
      `sources: [{ name: app, kind: file, format: ecs, paths: [logs/app.log], limits: { ${limit} } }]`,
    ])
    await expect(host.start()).rejects.toThrow('are limits of a server')
  }
})
