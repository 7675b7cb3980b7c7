import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MASK_HOWS } from '../../src/domain/mask.ts'
import { DEFAULT_MASKS } from '../../src/rules/default-masks-names.ts'
import { type ExpressionRule, parseExpressionRules } from '../../src/rules/expressions.ts'
import { NO_RULES } from '../../src/rules/rule-set.ts'
import { parseSource } from '../../src/sources/kinds.ts'
import { createConnection } from '../../src/store/connection.ts'
import { startEngine } from '../../src/store/engine.ts'
import { aFolder, aServer } from '../a-server.ts'

const TOKEN = 'the-word-of-the-far-side'

test('no byte of what is masked at intake is in journal, ledger, columns or answers, however it is masked', async () => {
  const looked = await recordedBy(MASK_HOWS.map(ruleFor), 'Qk7')

  for (const how of MASK_HOWS) {
    const secret = secretFor(how, 'Qk7')
    expect([how, looked.filter(({ bytes }) => bytes.includes(secret)).map(({ name }) => name)]).toEqual([how, []])
  }
  const answers = looked.find(({ name }) => name === 'answers')?.bytes.toString()
  for (const how of MASK_HOWS) expect(answers).toContain(`"rule":"rule/${how}"`)
})

test('without the rules each of them is found in each of these places', async () => {
  const looked = await recordedBy([], 'Zt9')

  for (const how of MASK_HOWS)
    for (const place of ['journal', 'columns', 'answers'])
      expect([
        how,
        place,
        looked.some(({ name, bytes }) => name.startsWith(place) && bytes.includes(secretFor(how, 'Zt9'))),
      ]).toEqual([how, place, true])
})

test('what was hashed is found by its value; what is masked at read is shown to nobody and found by nobody', async () => {
  const server = await aShop([
    { name: 'mail', mask: { paths: ['user.email'], how: 'hash', at: 'intake' } },
    { name: 'names', mask: { paths: ['audit.request.**.city'], how: 'last-four', at: 'read' } },
  ])
  await server.deliver(
    JSON.stringify({ action: 'move', email: 'Ada@example.com', request: { to: { city: 'Gothenburg' } } }),
  )

  const [event] = await server.find('user.email:ada@example.com', 1)
  expect(event?.user?.email).toMatch(/^hash:[\w-]{22}$/)
  expect(event?.audit?.request).toEqual({ to: { city: '…burg' } })
  expect(event?.event.original).toBeUndefined()
  const search = async (q: string) => (await server.call('GET', `/v1/events?q=${encodeURIComponent(q)}`)).text
  expect(await search('-user.email:ada@example.com action:move')).not.toContain('…burg')
  expect(await search('audit.request.to.city:gothenburg')).not.toContain('…burg')
  expect(await search('gothenburg')).not.toContain('…burg')
  const one = await server.call('GET', `/v1/events/${event?.event.id ?? ''}/proof?format=json`)
  expect(one.text).not.toContain('Gothenburg')
})

function ruleFor(how: string): object {
  const length = ['truncate', 'show-first', 'show-last'].includes(how) ? { length: 3 } : {}
  return { name: how, mask: { paths: [`audit.request.**.${how}`], how, ...length, at: 'intake' } }
}

/** No part of it that a mask may leave is looked for. */
function secretFor(how: string, mark: string): string {
  return `middle-${mark}-of-${how}`
}

async function aShop(written: readonly object[]) {
  const token = join(aFolder(), 'token')
  writeFileSync(token, TOKEN)
  const map = {
    'event.action': '$.action',
    'user.email': '$.email',
    message: '$.message',
    'audit.request': '$.request',
  }
  const source = parseSource({ name: 'json', format: 'json', options: { map }, kind: 'http', token: { file: token } })
  const expressions: readonly ExpressionRule[] = parseExpressionRules(written)
  const set = { ...NO_RULES, expressions, defaultMasksOff: DEFAULT_MASKS }
  const rules = { rules: { set, origins: {}, warnings: [] }, watched: [], policyNames: new Map<string, string>() }
  const server = await aServer({ config: { sources: [source], rules } })
  const deliver = async (body: string) => {
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'text/plain' }
    expect((await server.call('POST', '/in/json', body, headers)).json()).toMatchObject({ rejected: 0 })
  }
  return { ...server, deliver }
}

/** Each secret under its key, in JSON in a text, copied into a message, and in the originals of all of these. */
async function recordedBy(written: readonly object[], mark: string) {
  const server = await aShop(written)
  const records = MASK_HOWS.flatMap((how) => {
    const secret = `user${secretFor(how, mark)}@example.com`
    return [
      { action: 'sample', request: { deep: [{ [how]: secret }] }, message: `sent ${secret} on` },
      { action: 'sample', message: JSON.stringify({ [how]: secret }), request: { [how]: secret, as: [secret] } },
    ]
  })
  await server.deliver(records.map((each) => JSON.stringify(each)).join('\n'))
  const events = await server.find('source:json', records.length)
  const files = globSync('{journal,ledger}/**/*', { cwd: server.data, withFileTypes: true })
    .concat(globSync('*.db*', { cwd: server.data, withFileTypes: true }))
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name))
    .map((path) => ({ name: path.slice(server.data.length + 1), bytes: readFileSync(path) }))
  await server.server.close()
  const columns = Buffer.from(await columnsOf(join(server.data, 'engine')))
  return [
    ...files,
    { name: 'columns', bytes: columns },
    { name: 'answers', bytes: Buffer.from(JSON.stringify(events)) },
  ]
}

/** Every column of every row. */
async function columnsOf(folder: string): Promise<string> {
  const engine = startEngine({ folder, log: () => undefined })
  const connection = createConnection({ engine }, 'whodid')
  const rows = await connection.ask('SELECT * FROM whodid.events', {})
  await connection.close()
  await engine.stop()
  return JSON.stringify(rows)
}
