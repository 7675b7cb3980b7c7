import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'

import type { Receipt } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { recordsOf } from '../sources/body.ts'
import type { Emit, SourceRecord } from '../sources/source.ts'
import { closedSignal } from './closed.ts'
import type { ApiDeps } from './deps.ts'
import { bodyOf, parseParams } from './input.ts'
import { sendProblem } from './problems.ts'
import { createProofWait } from './written-proofs.ts'

const writeParams = z.strictObject({ wait: z.enum(['proof']).exactOptional() })

/**
 * `POST /v1/events`: answered once every record is durable and sealed, with one result for each in the order sent. One
 * record that cannot be taken fails by itself; 422 only when all did.
 */
export function addEventWriteRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const options = {
    config: { needs: ['EVENT_WRITE'], takesRecords: true },
    bodyLimit: deps.limits.requestBytes,
  } as const

  const proofs = createProofWait(deps)

  app.post('/v1/events', options, async (request, reply) => {
    const { wait } = parseParams(writeParams, request.query)
    if (wait === 'proof') proofs.room()
    const emit = emitOf(request, deps)
    const idempotencyKey = idempotencyKeyOf(request)
    const records = await readRecords(request, deps)
    try {
      const signal = closedSignal(reply)
      const how = { signal, ...(idempotencyKey !== undefined && { idempotencyKey }) }
      const receipt = await emit(records, how)
      const answer = wait === 'proof' ? await proofs.wait(receipt, signal) : receipt
      return reply.code(isAllRejected(receipt) ? 422 : 200).send(answer)
    } catch (error) {
      // RFC draft-ietf-httpapi-idempotency-key-header section 2.7: a key that comes with another body is 422.
      const isReused = idempotencyKey !== undefined && error instanceof AuditError && error.code === 'conflict'
      if (isReused) return sendProblem(reply, error, 422)
      throw error
    }
  })
}

/** The way in for the one source that this credential writes as. Throws `unsupported` when nothing can be taken for it. */
export function emitOf(request: FastifyRequest, deps: Pick<ApiDeps, 'emitFor'>): Emit {
  const source = request.caller?.source ?? ''
  const emit = deps.emitFor(source)
  if (emit !== undefined) return emit
  const hint = 'this server takes no events for that source: see sources in whodid.yaml'
  throw new AuditError('unsupported', `no events are taken for source ${source} here`, { hint })
}

async function readRecords(request: FastifyRequest, { limits }: ApiDeps): Promise<readonly SourceRecord[]> {
  const body = await bodyOf(request, limits)
  const records = recordsOf(body, request.headers['content-type'], 'ecs', limits.records)
  if (records.length > 0) return records
  throw new AuditError('bad_request', 'the body holds no record', {
    hint: 'send a JSON object, a JSON array or NDJSON',
  })
}

function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const header = request.headers['idempotency-key']
  if (header === undefined) return undefined
  const key = [header].flat().join(',')
  // Also as a structured-field string, in quotes, as the draft writes it.
  const plain = /^"(.*)"$/.exec(key)?.[1] ?? key
  if (/^[\x21-\x7e]{1,255}$/.test(plain)) return plain
  const hint = 'use 1 to 255 letters, digits and signs of ASCII, without spaces'
  throw new AuditError('bad_request', 'this Idempotency-Key cannot be used', { hint })
}

function isAllRejected(receipt: Receipt): boolean {
  return receipt.received > 0 && receipt.rejected === receipt.received
}
