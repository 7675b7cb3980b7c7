import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '../../src/server/config.ts'
import { aFolder, aServer } from '../a-server.ts'

const act = (action: string, n: number) => ({ event: { action, outcome: 'success' }, user: { name: `user-${n}` } })

test('a file of rules that would drop much waits, survives a restart, and applies once it is confirmed', async () => {
  const folder = aFolder()
  mkdirSync(join(folder, 'resources'))
  const file = join(folder, 'whodid.yaml')
  writeFileSync(file, 'resources: ./resources\n')
  const resource = join(folder, 'resources/rules.yaml')
  const write = (rules: string) => writeFileSync(resource, `apiVersion: whodid.dev/v1\nkind: Rules\nrules:\n${rules}`)
  write('  - { name: no-watch, match: "action:watch", drop: true }\n')
  const data = join(folder, 'data')
  const load = () => loadConfig({ file, data })
  const config = () => ({ ...load(), install: 'acme', listen: '127.0.0.1:0' })

  const whodid = await aServer({ data, config: config(), loadAgain: load })
  const sent = await whodid.send([act('watch', 1), act('delete', 2), act('delete', 3), act('create', 4)])
  expect(sent).toMatchObject({ received: 4, kept: 3, dropped: 1 })
  await whodid.find('-source:whodid', 3)

  write('  - { name: no-delete, match: "action:delete", drop: true }\n')
  await whodid.server.reloadRules()
  const ready = await whodid.call('GET', '/readyz')
  expect(ready.status).toBe(200)
  expect(ready.text).toMatch(/rules wait for whodid rules confirm .*2 of 3 events/)
  expect(await whodid.send([act('delete', 5)])).toMatchObject({ kept: 1 })
})
