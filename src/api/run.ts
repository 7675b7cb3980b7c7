import { z } from 'zod'

import { AuditError } from '../domain/errors.ts'
import type { Query } from '../query/ast.ts'
import { readMoment } from '../query/moment.ts'
import { parseQuery } from '../query/parse.ts'
import type { HiddenFields } from '../query/resolve.ts'

/** Query parameters that say what a run looks at: shared by list, summary and pages. */
export const runParams = {
  q: z.string().max(8192).optional(),
  since: z.string().max(64).optional(),
  until: z.string().max(64).optional(),
  asOf: z
    .string()
    .regex(/^\d{1,15}$/, 'is the asOf of an earlier answer')
    .optional(),
  zone: z.string().max(64).optional(),
}

export interface RunParams {
  readonly q?: string | undefined
  readonly since?: string | undefined
  readonly until?: string | undefined
  readonly asOf?: string | undefined
  readonly zone?: string | undefined
}

/** A run resolved at one instant: relative times are fixed. */
export interface ResolvedRun {
  readonly query: Query | undefined
  readonly sinceMs?: number
  readonly untilMs?: number
}

/**
 * Reads query and range as this reader may ask: a hidden field is an unknown one. `since` and `until` are what the query language takes for them: `7d`, `2026-11-01`, RFC 3339.
 * Throws `invalid_query` or `bad_request`.
 *
 * @param nowMs what relative times count from; the pages of a run share it.
 * @param hashed what finds hashed values, too; undefined: no rule hashes.
 */
export function resolveRun(
  params: RunParams,
  nowMs: number,
  hidden: HiddenFields,
  hashed?: (query: Query) => Query,
): ResolvedRun {
  const zone = zoneOf(params)
  const text = params.q?.trim() ?? ''
  const query = text === '' ? undefined : parseQuery(params.q ?? '', { now: nowMs, zone, hidden })
  const sinceMs = edgeMs('since', params.since, nowMs, zone)
  const untilMs = edgeMs('until', params.until, nowMs, zone)
  const asked = query === undefined ? undefined : (hashed?.(query) ?? query)
  return { query: asked, ...(sinceMs !== undefined && { sinceMs }), ...(untilMs !== undefined && { untilMs }) }
}

/** The IANA zone of a request, UTC unless it names one. Throws `bad_request` for one that does not exist. */
export function zoneOf(params: Pick<RunParams, 'zone'>): string {
  const { zone = 'UTC' } = params
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone
  } catch (cause) {
    const faults = [{ path: 'zone', message: 'is no time zone' }]
    throw new AuditError('bad_request', 'zone is no time zone', {
      cause,
      faults,
      hint: 'write one like Europe/Stockholm',
    })
  }
}

function edgeMs(name: string, text: string | undefined, nowMs: number, zone: string): number | undefined {
  if (text === undefined || text === '') return undefined
  const moment = readMoment(text, nowMs, zone)
  if (moment !== undefined) return Math.ceil(moment.from / 1000)
  const hint = 'write 7d, 90m, 2026-11-01 or 2026-11-01T10:00:00Z'
  const faults = [{ path: name, message: 'is no time' }]
  throw new AuditError('bad_request', `${name} is no time`, { hint, faults })
}
