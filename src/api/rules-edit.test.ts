import { afterEach, beforeEach, expect, test } from 'vitest'
import { anApi, bearer, type TestApi } from '../../test/an-api.ts'

let api: TestApi
let admin: Record<string, string>
beforeEach(() => {
  api = anApi()
  admin = bearer(api.token({ scope: 'admin' }))
})
afterEach(() => api.close())

async function call(method: 'GET' | 'PUT' | 'POST', url: string, payload?: object, headers = admin) {
  const answer = await api.app.inject({ method, url, headers, ...(payload && { payload }) })
  const body: unknown = answer.json()
  return { status: answer.statusCode, body }
}

const RULES =
  'apiVersion: whodid.dev/v1\nkind: Rules\nrules:\n  - { name: no-watch, match: "action:watch", drop: true }\n'
const asked = (text: string) => ({ documents: [{ name: 'a.yaml', text }] })

test('says what documents would change, and gives back a rule in force as a document that changes nothing', async () => {
  expect(await call('POST', '/v1/rules:lint', asked(RULES))).toMatchObject({
    status: 200,
    body: { findings: [], changes: [{ path: 'rule/no-watch' }], rules: [{ kind: 'rule', name: 'no-watch' }] },
  })
  await call('PUT', '/v1/rules/no-watch', { match: 'action:watch', drop: true })
  const document = await call('GET', '/v1/rules:document?name=rule/no-watch')
  expect(document.status).toBe(200)
  const text = String(Reflect.get(Object(document.body), 'text'))
  expect(await call('POST', '/v1/rules:lint', asked(text))).toMatchObject({ body: { changes: [] } })
  expect((await call('GET', '/v1/rules:document?name=rule/other')).status).toBe(404)
})

test('refuses documents by their places, and bombs and what is too large', async () => {
  const wrong = await call('POST', '/v1/rules:lint', asked(RULES.replace('drop', 'dropp')))
  expect(wrong).toMatchObject({ status: 400, body: { errors: [{ path: expect.stringMatching(/^a\.yaml:4:\d+/) }] } })
  const bomb = `a: &a [x,x]\nb: &b [*a,*a,*a]\n${Array.from({ length: 120 }, (_, n) => `c${n}: [*b,*b,*b]\n`).join('')}`
  expect((await call('POST', '/v1/rules:lint', asked(bomb))).status).toBe(400)
  expect((await call('POST', '/v1/rules:lint', asked('x'.repeat(300_000)))).status).toBe(400)
})

test('tells what AccessAudits ask for to who reads, and documents to who edits alone', async () => {
  const reader = bearer(api.token({ scope: 'read' }))
  expect(await call('GET', '/v1/rules:audited', undefined, reader)).toMatchObject({
    status: 200,
    body: { operations: ['CREATE', 'UPDATE', 'DELETE'] },
  })
  expect((await call('GET', '/v1/rules:document?name=rule/a', undefined, reader)).status).toBe(403)
  expect((await call('POST', '/v1/rules:lint', asked(RULES), reader)).status).toBe(403)
})

test('lists the formats that there are', async () => {
  const { body } = await call('GET', '/v1/formats')
  expect(body).toMatchObject({ formats: expect.arrayContaining([{ name: 'ecs', words: 'ECS, our own shape' }]) })
})
