import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { ran } from '../../test/a-command.ts'
import { aFolder, aServer } from '../../test/a-server.ts'

const act = (action: string) => ({ event: { action, outcome: 'success' }, user: { name: 'ada' } })

test('rules are added, waited for, confirmed, tried and removed on the command line', async () => {
  const whodid = await aServer()
  const rules = (...args: readonly string[]) => ran(['rules', ...args, '--data', whodid.data])
  await whodid.send([act('read'), act('read'), act('delete')])
  await whodid.find('-source:whodid', 3)

  expect(await rules('add', 'labelled', '--match', 'action:read', '--label', 'kind=read')).toMatchObject({
    code: 0,
    out: '  + rule/labelled {"match":"action:read","label":{"kind":"read"}}\n',
  })
  const held = await rules('add', 'no-read', '--match', 'action:read', '--drop')
  expect(held).toMatchObject({ code: 1, err: expect.stringContaining('2 of 3 events') })
  const [, id = ''] = /rules confirm (\S+)/.exec(held.err) ?? []
  expect((await rules('waiting')).out).toContain('+ rule/no-read')
  expect(await rules('confirm', id)).toMatchObject({ code: 0, err: expect.stringContaining('revision 3 is in force') })
  expect(await whodid.send([act('read')])).toMatchObject({ dropped: 1, kept: 0 })

  const listed = await rules('list')
  expect(listed.out).toMatch(/rule\/no-read +\{"match":"action:read","drop":true\} +api local:\S+ +1 /)
  const again = await rules('add', 'no-delete', '--match', 'action:delete', '--drop')
  expect(await rules('refuse', /confirm (\S+)/.exec(again.err)?.[1] ?? '', '--reason', 'too much')).toMatchObject({
    code: 0,
  })
  expect((await rules('waiting')).err).toBe('nothing waits\n')

  const folder = aFolder()
  const file = join(folder, 'candidate.yaml')
  writeFileSync(
    file,
    'apiVersion: whodid.dev/v1\nkind: Rules\nrules:\n  - { name: x, match: "action:delete", drop: true }\n',
  )
  const checked = await rules('check', file)
  expect(checked.out).toMatch(/rule\/x +1 /)
  expect(checked.out).toContain('would be dropped')
  expect(checked.out).toContain('dropped today by rule/no-read: 1 records')
  expect(await rules('remove', 'rule/no-read')).toMatchObject({ code: 0 })
  const versions = await rules('versions', '-o', 'json')
  expect(JSON.parse(versions.out)).toMatchObject({ versions: [{ revision: 4 }, { revision: 3, approval: id }, {}, {}] })
})

test('config check names every fault in every file of rules, and prints the rules when there is none', async () => {
  const folder = aFolder()
  mkdirSync(join(folder, 'resources'))
  const file = join(folder, 'whodid.yaml')
  writeFileSync(file, 'resources: ./resources\nrules:\n  - { name: a, match: "action:x", drop: true }\n')
  const one = join(folder, 'resources/one.yaml')
  writeFileSync(one, 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n  - level: Metdata\n')
  writeFileSync(join(folder, 'resources/two.yaml'), 'kind: Rulse\n')

  const wrong = await ran(['config', 'check', '--config', file])
  expect(wrong.code).toBe(1)
  expect(wrong.err).toMatch(/one\.yaml:4:12: .*did you mean Metadata/)
  expect(wrong.err).toMatch(/two\.yaml:1:1: .*did you mean Rules/)

  writeFileSync(one, 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n  - level: Metadata\n')
  writeFileSync(join(folder, 'resources/two.yaml'), '')
  const right = await ran(['config', 'check', '--config', file])
  expect(right.code).toBe(0)
  expect(right.out).toMatch(/rule\/a .*whodid\.yaml:3:5/)
  expect(right.out).toMatch(/policy\/one\/1 +\{"level":"Metadata"\}/)
})

test('rules check tries a whole configuration, and says how far it has read on the way', async () => {
  const whodid = await aServer()
  await whodid.send([act('read'), act('delete')])
  await whodid.find('-source:whodid', 2)
  const folder = aFolder()
  mkdirSync(join(folder, 'res'))
  const file = join(folder, 'whodid.yaml')
  writeFileSync(
    file,
    'resources: ./res\nexcludedCategories: [iam]\nrules:\n  - { name: a, match: "action:read", sample: 0.5 }\n',
  )
  writeFileSync(
    join(folder, 'res/audit.yaml'),
    'type: AccessAudit\nname: all\nrules: [{ types: [Mesh], access: [CREATE] }]\n',
  )
  writeFileSync(join(folder, 'res/prod.yaml'), 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{ level: None }]\n')

  const { code, out } = await ran(['rules', 'check', '--config', file, '--data', whodid.data, '-o', 'json'])
  expect(code).toBe(0)
  const answer: unknown = JSON.parse(out)
  expect(answer).toMatchObject({
    neverMatched: expect.arrayContaining(['policy/prod', 'category/iam', 'access-audit/all']),
  })
  expect(await ran(['rules', 'check', file, '--config', file, '--data', whodid.data])).toMatchObject({ code: 2 })
  const wrong = await ran(['rules', 'check', file, '--data', whodid.data])
  expect(wrong).toMatchObject({
    code: 2,
    err: expect.stringContaining('whodid.yaml:1:1: a document of rules has apiVersion'),
  })
})
