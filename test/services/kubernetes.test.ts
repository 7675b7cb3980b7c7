import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EventPage, RelatedAnswer, SourceAnswer } from '../../src/domain/answers.ts'
import type { AuditEvent } from '../../src/domain/event.ts'
import { readRun } from '../../src/state/run-file.ts'
import type { ServerProcess } from '../server-process.ts'
import { startServerProcess } from '../server-process.ts'
import type { Cluster } from './kube-cluster.ts'
import { ADMIN, CAROL, freePort, startCluster, until } from './kube-cluster.ts'

const TOKEN = 'a-token-of-prod-1-0123456789'
const SHOP = '/api/v1/namespaces/shop'
const DB = `${SHOP}/secrets/db`
const PASSWORD = 'hunter2-correct-horse'
const SEEN_MS = 60_000

let folder: string
let listen: string
let server: ServerProcess
let cluster: Cluster

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'whodid-kube-'))
  mkdirSync(join(folder, 'kube'))
  makeCertificate()
  listen = `127.0.0.1:${await freePort()}`
  writeFileSync(
    join(folder, 'whodid.yaml'),
    `tls: { cert: tls.crt, key: tls.key }
sources:
  - { name: prod-1, kind: kubernetes-webhook, token: { env: PROD_1_TOKEN }, cluster: prod-1 }
  - { name: prod-1-file, kind: file, paths: ['kube/audit*.log'], format: kubernetes-audit, feeds: prod-1 }
`,
  )
  server = await startWhodid()
  // What stands behind the question mark is dropped by the API server: which cluster it is, the path and the token say.
  const webhook = { url: `https://${listen}/in/prod-1?cluster=other`, ca: join(folder, 'tls.crt'), token: TOKEN }
  cluster = await startCluster({ folder: join(folder, 'kube'), webhook })
})

