import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { SourceAnswer } from '../../src/domain/answers.ts'
import { parseSource } from '../../src/sources/kinds.ts'
import { type AServer, aFolder, aServer, until } from '../a-server.ts'
import { anAuthority, tlsFilesIn } from '../certificates.ts'

// rsyslog with omelasticsearch, of the packages rsyslog and rsyslog-elasticsearch (.ci/run installs them).
const MODULES = '/usr/lib'

const PASSWORD = 'a-password-of-shippers'
const authority = anAuthority()

function omelasticsearch(): void {
  const found = readdirSync(MODULES).some((each) => existsSync(join(MODULES, each, 'rsyslog', 'omelasticsearch.so')))
  if (!found) throw new Error('rsyslog-elasticsearch is not installed: apt-get install rsyslog rsyslog-elasticsearch')
}

/** An rsyslog that follows a file and sends its lines, which are documents, in bulk; without root, with its own files. */
function startRsyslog(folder: string, url: string, password: string) {
  mkdirSync(join(folder, 'work'), { recursive: true })
  const input = join(folder, 'input.log')
  if (!existsSync(input)) writeFileSync(input, '')
  const ca = join(folder, 'ca.crt')
  writeFileSync(ca, authority.cert)
  const config = join(folder, 'rsyslog.conf')
  writeFileSync(
    config,
    `global(workDirectory="${folder}/work")
module(load="imfile" mode="polling" pollingInterval="1")
module(load="omelasticsearch")
template(name="document" type="string" string="%msg%")
input(type="imfile" file="${input}" tag="shop" addMetadata="off" freshStartTail="off")
action(type="omelasticsearch" server="${url}" usehttps="on" tls.cacert="${ca}" uid="shipper" pwd="${password}"
  searchIndex="shop" searchType="" bulkmode="on" template="document" errorFile="${folder}/errors"
  action.resumeRetryCount="-1" action.resumeInterval="1" action.resumeIntervalMax="1"
  queue.type="linkedList" queue.dequeueBatchSize="100")
`,
  )
  const args = ['-n', '-f', config, '-i', join(folder, 'rsyslog.pid')]
  const child = spawn('/usr/sbin/rsyslogd', args, { stdio: 'ignore' })
  const gone = new Promise<void>((resolve) => void child.once('exit', () => resolve()))
  const stop = (): Promise<void> => {
    child.kill('SIGTERM')
    return gone
  }
  onTestFinished(stop)
  return {
    write(user: string, outcome: 'failure' | 'success', id: string) {
      const event = { event: { id, action: 'log-in', outcome }, user: { name: user } }
      appendFileSync(input, `${JSON.stringify(event)}\n`)
    },
    writeBroken: () => appendFileSync(input, '{"event":{"outcome":"success"}}\n'),
    stop,
  }
}

function shippers(folder: string) {
  const password = join(folder, 'password')
  writeFileSync(password, PASSWORD)
  const indices = [{ match: 'sh*', format: 'ecs' }]
  const source = { name: 'shippers', kind: 'bulk', token: { file: password }, indices }
  return { tls: tlsFilesIn(folder, authority.issue('server')), sources: [parseSource(source)] }
}

async function seen(server: AServer): Promise<SourceAnswer> {
  return (await server.call('GET', '/v1/sources/shippers')).json<SourceAnswer>()
}

test('what rsyslog ships over https in bulk is found, who was refused as well, and nothing is lost or twice over a restart', async () => {
  omelasticsearch()
  const folder = aFolder()
  const data = join(folder, '.whodid')
  const config = shippers(folder)
  const first = await aServer({ data, config })
  const { port } = new URL(first.server.url)
  const rsyslog = startRsyslog(aFolder(), `https://localhost:${port}/in/shippers`, PASSWORD)
  rsyslog.write('ada', 'success', 'one')
  rsyslog.write('eve', 'failure', 'two')
  rsyslog.writeBroken()
  expect(await first.find('source:shippers actor:ada outcome:success', 1)).toMatchObject([
    { event: { action: 'log-in' } },
  ])
  expect(await first.find('source:shippers actor:eve outcome:failure', 1)).toHaveLength(1)
  await until(async () => (await seen(first)).accounting.received >= 3)
  expect((await seen(first)).accounting).toMatchObject({ kept: 2, rejected: { missing_field: 1 } })
  await first.server.close()

  for (let n = 0; n < 500; n++) rsyslog.write('bob', 'success', `more-${n}`)
  const second = await aServer({ data, config: { ...config, listen: `127.0.0.1:${port}` } })
  const events = await second.find('source:shippers actor:bob', 500)
  expect(new Set(events.map(({ event }) => event.id)).size).toBe(500)
  await rsyslog.stop()
  expect((await seen(second)).accounting).toMatchObject({ kept: 502 })
})

test('a shipper with a wrong password stores nothing, and that is on record', async () => {
  omelasticsearch()
  const folder = aFolder()
  const whodid = await aServer({ data: join(folder, '.whodid'), config: shippers(folder) })
  const { port } = new URL(whodid.server.url)
  const rsyslog = startRsyslog(aFolder(), `https://localhost:${port}/in/shippers`, 'another-password')
  rsyslog.write('ada', 'success', 'one')
  const refusals = await whodid.find('stream:whodid action:write outcome:failure', 1)
  expect(refusals[0]).toMatchObject({ user: { kind: 'anonymous' } })
  expect((await seen(whodid)).accounting).toMatchObject({ received: 0 })
})
