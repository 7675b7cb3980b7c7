import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'

import type { SourceAnswer } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import type { KeptTotal, LetGo } from '../state/rejected-records.ts'
import type { ApiDeps } from './deps.ts'
import { parseBody, parseParams } from './input.ts'
import { mayName } from './may-name.ts'
import { tryRecords } from './try-records.ts'

/**
 * Sources as they stand, for everybody who reads events, since it says what may be missing among them; and what would
 * become of a sample.
 */
export function addSourceRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const config = { needs: ['EVENT_READ'] } as const

  app.get('/v1/sources', { config }, async (request) => {
    refuseWhoMayNotNameSources(request)
    parseParams(noParams, request.query)
    return { sources: await allSources(deps) }
  })

  app.get<{ Params: { name: string } }>('/v1/sources/:name', { config }, async (request) => {
    refuseWhoMayNotNameSources(request)
    parseParams(noParams, request.query)
    const { name } = request.params
    const found = (await allSources(deps)).find((each) => each.name === name)
    if (found !== undefined) return found
    throw new AuditError('not_found', `there is no source ${name}`, { hint: 'GET /v1/sources lists them' })
  })

  const tries = { config: { needs: ['SOURCE_EDIT'] }, bodyLimit: SAMPLE_BYTES } as const
  app.post('/v1/sources::try', tries, (request) => {
    const { records, format, options, timezone, cluster } = parseBody(sample, request)
    const how = {
      format,
      ...(options !== undefined && { options }),
      ...(timezone !== undefined && { timezone }),
      ...(cluster !== undefined && { cluster }),
    }
    return { records: tryRecords(Buffer.from(records), how, deps.clock.now()) }
  })
}

/** Names and counts of all sources tell of events that a reader may not see. */
export function refuseWhoMayNotNameSources({ visibility }: FastifyRequest): void {
  if (mayName(visibility, 'whodid.source')) return
  throw new AuditError('forbidden', 'sources are shown to those only who may see every event and where it came from')
}

const noParams = z.strictObject({})
const SAMPLE_BYTES = 1024 * 1024

const sample = z.strictObject({
  format: z.string(),
  options: z.record(z.string(), z.unknown()).optional(),
  timezone: z.string().max(100).optional(),
  cluster: z.string().max(300).optional(),
  records: z.string(),
})

async function allSources({ sources, rejected }: ApiDeps): Promise<readonly SourceAnswer[]> {
  // How they stand can be told without it, and is asked for when something is wrong.
  const totals = await rejected.totals().catch(() => undefined)
  if (totals === undefined) return sources()
  return sources().map((source) => ({ ...source, rejectedKept: keptOf(source.name, totals.kept, totals.letGo) }))
}

function keptOf(name: string, kept: readonly KeptTotal[], letGo: readonly LetGo[]) {
  const own = kept.filter(({ source }) => source === name)
  return {
    records: own.reduce((sum, { records }) => sum + records, 0),
    bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
    letGo: letGo.find(({ source }) => source === name)?.records ?? 0,
  }
}
