import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DEFAULT_MASKS } from '../../src/rules/default-masks-names.ts'
import { NO_RULES } from '../../src/rules/rule-set.ts'
import { parseSource } from '../../src/sources/kinds.ts'
import { createConnection } from '../../src/store/connection.ts'
import { startEngine } from '../../src/store/engine.ts'
import { aFolder, aServer } from '../a-server.ts'
import { secretSamples } from '../secret-samples.ts'

const TOKEN = 'the-word-of-the-far-side'

test('no byte of a secret is in journal, ledger, columns or answers, for each default mask', async () => {
  const samples = secretSamples('Wm4Lt')

  const looked = await recordedBy([], 'Wm4Lt')

  expect(samples.map(({ rule }) => rule)).toEqual(DEFAULT_MASKS)
  for (const { rule, secret } of samples)
    expect({ rule, in: looked.filter(({ bytes }) => bytes.includes(secret)).map(({ name }) => name) }).toEqual({
      rule,
      in: [],
    })
  const masked = looked.find(({ name }) => name === 'answers')
  for (const { rule } of samples) expect(masked?.bytes.toString()).toContain(`"rule":"${rule}"`)
})

test('with all of them switched off every secret is found in each of these places', async () => {
  const looked = await recordedBy(DEFAULT_MASKS, 'Vb8Rs')

  for (const { rule, secret } of secretSamples('Vb8Rs'))
    for (const place of ['journal', 'columns', 'answers'])
      expect([rule, place, looked.some(({ name, bytes }) => name.startsWith(place) && bytes.includes(secret))]).toEqual(
        [rule, place, true],
      )
})

test('a record that could become no event is kept as it came, secrets and all', async () => {
  const server = await aShop([])
  await server.deliver('json', '{"password":"Xy12secret"')
  const kept = async () =>
    (await server.call('GET', '/v1/sources/json/rejected')).json<{ rejected: { id: string }[] }>()
  let [record] = (await kept()).rejected
  while (record === undefined) [record] = (await kept()).rejected

  expect((await server.call('GET', `/v1/sources/json/rejected/${record.id}`)).text).toContain('Xy12secret')
})

async function aShop(off: readonly string[]) {
  const token = join(aFolder(), 'token')
  writeFileSync(token, TOKEN)
  const map = { 'event.action': '$.action', message: '$.message', 'audit.request': '$.request' }
  const sources = [
    { name: 'json', format: 'json', options: { map } },
    { name: 'auth-log', format: 'auth-log' },
  ].map((each) => parseSource({ ...each, kind: 'http', token: { file: token } }))
  const rules = { set: { ...NO_RULES, defaultMasksOff: off }, origins: {}, warnings: [] }
  const server = await aServer({ config: { sources, rules: { rules, watched: [], policyNames: new Map() } } })
  const deliver = (source: string, body: string) =>
    server.call('POST', `/in/${source}`, body, { authorization: `Bearer ${TOKEN}`, 'content-type': 'text/plain' })
  return { ...server, deliver }
}

/** Each secret under its name, in JSON in a text, in a line of text, and in the originals of all of these. */
async function recordedBy(off: readonly string[], mark: string) {
  const server = await aShop(off)
  const samples = secretSamples(mark)
  const records = samples.flatMap(({ json }) => [
    { user: 'ada', action: 'sample', request: json },
    { user: 'ada', action: 'sample', message: JSON.stringify(json) },
    { user: 'ada', action: 'sample', message: JSON.stringify({ again: JSON.stringify(json) }) },
  ])
  const lines = samples.map(({ line }) => `Nov 20 14:02:15 bastion shop[7]: ${line}`)
  const wanted = records.length + lines.length
  const delivered = [
    await server.deliver('json', records.map((each) => JSON.stringify(each)).join('\n')),
    await server.deliver('auth-log', lines.join('\n')),
  ]
  const kept = delivered.map((answer) => answer.json<{ kept: number }>().kept)
  expect(kept).toEqual([records.length, lines.length])
  const events = await server.find('(source:json OR source:auth-log)', wanted)
  expect(events.length).toBe(wanted)
  const files = globSync('{journal,ledger}/**/*', { cwd: server.data, withFileTypes: true })
    .concat(globSync('*.db*', { cwd: server.data, withFileTypes: true }))
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name))
    .map((path) => ({ name: path.slice(server.data.length + 1), bytes: readFileSync(path) }))
  await server.server.close()
  return [
    ...files,
    { name: 'columns', bytes: Buffer.from(await columnsOf(join(server.data, 'engine'))) },
    { name: 'answers', bytes: Buffer.from(unescaped(JSON.stringify(events))) },
  ]
}

/** Every column of every row. */
async function columnsOf(folder: string): Promise<string> {
  const engine = startEngine({ folder, log: () => undefined })
  const connection = createConnection({ engine }, 'whodid')
  const rows = await connection.ask('SELECT * FROM whodid.events', {})
  await connection.close()
  await engine.stop()
  return unescaped(JSON.stringify(rows))
}

/** JSON in JSON in JSON: a secret with a quote or a backslash in it is found all the same. */
function unescaped(text: string): string {
  return text.replaceAll('\\', '')
}
