import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { RulesAnswer } from '../../src/domain/rule-answers.ts'
import { loadConfig } from '../../src/server/config.ts'
import { type AServer, aFolder, aServer } from '../a-server.ts'

const act = (action: string) => ({ event: { action, outcome: 'success' }, user: { name: 'ada' } })

/** A folder with a configuration and one file of rules, and servers on it, one after another. */
function aConfiguration() {
  const folder = aFolder()
  mkdirSync(join(folder, 'resources'))
  const file = join(folder, 'whodid.yaml')
  const resource = join(folder, 'resources/rules.yaml')
  const data = join(folder, 'data')
  const load = () => ({ ...loadConfig({ file, data }), install: 'acme', listen: '127.0.0.1:0' })
  writeFileSync(file, 'resources: ./resources\n')
  return {
    file,
    write: (...rules: readonly string[]) =>
      writeFileSync(
        resource,
        `apiVersion: whodid.dev/v1\nkind: Rules\nrules:\n${rules.map((rule) => `  - ${rule}\n`).join('')}`,
      ),
    start: () => aServer({ data, config: load(), loadAgain: load }),
  }
}

const NO_WATCH = '{ name: no-watch, match: "action:watch", drop: true }'
const NO_DELETE = '{ name: no-delete, match: "action:delete", drop: true }'
const NEVER = '{ name: never, match: "action:never", drop: true }'

const rulesOf = async (whodid: AServer) => (await whodid.call('GET', '/v1/rules')).json<RulesAnswer>()
const namesOf = async (whodid: AServer) =>
  (await rulesOf(whodid)).rules.flatMap(({ name, family }) => (family === 'expression' ? [name] : []))

async function until(looked: () => Promise<boolean>): Promise<void> {
  await expect.poll(looked, { timeout: 20_000, interval: 50 }).toBe(true)
}

test('the first rules apply at once; files that would drop much wait, also over a restart, until somebody confirms them', async () => {
  const { write, start } = aConfiguration()
  write(NO_WATCH)
  const first = await start()
  expect(await first.send(['watch', 'delete', 'delete', 'create'].map(act))).toMatchObject({ kept: 3, dropped: 1 })
  await first.find('-source:whodid', 3)

  write(NO_DELETE)
  await first.server.reloadRules()
  const ready = await first.call('GET', '/readyz')
  expect(ready.status).toBe(200)
  expect(ready.text).toMatch(/rules wait for whodid rules confirm .*2 of 3 events/)
  expect(await namesOf(first)).toEqual(['rule/no-watch'])
  const [waiting] = (await rulesOf(first)).waiting
  await first.server.close()

  const second = await start()
  expect(await second.send(['watch', 'delete'].map(act))).toMatchObject({ kept: 1, dropped: 1 })
  await until(async () => !(await rulesOf(second)).notes.some((note) => note.includes('not in force yet')))
  expect((await rulesOf(second)).waiting).toMatchObject([{ id: waiting?.id, requestedBy: 'files' }])
  const confirmed = await second.call('POST', `/v1/rules/waiting/${waiting?.id}:confirm`)
  expect(confirmed.json()).toMatchObject({ kind: 'applied' })
  expect(await second.send(['watch', 'delete'].map(act))).toMatchObject({ kept: 1, dropped: 1 })
  expect(await namesOf(second)).toEqual(['rule/no-delete'])

  const [event] = await second.find('source:whodid action:change outcome:success resource:"rule/no-delete"', 1)
  expect(event?.user).toMatchObject({ kind: 'person' })
  expect(event?.audit?.change).toContainEqual(
    expect.objectContaining({ path: 'rule/no-watch', old: expect.any(String) }),
  )
  expect(event?.audit?.request).toMatchObject({ approval: { id: waiting?.id, rule: 'single', requestedBy: 'files' } })
})

test('files are followed while the server runs, all or nothing, and a fault is said in log, health, answer and trail', async () => {
  const { file, write, start } = aConfiguration()
  write(NO_WATCH)
  const whodid = await start()
  await until(async () => !(await rulesOf(whodid)).notes.some((note) => note.includes('not in force yet')))
  write(NO_WATCH, NEVER)
  await until(async () => (await namesOf(whodid)).includes('rule/never'))

  write(NEVER, '{ name: bad, match: "actoin:x", drop: true }')
  await until(async () => (await rulesOf(whodid)).error !== undefined)
  const { error, rules } = await rulesOf(whodid)
  expect(error?.message).toMatch(/rules\.yaml:5:\d+: rules\.1\.match.*action/)
  expect(rules.map(({ name }) => name)).toContain('rule/no-watch')
  expect((await whodid.call('GET', '/readyz')).text).toContain('rules.yaml:5:')
  expect(whodid.lines.join('\n')).toContain('those of before stay in force')
  const [event] = await whodid.find('source:whodid action:reload outcome:failure', 1)
  expect(event?.message).toContain('rules.yaml:5:')

  write(NEVER)
  await until(async () => (await namesOf(whodid)).join() === 'rule/never')
  expect((await rulesOf(whodid)).error).toBeUndefined()

  writeFileSync(file, 'resources: ./resources\npublicUrl: https://audit.example.com\n')
  await until(async () => (await rulesOf(whodid)).notes.some((note) => note.includes('publicUrl')))
})

test('a file that is put back takes its change back, and one that was refused stays refused over a restart', async () => {
  const { write, start } = aConfiguration()
  write(NO_WATCH)
  const first = await start()
  await first.send(['watch', 'delete'].map(act))
  await first.find('-source:whodid', 1)
  write(NO_DELETE)
  await first.server.reloadRules()
  expect((await rulesOf(first)).waiting.length).toBe(1)
  write(NO_WATCH)
  await first.server.reloadRules()
  expect((await rulesOf(first)).waiting).toEqual([])

  write(NO_DELETE)
  await first.server.reloadRules()
  const [waiting] = (await rulesOf(first)).waiting
  await first.call('POST', `/v1/rules/waiting/${waiting?.id}:refuse`, '{"reason":"no"}')
  await first.server.close()
  const second = await start()
  await until(async () => !(await rulesOf(second)).notes.some((note) => note.includes('not in force yet')))
  expect((await rulesOf(second)).waiting).toEqual([])
  expect(await namesOf(second)).toEqual(['rule/no-watch'])
  expect(second.lines.join('\n')).toContain('were refused by local:')
})

test('switching a default mask off waits, and is an event with who confirmed it', async () => {
  const { file, write, start } = aConfiguration()
  write(NO_WATCH)
  const whodid = await start()
  await until(async () => !(await rulesOf(whodid)).notes.some((note) => note.includes('not in force yet')))
  writeFileSync(file, 'resources: ./resources\nmasks: { off: [jwt] }\n')
  await whodid.server.reloadRules()
  const [waiting] = (await rulesOf(whodid)).waiting
  expect(waiting?.reasons).toEqual(['it switches off the default mask secret/jwt'])
  await whodid.call('POST', `/v1/rules/waiting/${waiting?.id}:confirm`)
  const [event] = await whodid.find('source:whodid action:change resource:"secret/jwt"', 1)
  expect(event?.audit?.change).toEqual([{ path: 'secret/jwt', new: 'switched off' }])
})
