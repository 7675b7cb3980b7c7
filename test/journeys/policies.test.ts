import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { CategoriesFlag } from '../../src/rules/categories.ts'
import { loadConfig } from '../../src/server/config.ts'
import { aFolder, aServer, until } from '../a-server.ts'
import { fullRecord } from '../policy-records.ts'

const TOKEN = 'a-token-of-the-cluster'
const SENT = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` }

/** A server whose configuration is this text, beside which these files lie. */
async function configured(text: string, files: Readonly<Record<string, string>>, categoryFlags?: CategoriesFlag[]) {
  const folder = aFolder()
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  const file = join(folder, 'whodid.yaml')
  writeFileSync(file, text)
  const data = join(folder, 'data')
  const config = loadConfig({ file, data, ...(categoryFlags && { categoryFlags }) })
  return aServer({ data, config: { ...config, install: 'acme', listen: '127.0.0.1:0' } })
}

test('what a policy takes out of a record is nowhere on the disk, and what it drops is counted by rule', async () => {
  const policy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    users: [bob]
    userGroup: [ops]
  - level: Metadata
    users: [ada]
`
  const source = '{ name: prod-1, kind: kubernetes-webhook, token: { file: token }, policy: audit-policy.yaml }'
  const whodid = await configured(`sources:\n  - ${source}\n`, { token: TOKEN, 'audit-policy.yaml': policy })
  expect(whodid.lines.join('\n')).toMatch(/audit-policy\.yaml:7:5: rules\[0\]\.userGroup: .*did you mean userGroups\?/)

  const record = (user: string, marker: string, stage: 'RequestReceived' | 'ResponseComplete' = 'ResponseComplete') => {
    const target = { kind: 'resource', apiGroup: 'apps', resource: 'deployments', subresource: '' } as const
    const asked = { user, groups: [], verb: 'create', target: { ...target, namespace: 'shop', name: '' } }
    const { requestObject, ...rest } = fullRecord(asked, stage)
    return {
      ...rest,
      auditID: `${user}-${stage}`,
      ...(requestObject && { requestObject: { ...requestObject, marker } }),
    }
  }
  const items = [
    record('ada', 'a-body-that-nobody-keeps'),
    record('ada', '', 'RequestReceived'),
    record('bob', 'a-record-that-nobody-keeps'),
    record('eve', 'a-record-that-nobody-keeps'),
  ]
  const answer = await whodid.call('POST', '/in/prod-1', JSON.stringify({ kind: 'EventList', items }), SENT)
  expect(answer.status).toBe(200)

  const [event] = await whodid.find('source:prod-1', 1)
  expect(event).toMatchObject({
    user: { name: 'ada' },
    audit: { resource: [{ type: 'deployment', name: 'web', namespace: 'shop' }] },
    kubernetes: { audit: { level: 'Metadata' } },
    whodid: { rule: 'policy/audit-policy/2' },
  })
  expect(event?.whodid?.masked).toContainEqual({ path: 'audit.request', rule: 'policy/audit-policy/2' })
  expect(event?.event.original).not.toContain('nobody-keeps')
  expect(event?.event.original).toContain('"level":"Metadata"')
  const sources = (await whodid.call('GET', '/v1/sources')).text
  expect(JSON.parse(sources)).toMatchObject({ sources: expect.arrayContaining([DROPPED]) as unknown })
  await until(() => Promise.resolve(filesBelow(whodid.data).some((bytes) => bytes.includes('prod-1'))))
  expect(filesBelow(whodid.data).filter((bytes) => bytes.includes('nobody-keeps'))).toEqual([])
})

const DROPPED = expect.objectContaining({
  name: 'prod-1',
  accounting: expect.objectContaining({
    received: 4,
    kept: 1,
    dropped: { 'policy/audit-policy/1': 1, 'policy/audit-policy/2': 1, 'policy/audit-policy/default': 1 },
  }) as unknown,
}) as unknown

test('categories are excluded by the list, the file of flags and the command line, which is an event', async () => {
  const flags = '--public_port=8080\n--audit_log_excluded_categories+=auth\n'
  const text = 'excludedCategories: [iam]\ninclude: { engflow: engflow.flags }\n'
  const said: CategoriesFlag = { operator: '+=', value: 'file', where: 'the command line' }
  const whodid = await configured(text, { 'engflow.flags': flags }, [said])
  const of = (...category: string[]) => ({ event: { action: 'x', category }, user: { name: 'ada' } })
  const receipt = await whodid.send([of('authentication'), of('iam'), of('file'), of('session')])
  expect(receipt).toMatchObject({ kept: 1, dropped: 3 })
  expect(receipt.results.slice(0, 3)).toEqual(['auth', 'iam', 'file'].map((each) => ({ dropped: `category/${each}` })))
  const changes = await whodid.find('source:whodid resource.type:rule', 1)
  expect(JSON.stringify(changes)).toContain('category/file')
})

function filesBelow(folder: string): readonly Buffer[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
    .map((path) => readFileSync(path))
}
