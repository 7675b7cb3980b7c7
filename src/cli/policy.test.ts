import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { ran } from '../../test/a-command.ts'
import { aServer } from '../../test/a-server.ts'
import { fullRecord } from '../../test/policy-records.ts'

let folder: string
let file: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'policy-'))
  file = fileOf('audit.yaml', '- { level: None, users: [bob] }\n- { level: Request, resources: [{ group: "" }] }')
})
afterAll(() => rmSync(folder, { recursive: true }))

function fileOf(name: string, rules: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(
    path,
    typeof rules === 'string' ? `apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n${rules}\n` : rules,
  )
  return path
}

async function policy(...args: readonly string[]) {
  const { code, out, err } = await ran(['policy', 'k8s', ...args])
  return { code, out, err }
}

test('lint ends well when there is nothing to say', async () => {
  const good = fileOf('good.yaml', '- level: Metadata')
  expect(await policy('lint', good)).toEqual({ code: 0, out: '', err: '1 rules, 0 errors, 0 warnings\n' })
})

test('lint shows warnings with their places, and fails on them when it is strict', async () => {
  const { code, out, err } = await policy('lint', file)
  expect([code, err]).toEqual([0, '2 rules, 0 errors, 2 warnings\n'])
  expect(out).toContain(`${file}:5:3`)
  expect(out).toContain('secret-bodies')
  expect(await policy('lint', file, '--strict')).toMatchObject({ code: 1 })
})

test('lint fails on an unknown key, also as JSON', async () => {
  const bad = fileOf('bad.yaml', '- level: Metadata\n  namespacees: [a]')
  const { code, out } = await policy('lint', bad, '-o', 'json')
  expect(code).toBe(1)
  expect(JSON.parse(out)).toMatchObject({ findings: [{ code: 'unknown-key', at: { line: 5, column: 3 }, rule: 1 }] })
})

test('explain names the rule that decides and its place', async () => {
  const { code, out } = await policy('explain', file, ...'--user ada --verb get --resource pods/log --all'.split(' '))
  expect(code).toBe(0)
  expect(out).toContain(`rule 2 (${file}:5:3) decides\n`)
  expect(out).toMatch(/because +resources: all of the core group\n/)
  expect(out).toMatch(/^1 +4 +users: bob$/m)
})

test('explain tells of groups, and that no rule matches', async () => {
  const grouped = fileOf('grouped.yaml', '- { level: Metadata, userGroups: [ops] }')
  const asked = ['explain', grouped, '--verb', 'get', '--path', '/healthz', '--user', 'ada']
  const both = await policy(...asked, '--group', 'devs', '--group', 'ops', '-o', 'json')
  expect(JSON.parse(both.out)).toMatchObject({ decision: { level: 'Metadata', rule: 1 } })
  expect((await policy(...asked, '--group', 'devs')).out).toContain('no rule of')
})

test.each([
  [['--verb', 'get'], 'give either --resource or --path'],
  [['--verb', 'get', '--resource', 'pods', '--path', '/x'], 'give either --resource or --path'],
  [['--verb', 'get', '--path', '/x', '--namespace', 'a'], '--namespace says nothing about a path'],
  [['--verb', 'get', '--path', '/x', '--group', 'a'], '--group is given without --user'],
  [['--path', '/x'], '--verb'],
])('explain with %j is a wrong call', async (args, message) => {
  const { code, err } = await policy('explain', file, ...args)
  expect(code).toBe(2)
  expect(err).toContain(message)
})

test('a file that cannot be read is named, with the place of what is wrong', async () => {
  expect((await policy('lint', join(folder, 'none.yaml'))).err).toMatch(/cannot read .*none\.yaml/)
  expect((await policy('lint', fileOf('latin.yaml', Uint8Array.of(0xff)))).err).toContain('is not UTF-8')
  const wrong = await policy('lint', fileOf('wrong.yaml', '- { level: Nix }\n- { level: None, users: 7 }'))
  expect(wrong.code).toBe(1)
  expect(wrong.err).toMatch(/wrong\.yaml:4:12: rules\[0\]\.level: there is no such level/)
  expect(wrong.err).toMatch(/wrong\.yaml:5:25: rules\[1\]\.users: must be a list/)
})

test('lint asks a server what each rule would make of the events of the last day', async () => {
  const secret = join(folder, 'token')
  writeFileSync(secret, 'a-token-of-the-cluster')
  const source = { name: 'prod-1', kind: 'kubernetes-webhook' as const, token: { file: secret } }
  const server = await aServer({ config: { sources: [source] } })
  const items = ['ada', 'bob', 'eve'].map((user) => {
    const record = fullRecord(
      { user, groups: [], verb: 'get', target: { kind: 'path', path: '/api' } },
      'ResponseComplete',
    )
    return { ...record, auditID: user, stageTimestamp: new Date().toISOString() }
  })
  const body = JSON.stringify({ kind: 'EventList', items })
  const sent = { 'content-type': 'application/json', authorization: 'Bearer a-token-of-the-cluster' }
  expect((await server.call('POST', '/in/prod-1', body, sent)).status).toBe(200)
  await server.find('event.dataset:kubernetes.audit', 3)
  const rules = fileOf('volume.yaml', '- { level: None, users: [bob] }\n- { level: Metadata, users: [ada] }')

  const { code, out, err } = await policy('lint', rules, '--volume', '--data', server.data)
  expect(code).toBe(0)
  expect(out).toMatch(
    /^RULE +LEVEL +KEPT +BYTES +DROPPED\n1 +None +0 +0 +1\n2 +Metadata +1 +\d{3} +0\nnone +None +0 +0 +1\n$/m,
  )
  expect(err).toContain('volume of 3 stored Kubernetes events of the last day\n')
  const json = await policy('lint', rules, '--volume', '--data', server.data, '-o', 'json')
  expect(JSON.parse(json.out)).toMatchObject({
    volume: { events: 3, isPart: false, rules: [{ rule: 1, dropped: 1 }, {}, {}] },
  })
})

test('lint says that no server runs where volumes are asked for', async () => {
  const { code, err } = await policy('lint', file, '--volume', '--data', folder)
  expect(code).toBe(1)
  expect(err).toContain('no server runs on')
})

test('the examples of the page say what the page says', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/rules/kubernetes-audit-policy.md'), 'utf8')
  const blocks = [...page.matchAll(/^```(\w*)\n([^`]*)```$/gm)].map(([, language, text]) => ({
    language,
    text: text ?? '',
  }))
  const example = join(folder, 'audit-policy.yaml')
  writeFileSync(example, blocks.find(({ text }) => text.startsWith('apiVersion: audit'))?.text ?? '')
  const asOnPage = ({ out, err }: { out: string; err: string }) => spaced(`${out}${err}`.replaceAll(`${folder}/`, ''))
  const shown = blocks.filter(({ language }) => language === '').map(({ text }) => spaced(text))

  expect(shown).toContain(asOnPage(await policy('lint', example)))
  const commands = blocks.flatMap(({ text }) => text.split('\n')).filter((line) => line.includes('k8s explain'))
  expect(commands).toHaveLength(2)
  const [first, second] = await Promise.all(
    commands.map((line) => policy('explain', example, ...line.split(' ').slice(5))),
  )
  expect(shown).toContain(asOnPage(first ?? { out: '', err: '' }).replace(/warning: .*\n/, ''))
  expect(second?.out).toContain('no rule of')
})

/** Columns are as wide as the folder's name is long. */
function spaced(text: string): string {
  return text.replaceAll(/ +/g, ' ')
}
