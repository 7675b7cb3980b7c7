import { expect, test } from 'vitest'
import { anApi, bearer, erasuresOn } from '../../test/an-api.ts'
import type { ErasureAnswer } from '../domain/erasure-answers.ts'
import { openState } from '../state/state.ts'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const BODY = { names: ['ada'], reference: 'R-1', basis: 'GDPR 17(1)(b)' }

function aBench(approvals: 'single' | 'two') {
  const clock = { now: () => 1000, later: () => ({ cancel() {} }) }
  const state = openState({ folder: mkdtempSync(join(tmpdir(), 'whodid-erasing-')), clock })
  const api = anApi({ erasures: erasuresOn(state, clock, approvals) })
  const call = async (who: string, path: string, payload: object) => {
    const headers = { ...bearer(who), 'content-type': 'application/json' }
    const answer = await api.app.inject({ method: 'POST', url: `/v1/erasures${path}`, headers, payload })
    return { status: answer.statusCode, body: answer.json<ErasureAnswer & { message?: string }>() }
  }
  const close = async () => {
    await api.close()
    state.close()
  }
  return { call, close, admin: () => api.token({ scope: 'admin' }), reader: () => api.token({ scope: 'read' }) }
}

test('where it takes two, who asked cannot approve, and another one can', async () => {
  const { call, admin, close } = aBench('two')
  const [one, other] = [admin(), admin()]
  const { status, body } = await call(one, '', BODY)
  expect(status).toBe(202)

  expect((await call(one, `/${body.id}:approve`, { confirm: true })).status).toBe(403)
  expect((await call(other, `/${body.id}:approve`, {})).status).toBe(400)
  expect((await call(other, `/${body.id}:approve`, { confirm: true })).body).toMatchObject({ state: 'approved' })
  await close()
})

test('a reference or a reason that names the person is refused, and so is who may not erase', async () => {
  const { call, admin, reader, close } = aBench('single')
  const who = admin()
  expect((await call(who, '', { ...BODY, reference: 'what Ada asked' })).status).toBe(400)
  expect((await call(who, '', { ...BODY, names: [] })).status).toBe(400)
  expect((await call(reader(), '', BODY)).status).toBe(403)
  const { body } = await call(who, '', BODY)
  expect((await call(who, `/${body.id}:refuse`, { reason: 'ada is in court' })).status).toBe(400)
  const refused = await call(who, `/${body.id}:refuse`, { reason: 'GDPR 17(3)(e)' })
  expect(refused.body).toMatchObject({ state: 'refused', reason: 'GDPR 17(3)(e)' })
  expect(refused.body.person).toBeUndefined()
  await close()
})

test('a request that is put off cannot be approved before', async () => {
  const { call, admin, close } = aBench('single')
  const who = admin()
  const { body } = await call(who, '', BODY)
  await call(who, `/${body.id}:hold`, { reason: 'a claim', until: '2027-01-01T00:00:00Z' })
  expect((await call(who, `/${body.id}:approve`, { confirm: true })).status).toBe(409)
  await close()
})
