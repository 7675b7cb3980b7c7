import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'

import { AuditError } from '../domain/errors.ts'
import type { Receiver } from '../sources/source.ts'
import { closedSignal } from './closed.ts'
import type { ApiDeps } from './deps.ts'
import { emitOf } from './events-write.ts'
import { bodyOf } from './input.ts'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT']

/**
 * `/in/NAME`: the receiver that is configured under this name, for its own secret or a token that writes as this source.
 * A name that is not configured answers like a wrong secret, so names cannot be guessed.
 */
export function addReceiverRoutes(app: FastifyInstance, deps: Pick<ApiDeps, 'emitFor' | 'receiver' | 'limits'>): void {
  const config = { needs: ['EVENT_WRITE'], isReceiver: true, takesRecords: true } as const
  const bodyLimit = deps.limits.requestBytes
  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    const { name, '*': below } = receiverParams.parse(request.params)
    const receiver = deps.receiver(name)
    if (receiver === undefined) {
      const hint = 'name it under sources in whodid.yaml'
      throw new AuditError('not_found', `no receiver ${name} is configured`, { hint })
    }
    return handOver(receiver, below === undefined ? '' : `/${below}`, request, reply, deps)
  }
  app.route({ method: METHODS, url: '/in/:name', config, bodyLimit, handler })
  app.route({ method: METHODS, url: '/in/:name/*', config, bodyLimit, handler })
}

/** Hands a request to a receiver, whose answer is sent as it says. */
export async function handOver(
  receiver: Receiver,
  path: string,
  request: FastifyRequest,
  reply: FastifyReply,
  deps: Pick<ApiDeps, 'emitFor' | 'limits'>,
): Promise<FastifyReply> {
  const received = {
    method: request.method,
    path,
    query: request.url.split('?', 2)[1] ?? '',
    headers: headersOf(request),
    body: await bodyOf(request, deps.limits),
  }
  const answer = await receiver.handle(received, emitOf(request, deps), closedSignal(reply))
  void reply.code(answer.status).headers({ ...answer.headers })
  if (answer.body instanceof Uint8Array) return reply.send(Buffer.from(answer.body))
  return answer.body === undefined ? reply.send() : reply.send(answer.body)
}

const receiverParams = z.object({ name: z.string(), '*': z.string().optional() })

function headersOf(request: FastifyRequest): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  for (const [name, value] of Object.entries(request.headers)) {
    // The credential was judged; nobody behind the gate needs it.
    if (value !== undefined && name !== 'authorization' && name !== 'cookie')
      headers.set(name, [value].flat().join(', '))
  }
  return headers
}