afterAll(async () => {
  await cluster?.stop()
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('what two people did by webhook and by file is stored once, and found as it was', async () => {
  expect(await asAdmin('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })).toBe(201)
  const secret = { metadata: { name: 'db' }, stringData: { password: PASSWORD } }
  expect(await asAdmin('POST', `${SHOP}/secrets`, secret)).toBe(201)
  const pod = { metadata: { name: 'web' }, spec: { containers: [{ name: 'c', image: 'nginx' }] } }
  expect(await asAdmin('POST', `${SHOP}/pods`, pod)).toBe(201)
  expect(await asAdmin('POST', `${SHOP}/pods/web/exec?command=cat&command=%2Fetc%2Fpasswd&container=c&stdout=1`)).toBe(
    400,
  )
  expect(await cluster.ask(CAROL, 'GET', DB)).toBe(403)
  expect(await cluster.ask('wrong-token', 'GET', DB)).toBe(401)
  const asDave = {
    'impersonate-user': 'dave',
    'impersonate-group': 'developers',
    'impersonate-extra-reason': 'ticket-7',
  }
  expect(await cluster.ask(ADMIN, 'GET', `${SHOP}/pods`, undefined, asDave)).toBe(403)
  expect(await cluster.ask(CAROL, 'GET', `${SHOP}/pods`, undefined, { 'impersonate-user': 'admin' })).toBe(403)

  await everythingOnce()

  const [created, ...more] = await find(
    'actor:admin action:create resource:db resource.type:secret stage:ResponseComplete',
  )
  expect(more).toEqual([])
  expect(created).toMatchObject({
    event: { outcome: 'success', type: ['creation'], category: ['api', 'configuration'] },
    user: { kind: 'person', name: 'admin', id: 'uid-admin' },
    audit: {
      resource: [{ type: 'secret', name: 'db', namespace: 'shop' }],
      authz: { decision: 'allow', permission: 'create secrets' },
      // The API server moves stringData into data before it says what was asked.
      request: { kind: 'Secret', data: { password: '[masked]' } },
    },
    orchestrator: { cluster: { name: 'prod-1' } },
    whodid: { source: 'prod-1', stream: 'kubernetes' },
  })
  const refused = await find('actor:carol resource:db stage:ResponseComplete')
  expect(refused).toHaveLength(1)
  expect(refused[0]).toMatchObject({
    event: { action: 'get', outcome: 'failure', type: ['access', 'denied'], reason: 'Forbidden' },
    user: { name: 'carol', id: 'uid-carol', group: { name: ['developers', 'system:authenticated'] } },
    audit: { authz: { decision: 'deny', permission: 'get secrets' } },
    message: expect.stringContaining('cannot get resource "secrets"'),
  })
  const nobody = await find('category:authentication type:denied resource:db')
  expect(nobody).toHaveLength(1)
  expect(nobody[0]).toMatchObject({
    event: { outcome: 'failure', reason: 'Unauthorized' },
    user: { kind: 'anonymous' },
    kubernetes: { audit: { stage: 'ResponseStarted' } },
  })
  const run = await find('action:exec stage:ResponseComplete')
  expect(run).toHaveLength(1)
  expect(run[0]).toMatchObject({ process: { args: ['cat', '/etc/passwd'] }, container: { name: 'c' } })
  const asOther = await find('as:dave stage:ResponseComplete')
  expect(asOther).toHaveLength(1)
  expect(asOther[0]).toMatchObject({ user: { name: 'admin' }, audit: { reason: 'ticket-7' } })
  const wanted = await find('actor:carol permission:impersonate* decision:deny stage:ResponseComplete')
  expect(wanted).toHaveLength(1)
})

test('passwords and tokens that went through the API server are nowhere in what is kept', async () => {
  const encoded = Buffer.from(PASSWORD).toString('base64')
  const merge = { 'content-type': 'application/merge-patch+json' }
  expect(await cluster.ask(ADMIN, 'PATCH', DB, { data: { password: encoded } }, merge)).toBe(200)
  const operations = [{ op: 'replace', path: '/data/password', value: encoded }]
  expect(await cluster.ask(ADMIN, 'PATCH', DB, operations, { 'content-type': 'application/json-patch+json' })).toBe(200)
  const applied = JSON.stringify({ kind: 'Secret', data: { password: encoded } })
  const metadata = { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': applied } }
  expect(await cluster.ask(ADMIN, 'PATCH', DB, { metadata }, merge)).toBe(200)
  expect(await asAdmin('GET', `${SHOP}/secrets`)).toBe(200)
  expect(await asAdmin('POST', `${SHOP}/serviceaccounts`, { metadata: { name: 'deployer' } })).toBe(201)
  expect(await asAdmin('POST', `${SHOP}/serviceaccounts/deployer/token`, { spec: {} })).toBe(201)
  const review = { spec: { token: 'eyJhbGciOiJub25lIn0.e30.' } }
  expect(await asAdmin('POST', '/apis/authentication.k8s.io/v1/tokenreviews', review)).toBe(201)

  await everythingOnce()

  expect(await find('resource:db action:patch stage:ResponseComplete whodid.masked.rule:*')).toHaveLength(3)
  const [made] = await find('action:token stage:ResponseComplete')
  expect(made?.audit?.response).toMatchObject({ kind: 'TokenRequest', status: { token: '[masked]' } })
  for (const event of await find('source:prod-1')) {
    const text = JSON.stringify(event)
    for (const secret of [PASSWORD, encoded, 'eyJhbGciOi']) expect(text).not.toContain(secret)
  }
})

test('the stages of a request are found together', async () => {
  const [exec] = await find('action:exec stage:ResponseComplete')
  const related = await overSocket<RelatedAnswer>(`/v1/events/${exec?.event.id}/related`)
  expect(related.events.map((each) => each['kubernetes'])).toMatchObject([
    { audit: { stage: 'RequestReceived' } },
    { audit: { stage: 'ResponseStarted' } },
    { audit: { stage: 'ResponseComplete' } },
  ])
  expect(related.complete).toBe(true)
})

test('whodid stops in the middle for longer than the webhook waits, and the file closes the gap', async () => {
  await server.stop()
  const before = await cluster.metric('apiserver_audit_error_total', 'plugin="webhook"')
  for (let n = 0; n < 50; n++) expect(await asAdmin('POST', `${SHOP}/configmaps`, configMap(`gap-${n}`))).toBe(201)
  expect(await cluster.ask(CAROL, 'DELETE', `${SHOP}/configmaps/gap-7`)).toBe(403)
  await until(SEEN_MS, async () => (await cluster.metric('apiserver_audit_error_total', 'plugin="webhook"')) > before)

  server = await startWhodid()
  for (let n = 0; n < 20; n++) expect(await asAdmin('POST', `${SHOP}/configmaps`, configMap(`after-${n}`))).toBe(201)

  await everythingOnce()
  expect(await find('action:create resource:gap-* outcome:success')).toHaveLength(50)
  expect(await find('actor:carol action:delete resource:gap-7 decision:deny stage:ResponseComplete')).toHaveLength(1)
  expect(await find('action:create resource:after-* outcome:success')).toHaveLength(20)
})

test('whodid is killed while batches come, and they come again', async () => {
  const working = Array.from({ length: 60 }, (_, n) => asAdmin('POST', `${SHOP}/configmaps`, configMap(`kill-${n}`)))
  await server.kill()
  expect(await Promise.all(working)).toEqual(working.map(() => 201))

  server = await startWhodid()

  await everythingOnce()
  expect(await find('action:create resource:kill-* outcome:success')).toHaveLength(60)
})

function startWhodid(): Promise<ServerProcess> {
  return startServerProcess({
    data: join(folder, 'data'),
    config: join(folder, 'whodid.yaml'),
    listen,
    env: { PROD_1_TOKEN: TOKEN },
  })
}

function makeCertificate(): void {
  const [key, certificate] = [join(folder, 'tls.key'), join(folder, 'tls.crt')]
  const how = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=whodid'.split(' ')
  const args = [...how, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate]
  execFileSync('openssl', args, { stdio: 'ignore' })
}

function asAdmin(method: string, path: string, body?: object): Promise<number> {
  return cluster.ask(ADMIN, method, path, body)
}

function configMap(name: string): object {
  return { metadata: { name }, data: { n: name } }
}

/** All that the log files hold is stored, nothing else is, nothing twice, and nothing in two versions. */
async function everythingOnce(): Promise<void> {
  const wanted = idsInFiles()
  let stored: readonly string[] = []
  await until(
    SEEN_MS,
    async () => {
      stored = (await find('source:prod-1')).map(({ whodid }) => whodid?.natural_id ?? '')
      return wanted.isSubsetOf(new Set(stored))
    },
    () => `${wanted.size} in the files, ${stored.length} stored`,
  )
  const written = idsInFiles()
  // The webhook may be ahead of the file by what was answered in this moment: both are there in the end.
  expect(new Set(stored).size).toBe(stored.length)
  expect(stored.filter((id) => !written.has(id))).toEqual([])
  expect(await find('source:prod-1 whodid.conflict:true')).toEqual([])
  const { accounting } = await overSocket<SourceAnswer>('/v1/sources/prod-1')
  expect(accounting.rejected).toEqual({})
  expect(accounting.duplicate).toBeGreaterThan(0)
}

/** `auditID/stage` of every line of every log file. */
function idsInFiles(): Set<string> {
  const ids = new Set<string>()
  for (const file of globSync(join(folder, 'kube/audit*.log'))) {
    // The last line may be in the middle of being written.
    for (const line of readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
      // One Event a line: what --audit-log-format=json says.
      const { auditID, stage } = JSON.parse(line) as { auditID: string; stage: string }
      ids.add(`${auditID}/${stage}`)
    }
  }
  return ids
}

async function find(query: string): Promise<readonly AuditEvent[]> {
  const q = encodeURIComponent(query.replace('stage:', 'kubernetes.audit.stage:'))
  const events: AuditEvent[] = []
  for (let path: string | undefined = `/v1/events?q=${q}&limit=1000`; path !== undefined;) {
    const page: EventPage = await overSocket(path)
    events.push(...page.events)
    path = page.next === undefined ? undefined : `/v1/events?q=${q}&limit=1000&cursor=${page.next}`
  }
  return events
}

/** As the local operator, over the control socket: what listens on TCP speaks TLS. */
function overSocket<T>(path: string): Promise<T> {
  const socketPath = readRun(join(folder, 'data'))?.socket
  return new Promise((resolve, reject) => {
    const sent = request({ ...(socketPath !== undefined && { socketPath }), path }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.once('end', () => {
        if (response.statusCode !== 200) reject(new Error(`${path} answered ${response.statusCode}: ${text}`))
        // The caller names the shape that this path answers.
        else resolve(JSON.parse(text) as T)
      })
    })
    sent.once('error', reject)
    sent.end()
  })
}
