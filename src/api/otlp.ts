import type { FastifyInstance } from 'fastify'

import { otlpReceiver } from '../sources/otlp.ts'
import type { ApiDeps } from './deps.ts'
import { handOver } from './receivers.ts'

/** `POST /v1/logs`: OTLP over HTTP at its own path, for the source that the token says. */
export function addOtlpRoute(app: FastifyInstance, deps: ApiDeps): void {
  const config = { needs: ['EVENT_WRITE'], takesRecords: true } as const
  app.post('/v1/logs', { config, bodyLimit: deps.limits.requestBytes }, (request, reply) => {
    const receiver = otlpReceiver(deps.receiver(request.caller?.source ?? ''))
    return handOver(receiver, '', request, reply, deps)
  })
}
