import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { readKubeconfig } from '../../src/lib/kubeconfig.ts'
import { getLines, StatusError } from '../../src/lib/kubernetes-api.ts'
import { aServer, type AServer } from '../a-server.ts'
import { ADMIN, type Cluster, startCluster, until } from './kube-cluster.ts'

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const AUDITS = '/apis/kuma.io/v1alpha1/accessaudits'
const SEEN_MS = 60_000

/** As Kong Mesh has it (`crds/access-audit.yaml`). */
const CRD = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'accessaudits.kuma.io' },
  spec: {
    group: 'kuma.io',
    names: { kind: 'AccessAudit', listKind: 'AccessAuditList', plural: 'accessaudits', singular: 'accessaudit' },
    scope: 'Cluster',
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              mesh: { type: 'string' },
              spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
      },
    ],
  },
}

const anAudit = (name: string, operations: readonly string[] = ['CREATE']) => ({
  apiVersion: 'kuma.io/v1alpha1',
  kind: 'AccessAudit',
  metadata: { name },
  spec: { rules: [{ types: ['MeshTimeout'], access: operations }] },
})

let folder: string
let cluster: Cluster

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'whodid-access-audit-'))
  mkdirSync(join(folder, 'kube'))
  // Nobody listens there: what the server audits is no matter of this test.
  const webhook = { url: 'http://127.0.0.1:9/in/none', ca: '', token: 'none' }
  cluster = await startCluster({ folder: join(folder, 'kube'), webhook })
  writeFileSync(
    join(folder, 'kubeconfig.yaml'),
    `apiVersion: v1
kind: Config
clusters: [{ name: c, cluster: { server: "${cluster.url}", certificate-authority: "${cluster.certificate}" } }]
users: [{ name: admin, user: { token: "${ADMIN}" } }]
contexts: [{ name: c, context: { cluster: c, user: admin } }]
current-context: c
`,
  )
})

afterAll(async () => {
  await cluster?.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('AccessAudits of a cluster are followed as they change, all or nothing, and outlive it', async () => {
  const kubeconfig = join(folder, 'kubeconfig.yaml')
  const server = await aServer({ config: { accessAudits: { watch: { kubeconfig } } } })
  // There is no such kind yet.
  await until(SEEN_MS, async () => (await reasons(server)).some((each) => each.includes('was answered 404')))

  expect(await asAdmin('POST', CRDS, CRD)).toBe(201)
  await until(SEEN_MS, async () => (await asAdmin('GET', AUDITS)) === 200)
  expect(await asAdmin('POST', AUDITS, anAudit('a'))).toBe(201)
  await until(SEEN_MS, async () => (await access(server, 'a'))?.join() === 'CREATE')
  expect(await reasons(server)).toEqual([])

  expect(await asAdmin('POST', AUDITS, anAudit('b'))).toBe(201)
  expect(await asAdmin('PATCH', `${AUDITS}/a`, anAudit('a', ['UPDATE']))).toBe(200)
  await until(SEEN_MS, async () => (await access(server, 'a'))?.join() === 'UPDATE')
  await until(SEEN_MS, async () => (await access(server, 'b')) !== undefined)

  // Nobody but the cluster changes them.
  const put = await server.call('PUT', '/accessaudits/a', JSON.stringify({ type: 'AccessAudit', name: 'a', rules: [] }))
  expect({ status: put.status, text: put.text }).toMatchObject({
    status: 405,
    text: expect.stringContaining(cluster.url),
  })

  // One that is not understood keeps all as they were, and is told.
  expect(await asAdmin('POST', AUDITS, anAudit('c', ['DELTE']))).toBe(201)
  await until(SEEN_MS, async () => (await reasons(server)).some((each) => each.includes('did you mean DELETE?')))
  expect(await asAdmin('DELETE', `${AUDITS}/b`)).toBe(200)
  expect(await asAdmin('DELETE', `${AUDITS}/c`)).toBe(200)
  await until(SEEN_MS, async () => (await access(server, 'b')) === undefined)
  expect(await reasons(server)).toEqual([])

  // A place that the server does not know any more is answered as the watch takes it: 410, as the status or an event.
  expect(await answerFrom('1', kubeconfig)).toBe(410)

  const changes = await server.find('action:change resource.type:rule', 4)
  expect(changes.flatMap(({ audit }) => audit?.resource?.map(({ name }) => name))).toContain('access-audit/b')

  await cluster.stop()
  await until(SEEN_MS, async () => (await reasons(server)).some((each) => each.includes('are as before')))
  expect(await access(server, 'a')).toEqual(['UPDATE'])
})

/** What a watch from a resource version is refused with. */
async function answerFrom(version: string, kubeconfig: string): Promise<unknown> {
  const path = `${AUDITS}?watch=1&resourceVersion=${version}`
  try {
    for await (const [event] of getLines(readKubeconfig(kubeconfig), path, SEEN_MS, AbortSignal.timeout(SEEN_MS)))
      // An event is what the server says: the first list is empty.
      if (event !== undefined) return (event as { object: { code?: number } }).object.code
  } catch (error) {
    if (error instanceof StatusError) return error.status
    throw error
  }
  return undefined
}

function asAdmin(method: string, path: string, body?: object): Promise<number> {
  const headers = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {}
  return cluster.ask(ADMIN, method, path, body, headers)
}

async function reasons(server: AServer): Promise<readonly string[]> {
  const answer = await server.call('GET', '/readyz')
  return answer.json<{ reasons: string[] }>().reasons.filter((each) => each.startsWith('AccessAudits'))
}

/** What the first rule of an AccessAudit is about; undefined: there is none of that name. */
async function access(server: AServer, name: string): Promise<readonly string[] | undefined> {
  const answer = await server.call('GET', `/accessaudits/${name}`)
  if (answer.status !== 200) return undefined
  return answer.json<{ rules: { access: string[] }[] }>().rules[0]?.access
}
