import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startServerProcess } from '../test/server-process.ts'
import { createClient } from './client.ts'
import type { Benchmark } from './report.ts'

/** As many as an API server puts into one batch (`--audit-webhook-batch-max-size`). */
const ITEMS = 400
const CONNECTIONS = 4
const SECRET = 'secret-of-the-bench-webhook'

/**
 * Records a second that arrive as an API server's webhook sends them: lists of 400, each a request of its own, answered
 * when durable. Load generator, server and engine share the machine.
 */
export async function measureWebhook(results: string, records = 100_000): Promise<Benchmark> {
  const lists = Array.from({ length: Math.ceil(records / ITEMS) }, (_, n) => listOf(n))
  const folder = mkdtempSync(join(results, 'webhook-'))
  try {
    const config = join(folder, 'whodid.yaml')
    writeFileSync(config, `sources:\n  - { name: prod-1, kind: kubernetes-webhook, token: { env: BENCH_TOKEN } }\n`)
    const server = await startServerProcess({ data: join(folder, 'data'), config, env: { BENCH_TOKEN: SECRET } })
    const client = createClient(server.url, SECRET)
    const began = performance.now()
    let next = 0
    const send = async (): Promise<void> => {
      for (let list = lists[next++]; list !== undefined; list = lists[next++]) await client.post(list, '/in/prod-1')
    }
    await Promise.all(Array.from({ length: CONNECTIONS }, send))
    const seconds = (performance.now() - began) / 1000
    client.close()
    await server.stop()
    const bytes = Math.round((lists[0]?.length ?? 0) / ITEMS)
    const what = `kubernetes-webhook: ${ITEMS} a batch of ${bytes} B each, into the journal`
    const title = `end to end from ${records.toLocaleString('en')} records pushed by a webhook`
    return { title, figures: [{ what, value: (lists.length * ITEMS) / seconds, unit: '/s' }] }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function listOf(batch: number): Buffer {
  const items = Array.from({ length: ITEMS }, (_, n) => itemOf(batch * ITEMS + n))
  return Buffer.from(JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items }))
}

function itemOf(n: number): object {
  const at = new Date(Date.now() - 1000 + (n % 1000)).toISOString().replace('Z', '000Z')
  const name = `web-${n % 500}`
  return {
    level: 'Metadata',
    auditID: `bench-${n}`,
    stage: 'ResponseComplete',
    requestURI: `/api/v1/namespaces/prod/pods/${name}`,
    verb: ['get', 'list', 'delete', 'patch'][n % 4],
    user: { username: `person-${n % 300}@example.com`, groups: ['developers', 'system:authenticated'] },
    sourceIPs: [`10.0.${n % 250}.7`],
    userAgent: 'kubectl/v1.36.3 (linux/amd64) kubernetes/abcdef0',
    objectRef: { resource: 'pods', namespace: 'prod', name, apiVersion: 'v1' },
    responseStatus: { metadata: {}, code: 200 },
    requestReceivedTimestamp: at,
    stageTimestamp: at,
    annotations: {
      'authorization.k8s.io/decision': 'allow',
      'authorization.k8s.io/reason':
        'RBAC: allowed by RoleBinding "developers/prod" of Role "developer" to Group "developers"',
    },
  }
}
