import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import { addAccounting, NOTHING } from '../domain/accounting.ts'
import type { AccountingAnswer } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { hourOf, hourText } from '../ingest/hours.ts'
import type { ApiDeps } from './deps.ts'
import { parseParams } from './input.ts'
import { resolveRun } from './run.ts'
import { refuseWhoMayNotNameSources } from './sources.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

/** What became of a source's records, hour by hour, for those who may see how sources stand. */
export function addSourceAccountingRoute(app: FastifyInstance, deps: ApiDeps): void {
  const config = { needs: ['EVENT_READ'] } as const

  app.get<{ Params: { name: string } }>('/v1/sources/:name/accounting', { config }, async (request) => {
    const { visibility, params, query } = request
    refuseWhoMayNotNameSources(request)
    const now = deps.clock.now()
    const asked = resolveRun(parseParams(range, query), now, visibility.fields)
    const untilMs = asked.untilMs ?? now + 1
    const sinceMs = asked.sinceMs ?? untilMs - DAY_MS
    // Whole hours: those of which anything is in the range.
    const [since, until] = [hourOf(sinceMs), Math.ceil(untilMs / HOUR_MS)]
    const hours = deps.hours(params.name, since, until)
    if (hours.length === 0 && !deps.sources().some(({ name }) => name === params.name))
      throw new AuditError('not_found', `there is no source ${params.name}`, { hint: 'GET /v1/sources lists them' })
    return {
      source: params.name,
      since: hourText(since),
      until: hourText(until),
      total: hours.reduce((sum, { accounting }) => addAccounting(sum, accounting), NOTHING),
      hours: hours.map(({ hour, accounting }) => ({ from: hourText(hour), accounting })),
    } satisfies AccountingAnswer
  })
}

const range = z.strictObject({
  since: z.string().max(64).optional(),
  until: z.string().max(64).optional(),
  zone: z.string().max(64).optional(),
})
