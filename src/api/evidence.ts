import { Readable } from 'node:stream'

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'

import type { JobAnswer } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/event.ts'
import { BLOCK_NAMES, type BlockName } from '../domain/sealed.ts'
import type { ApiDeps } from './deps.ts'
import { writeEvidencePack } from './evidence-pack.ts'
import { parseBody } from './input.ts'
import type { Job } from './jobs.ts'
import { resolveRun, runParams } from './run.ts'
import type { Act, Trail } from './trail.ts'

/** What a pack discloses unless it is told: the record itself only when it is asked for. */
const DEFAULT_DISCLOSE: readonly BlockName[] = ['actor', 'place', 'target', 'body']

const evidenceBody = z.strictObject({
  query: runParams.q,
  since: runParams.since,
  until: runParams.until,
  zone: runParams.zone,
  kind: z.enum(['range', 'selection']).default('range'),
  disclose: z.array(z.enum(BLOCK_NAMES)).max(BLOCK_NAMES.length).optional(),
})

const needs = { config: { needs: ['EVENT_READ', 'EVENT_EXPORT', 'LEDGER_READ'] } } as const
const KIND = 'evidence'

/** Evidence packs: made as a job, asked after, fetched by who made them. */
export function addEvidenceRoutes(app: FastifyInstance, deps: ApiDeps, trail: Trail): void {
  app.post('/v1/evidence', needs, async (request, reply) => {
    const { query = '', disclose = DEFAULT_DISCLOSE, kind, ...range } = parseBody(evidenceBody, request)
    refuseLoneOriginal(disclose)
    const { caller, visibility } = request
    const createdAt = deps.clock.now()
    const run = { ...resolveRun({ q: query, ...range }, createdAt, visibility.fields), asOf: deps.acked() }
    const asked: JsonObject = { query, ...range, kind, disclose }
    const made = {
      kind,
      query,
      run,
      disclose: BLOCK_NAMES.filter((block) => disclose.includes(block)),
      createdBy: caller?.name ?? '',
      createdAt,
    }
    const job = deps.evidence.jobs.start(KIND, caller?.id ?? '', async (bench) => {
      await searchableUpTo(deps, run.asOf, bench.signal)
      const answer = await writeEvidencePack(deps, made, visibility, bench)
      const { sha256, events, leaves, logs } = answer
      trail.record(request, caller, packAct('evidence-finish', 'end', job.id, { sha256, events, leaves, logs }))
      return { sha256, events, leaves, logs }
    })
    // Told before the first row is read: also of a pack that comes to nothing.
    trail.record(request, caller, packAct('evidence-create', 'creation', job.id, asked))
    return reply.code(202).header('location', `/v1/evidence/${job.id}`).send(job.answer())
  })

  app.get<ById>('/v1/evidence/:id', needs, async (request): Promise<JobAnswer> => jobOf(request).answer())

  app.get<ById>('/v1/evidence/:id/file', needs, async (request, reply) => {
    const job = jobOf(request)
    const answer = job.answer()
    if (answer.state !== 'done') {
      const hint = `GET /v1/evidence/${job.id} says how far it is`
      throw new AuditError('conflict', `pack ${job.id} is ${answer.state}`, { hint, retryAfterMs: 1000 })
    }
    trail.record(request, request.caller, packAct('evidence-fetch', 'access', job.id, {}))
    return reply
      .type('application/x-tar')
      .header('content-disposition', `attachment; filename="evidence-${job.id}.tar"`)
      .header('content-length', answer.sizeBytes)
      .send(Readable.from(contentOf(job, answer.sizeBytes)))
  })

  /** Of one's own making: what another one may see is another pack. */
  function jobOf(request: FastifyRequest<ById>): Job {
    const { id } = request.params
    const job = deps.evidence.jobs.find(KIND, id)
    if (job !== undefined && job.by === (request.caller?.id ?? '')) return job
    const hint = 'a pack is kept for 7 days, not over a restart of the server, and only for who made it'
    throw new AuditError('not_found', 'there is no such pack', { hint })
  }
}

interface ById {
  Params: { id: string }
}

/** A pack holds what was acknowledged before it was asked for, also where the store is behind. */
async function searchableUpTo(
  { asOf, onSearchable }: Pick<ApiDeps, 'asOf' | 'onSearchable'>,
  feed: number,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const look = (): void => {
    if (asOf() >= feed || signal.aborted) resolve()
  }
  const listening = onSearchable(look)
  signal.addEventListener('abort', look)
  look()
  await promise
  listening.cancel()
  signal.removeEventListener('abort', look)
  signal.throwIfAborted()
}

/** It repeats what the others hold, so it comes with all of them or not at all. */
function refuseLoneOriginal(disclose: readonly BlockName[]): void {
  const missing = BLOCK_NAMES.filter((block) => !disclose.includes(block))
  if (!disclose.includes('original') || missing.length === 0) return
  const faults = [{ path: 'disclose', message: 'has original without all others' }]
  throw new AuditError('bad_request', 'original repeats what all other blocks hold', {
    faults,
    hint: `disclose ${missing.join(', ')} too, or leave original out`,
  })
}

const COPY_BYTES = 1024 * 1024

async function* contentOf(job: Job, sizeBytes: number): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < sizeBytes; at += COPY_BYTES) yield await job.read(at, COPY_BYTES)
}

function packAct(action: string, type: Act['type'], id: string, asked: JsonObject): Act {
  return {
    action,
    category: 'database',
    type,
    outcome: 'success',
    resource: { type: 'evidence', id },
    authz: { decision: 'allow', permission: 'EVENT_EXPORT', engine: 'whodid' },
    asked,
  }
}
