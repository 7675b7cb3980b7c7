import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import { AuditError } from '../domain/errors.ts'
import { configuredFormat, PARSERS } from '../formats/formats.ts'
import { reread } from '../ingest/reread.ts'
import type { ApiDeps } from './deps.ts'
import { parseBody } from './input.ts'
import { refeedOf } from './rejected.ts'
import { resolveRun } from './run.ts'
import type { Trail } from './trail.ts'

/** Stored originals of a source, read again by the parsers of today: for administrators who may see all. */
export function addRereadRoute(app: FastifyInstance, deps: ApiDeps, trail: Trail): void {
  const config = { needs: ['EVENT_READ_RAW', 'SOURCE_EDIT'] } as const

  app.post<{ Params: { name: string } }>('/v1/sources/:name/events::reread', { config }, async (request) => {
    const { visibility, caller, params } = request
    if (visibility.fields.size > 0 || visibility.rowFilter !== undefined)
      throw new AuditError('forbidden', 'originals are read again only for those from whom nothing is hidden')
    const { after, since, until, dryRun = false, force = false } = parseBody(asked, request)
    const { query: _, ...range } = resolveRun({ since, until }, deps.clock.now(), visibility.fields)
    const answer = await reread(
      { rereads: deps.rereads, format: configuredFormat, parsersNow: PARSERS },
      refeedOf(deps, params.name),
      { source: params.name, afterFeed: Number(after ?? 0), asOf: deps.asOf(), dryRun, force, ...range },
    )
    if (!dryRun && answer.renewed > 0) {
      const resource = { type: 'source', id: params.name, name: params.name }
      const said = { ...(since !== undefined && { since }), ...(until !== undefined && { until }), force }
      const act = { action: 'reread', category: 'api', type: 'change', outcome: 'success', resource } as const
      trail.record(request, caller, { ...act, asked: { ...said, events: answer.renewed } })
    }
    return answer
  })
}

const asked = z.strictObject({
  since: z.string().max(64).optional(),
  until: z.string().max(64).optional(),
  dryRun: z.boolean().optional(),
  force: z.boolean().optional(),
  /** `next` of the answer before. */
  after: z
    .string()
    .regex(/^\d{1,15}$/, 'is the next of an earlier answer')
    .optional(),
})
