import type { FastifyInstance, FastifyRequest } from 'fastify'

import { AuditError } from '../domain/errors.ts'
import type { Limits } from './deps.ts'

/**
 * Bounds what all bodies with records that are being read or worked on may take together. A request is counted with the
 * length it declares, one without with the most it could have; beyond the bound it is told to come again. Small bodies are
 * not counted: nobody who only knocks at the door takes room from those who send records.
 */
export function addBodyBudget(app: FastifyInstance, limits: Limits): void {
  const most = BODIES_AT_ONCE * limits.requestBytes
  const held = new Map<FastifyRequest, number>()
  let sum = 0
  const release = (request: FastifyRequest) => {
    sum -= held.get(request) ?? 0
    held.delete(request)
  }
  app.addHook('onRequest', async (request, reply) => {
    const bytes = request.routeOptions.config.takesRecords === true ? declaredBytes(request, limits) : 0
    if (bytes === 0) return
    if (sum + bytes > most) {
      const hint = 'send the same request again after Retry-After'
      throw new AuditError('busy', 'more requests arrive than memory allows', { retryAfterMs: 1000, hint })
    }
    held.set(request, bytes)
    sum += bytes
    // Also when the caller goes away before it was answered.
    reply.raw.once('close', () => release(request))
  })
}

const BODIES_AT_ONCE = 8

function declaredBytes(request: FastifyRequest, limits: Limits): number {
  const { 'content-length': length, 'transfer-encoding': encoding, 'content-encoding': content } = request.headers
  // Inflated, it can be as large as is allowed at all.
  if (encoding !== undefined || (content !== undefined && content !== 'identity')) return limits.requestBytes
  return Math.min(Number(length ?? 0), limits.requestBytes)
}
