import type { FastifyInstance } from 'fastify'

import type { ApiDeps } from './deps.ts'

/** `/healthz`: the process answers. `/readyz`: it takes and finds events, or says why not. */
export function addHealthRoutes(app: FastifyInstance, deps: Pick<ApiDeps, 'readiness'>): void {
  const config = { needs: ['PUBLIC'] } as const
  app.get('/healthz', { config }, () => ({ status: 'ok' }))
  app.get('/readyz', { config }, (_request, reply) => {
    const { ready, reasons } = deps.readiness()
    return reply.code(ready ? 200 : 503).send({ ready, reasons })
  })
}
