import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import type { SourceAnswer } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import type { ApiDeps } from './deps.ts'
import { parseParams } from './input.ts'

/** Sources as they stand: for everybody who reads events, since it says what may be missing among them. */
export function addSourceRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const config = { needs: ['EVENT_READ'] } as const

  app.get('/v1/sources', { config }, (request) => {
    parseParams(noParams, request.query)
    return { sources: deps.sources() }
  })

  app.get<{ Params: { name: string } }>('/v1/sources/:name', { config }, (request) => {
    parseParams(noParams, request.query)
    return sourceNamed(deps, request.params.name)
  })
}

const noParams = z.strictObject({})

function sourceNamed({ sources }: ApiDeps, name: string): SourceAnswer {
  const found = sources().find((each) => each.name === name)
  if (found !== undefined) return found
  throw new AuditError('not_found', `there is no source ${name}`, { hint: 'GET /v1/sources lists them' })
}
