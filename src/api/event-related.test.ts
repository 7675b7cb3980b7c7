import { afterEach, beforeEach, expect, test } from 'vitest'

import { type TestApi, anApi, anEvent, bearer } from '../../test/an-api.ts'
import type { RelatedAnswer } from '../domain/answers.ts'
import type { AuditEvent } from '../domain/event.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

let api: TestApi
beforeEach(() => {
  api = anApi()
})
afterEach(() => api.close())

interface Stage {
  readonly stage: 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete'
  readonly request?: string
  readonly source?: string
  readonly outcome?: 'success' | 'failure' | 'unknown'
}

function store(...stages: readonly Stage[]): void {
  for (const { stage, request = 'r-1', source = 'prod-1', outcome } of stages) {
    const n = api.events.length
    const isOver = stage === 'ResponseComplete' || outcome === 'failure'
    const { event, ...rest } = anEvent(n)
    api.events.push({
      ...rest,
      event: {
        ...event,
        action: 'watch',
        type: isOver ? ['access'] : ['access', 'start'],
        outcome: outcome ?? 'unknown',
      },
      http: { request: { id: request } },
      kubernetes: { audit: { stage } },
      whodid: { source },
    })
  }
}

async function related(n: number, hide: readonly string[] = []): Promise<RelatedAnswer> {
  const token = api.token({ scope: 'read', hide })
  const url = `/v1/events/${api.events[n]?.event.id ?? ''}/related`
  const answer = await api.app.inject({ url, headers: bearer(token) })
  expect(answer.statusCode).toBe(200)
  return answer.json<RelatedAnswer>()
}

const stagesOf = ({ events }: RelatedAnswer) => events.map((each: AuditEvent) => each['kubernetes'])
const idsOf = ({ events }: RelatedAnswer) => events.map(({ event }) => event.id)

test('gives the stages of one request in order, and that it is complete', async () => {
  store({ stage: 'RequestReceived' }, { stage: 'ResponseStarted' }, { stage: 'ResponseComplete' })

  const answer = await related(1)

  expect(stagesOf(answer)).toMatchObject([
    { audit: { stage: 'RequestReceived' } },
    { audit: { stage: 'ResponseStarted' } },
    { audit: { stage: 'ResponseComplete' } },
  ])
  expect(answer).toMatchObject({ joinedBy: 'http.request.id', complete: true })
  expect(answer.finding).toBeUndefined()
})

test('another request, and the same name said by another source, are not in it', async () => {
  store({ stage: 'RequestReceived' }, { stage: 'ResponseComplete', request: 'R-1' })
  store({ stage: 'ResponseComplete', source: 'somebody-else' })

  const answer = await related(0)

  expect(idsOf(answer)).toEqual([api.events[0]?.event.id])
  expect(answer.complete).toBe(false)
})

test('a request that nobody answered is a finding once it should have been', async () => {
  store({ stage: 'RequestReceived' })
  api.pass(-59 * MINUTE_MS)
  expect(await related(0)).toMatchObject({ complete: false })
  expect((await related(0)).finding).toBeUndefined()

  api.pass(10 * MINUTE_MS)

  expect(await related(0)).toMatchObject({ complete: false, finding: 'never completed' })
})

test('a watch has longer', async () => {
  store({ stage: 'RequestReceived' }, { stage: 'ResponseStarted' })
  expect((await related(0)).finding).toBeUndefined()

  api.pass(DAY_MS)

  expect((await related(0)).finding).toBe('never completed')
})

test('a failed sign-in is over with its one stage', async () => {
  store({ stage: 'ResponseStarted', outcome: 'failure' })
  api.pass(2 * DAY_MS)

  expect(await related(0)).toMatchObject({ complete: true })
})

test('an event that belongs to no request stands alone', async () => {
  api.events.push(anEvent(0, { whodid: { source: 'prod-1' } }))

  const answer = await related(0)

  expect(answer.events).toHaveLength(1)
  expect(answer).not.toHaveProperty('joinedBy')
  expect(answer).not.toHaveProperty('complete')
})

test('nothing is joined by what is hidden, and nothing concluded from it', async () => {
  store({ stage: 'RequestReceived' }, { stage: 'ResponseComplete' })

  const alone = await related(0, ['http.request.id'])
  expect(alone.events).toHaveLength(1)
  expect(alone).not.toHaveProperty('joinedBy')
  const together = await related(0, ['event.type'])
  expect(together.events).toHaveLength(2)
  expect(together).not.toHaveProperty('complete')
})

test('an id that is none, and one that is not there, are not found', async () => {
  const headers = bearer(api.token({ scope: 'read' }))
  const missing = Buffer.alloc(16, 9).toString('base64url')
  for (const id of ['x', missing]) {
    expect((await api.app.inject({ url: `/v1/events/${id}/related`, headers })).statusCode).toBe(404)
  }
})

test('joins the lines of one connection, and of a line that names none those of its process, and finds nothing amiss', async () => {
  const line = (n: number, pid: string, connection?: string): AuditEvent => {
    const { event, ...rest } = anEvent(n)
    const trace = connection === undefined ? {} : { trace: { id: connection } }
    const process = { entity_id: pid }
    return {
      ...rest,
      event: { ...event, action: 'ssh_login', type: ['start'] },
      process,
      ...trace,
      whodid: { source: 'web' },
    }
  }
  api.events.push(line(0, 'p-1', 'c-1'), line(1, 'p-1'), line(2, 'p-2', 'c-1'), line(3, 'p-2', 'c-2'))

  const ids = api.events.map(({ event }) => event.id)
  const [ofConnection, ofProcess] = [await related(0), await related(1)]

  expect(ofConnection).toMatchObject({ joinedBy: 'trace.id' })
  expect(idsOf(ofConnection)).toEqual([ids[0], ids[2]])
  expect(ofConnection.finding).toBeUndefined()
  expect(ofProcess).toMatchObject({ joinedBy: 'process.entity_id' })
  expect(idsOf(ofProcess)).toEqual([ids[0], ids[1]])
})
