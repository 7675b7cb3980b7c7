import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'

import type { RejectedAnswer } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { formatMillis } from '../domain/time.ts'
import { type Refeed, replay } from '../ingest/replay.ts'
import type { KeptRecord, Selection } from '../state/rejected-records.ts'
import type { ApiDeps } from './deps.ts'
import { parseBody, parseParams, wholeNumber } from './input.ts'
import type { Act, Trail } from './trail.ts'

/**
 * Records that could become no event: listed, read, fed again, thrown away. Nothing in them was understood, so no field
 * of theirs can be hidden: they are for administrators who may see all.
 */
export function addRejectedRoutes(app: FastifyInstance, deps: ApiDeps, trail: Trail): void {
  const reads = { config: { needs: ['EVENT_READ_RAW', 'SOURCE_EDIT'] } } as const
  const edits = { config: { needs: ['SOURCE_EDIT'] } } as const

  app.get<Named>('/v1/sources/:name/rejected', reads, async (request) => {
    refuseWhoMayNotSeeAll(request)
    const { reason, limit = PAGE, cursor } = parseParams(listParams, request.query)
    // One more than is shown, to know whether there are more.
    const found = await deps.rejected.list(request.params.name, reason, cursor, limit + 1)
    const shown = found.slice(0, limit)
    const last = shown.at(-1)
    return {
      rejected: shown.map(answerOf),
      ...(found.length > limit && last !== undefined && { next: String(last.id) }),
    }
  })

  app.get<Named & { Params: { id: string } }>('/v1/sources/:name/rejected/:id', reads, async (request, reply) => {
    refuseWhoMayNotSeeAll(request)
    const { name, id } = request.params
    const record = /^\d{1,15}$/.test(id) ? await deps.rejected.get(name, Number(id)) : undefined
    if (record === undefined) {
      const hint = 'it may have become an event, or had to go: GET /v1/sources/NAME/rejected lists what is kept'
      throw new AuditError('not_found', `source ${name} has no rejected record ${id}`, { hint })
    }
    // Somebody else wrote these bytes: never a type that a browser would run.
    return reply.type('application/octet-stream').send(Buffer.from(record.bytes))
  })

  app.post<Named>('/v1/sources/:name/rejected::replay', edits, async (request) => {
    const { name } = request.params
    const { after, ...asked } = parseBody(selectionAfter, request)
    const refeed = refeedOf(deps, name)
    const answer = await replay(
      deps.rejected,
      refeed,
      name,
      selectionOf(asked),
      after === undefined ? 0 : Number(after),
    )
    if (answer.replayed > 0)
      trail.record(request, request.caller, actOn('replay', 'creation', name, asked, answer.replayed))
    return answer
  })

  app.post<Named>('/v1/sources/:name/rejected::discard', edits, async (request) => {
    const { name } = request.params
    const asked = parseBody(selection, request)
    const discarded = await deps.rejected.discard(name, selectionOf(asked))
    if (discarded > 0) trail.record(request, request.caller, actOn('discard', 'deletion', name, asked, discarded))
    return { discarded }
  })
}

/** Throws `unsupported` for a source of which nothing is known. */
export function refeedOf(deps: Pick<ApiDeps, 'refeed'>, name: string): Refeed {
  const refeed = deps.refeed(name)
  if (refeed !== undefined) return refeed
  const hint = 'name it under sources in whodid.yaml; one that only a token names must have sent since the start'
  throw new AuditError('unsupported', `source ${name} is not configured: nobody knows what its records are`, { hint })
}

interface Named {
  Params: { name: string }
}

const PAGE = 50
const MOST_IDS = 1000

const listParams = z.strictObject({
  reason: z.string().max(100).optional(),
  limit: wholeNumber(1, 1000).optional(),
  cursor: wholeNumber(1).optional(),
})

const id = z.string().regex(/^\d{1,15}$/, 'an id of a rejected record is a number, as text')
const which = {
  ids: z.array(id).min(1).max(MOST_IDS).optional(),
  reason: z.string().max(100).optional(),
  all: z.literal(true).optional(),
}
const selection = z.strictObject(which)
const selectionAfter = z.strictObject({ ...which, after: id.optional() })

type Asked = z.infer<typeof selection>

function selectionOf({ ids, reason, all }: Asked): Selection {
  if ([ids, reason, all].filter((each) => each !== undefined).length === 1) {
    if (ids !== undefined) return { ids: ids.map(Number) }
    return reason === undefined ? { all: true } : { reason }
  }
  throw new AuditError('bad_request', 'it does not say which records', { hint: 'give one of ids, reason and all' })
}

function actOn(action: string, type: Act['type'], name: string, asked: Asked, records: number): Act {
  const { reason, all, ids } = asked
  const chosen = { ...(reason !== undefined && { reason }), ...(all === true && { all }), ...(ids && { ids }) }
  const resource = { type: 'source', id: name, name }
  return { action, category: 'api', type, outcome: 'success', resource, asked: { ...chosen, records } }
}

/** Whoever may not see a field gets nothing in which it may stand. */
function refuseWhoMayNotSeeAll({ visibility }: FastifyRequest): void {
  if (visibility.fields.size === 0 && visibility.rowFilter === undefined) return
  throw new AuditError('forbidden', 'rejected records are shown to those only from whom nothing is hidden')
}

function answerOf({ id: number, received, format, reason, message, path, held, whole }: KeptRecord): RejectedAnswer {
  return {
    id: String(number),
    received: formatMillis(received),
    format,
    reason,
    message,
    ...(path !== undefined && { path }),
    bytes: whole,
    ...(held < whole && { cut: true as const }),
  }
}
