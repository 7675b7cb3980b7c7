import type { FastifyInstance, FastifyRequest } from 'fastify'

import { AuditError } from '../domain/errors.ts'
import type { ApiDeps, Limits } from './deps.ts'

/**
 * Bounds what all bodies with records that are being read or worked on may take together. A request is counted with the
 * length it declares, one without with the most it could have; beyond the bound it is told to come again. Small bodies are
 * not counted: nobody who only knocks at the door takes room from those who send records. Who sends a body too slowly is
 * cut off, so that a few of them do not hold the room of all.
 */
export function addBodyBudget(app: FastifyInstance, { limits, clock }: Pick<ApiDeps, 'limits' | 'clock'>): void {
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
    const rate = holdToRate(request, clock)
    reply.raw.once('close', () => {
      rate.cancel()
      release(request)
    })
  })
}

const LOOK_MS = 10_000
/** Of the slowest links that senders of records have. */
const LEAST_BYTES_PER_SECOND = 32 * 1024

/** Ends the connection of a body of which too little came since the last look; senders try again elsewhere or later. */
function holdToRate({ raw }: FastifyRequest, clock: ApiDeps['clock']): { cancel(): void } {
  let before = raw.socket.bytesRead
  const look = (): void => {
    if (raw.complete) return
    const now = raw.socket.bytesRead
    if (now - before < (LEAST_BYTES_PER_SECOND * LOOK_MS) / 1000) raw.socket.destroy()
    before = now
    timer = clock.later(LOOK_MS, look)
  }
  let timer = clock.later(LOOK_MS, look)
  return { cancel: () => timer.cancel() }
}

const BODIES_AT_ONCE = 8

function declaredBytes(request: FastifyRequest, limits: Limits): number {
  const { 'content-length': length, 'transfer-encoding': encoding, 'content-encoding': content } = request.headers
  // Inflated, it can be as large as is allowed at all.
  if (encoding !== undefined || (content !== undefined && content !== 'identity')) return limits.requestBytes
  return Math.min(Number(length ?? 0), limits.requestBytes)
}
