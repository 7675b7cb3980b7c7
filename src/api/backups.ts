import { isAbsolute } from 'node:path'

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'

import type { JobAnswer } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/event.ts'
import { isControlConnection } from './control.ts'
import type { ApiDeps } from './deps.ts'
import { parseBody } from './input.ts'
import type { Act, Trail } from './trail.ts'

const backupBody = z.strictObject({
  to: z.string().min(1).max(4096).refine(isAbsolute, 'an absolute path'),
  withKeys: z.boolean().default(false),
})

const needs = { config: { needs: ['ADMIN', 'EVENT_EXPORT', 'KEY_USE'] } } as const
const KIND = 'backup'

/** Copies of the data folder, into a folder of the server's own machine: only its operator may name one. */
export function addBackupRoutes(app: FastifyInstance, deps: ApiDeps, trail: Trail): void {
  app.post('/v1/backups', needs, async (request, reply) => {
    const { to, withKeys } = parseBody(backupBody, request)
    const { caller } = request
    if (deps.backup === undefined || !isControlConnection(request.raw.socket)) {
      const hint = 'run whodid backup on its machine, as its user'
      throw new AuditError('forbidden', 'a backup is asked for on the control socket only', { hint })
    }
    const make = deps.backup
    const job = deps.evidence.jobs.start(KIND, caller?.id ?? '', async ({ tell, signal }) => {
      const details = await make({ to, withKeys, tell, signal })
      trail.record(request, caller, backupAct('backup-finish', 'end', job.id, details))
      return details
    })
    trail.record(request, caller, backupAct('backup-create', 'creation', job.id, { to, withKeys }))
    return reply.code(202).header('location', `/v1/backups/${job.id}`).send(job.answer())
  })

  app.get<ById>('/v1/backups/:id', needs, async (request: FastifyRequest<ById>): Promise<JobAnswer> => {
    const job = deps.evidence.jobs.find(KIND, request.params.id)
    if (job === undefined) throw new AuditError('not_found', 'there is no such backup')
    return job.answer()
  })
}

interface ById {
  Params: { id: string }
}

function backupAct(action: string, type: Act['type'], id: string, asked: JsonObject): Act {
  return {
    action,
    category: 'database',
    type,
    outcome: 'success',
    resource: { type: 'backup', id },
    authz: { decision: 'allow', permission: 'ADMIN', engine: 'whodid' },
    asked,
  }
}
