import fastifyStatic from '@fastify/static'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import type { FastifyInstance } from 'fastify'

import { AuditError } from '../domain/errors.ts'
import type { ApiDeps } from './deps.ts'
import { sendProblem } from './problems.ts'

/** The built UI. A path that is no file and no route is a page of it: the browser's router takes over. */
export function addStatic(app: FastifyInstance, deps: Pick<ApiDeps, 'uiFolder'>): void {
  const folder = deps.uiFolder
  const hasUi = folder !== undefined && existsSync(join(folder, 'index.html'))
  if (hasUi) {
    const options = { root: folder, wildcard: false, index: false, serve: false } as const
    void app.register(fastifyStatic, options)
    app.get('/', { config: { needs: ['PUBLIC'] } }, (_request, reply) => reply.sendFile('index.html', NEVER_KEPT))
    // Their names change with their content.
    app.get<{ Params: { '*': string } }>('/assets/*', { config: { needs: ['PUBLIC'] } }, (request, reply) =>
      reply.sendFile(`assets/${request.params['*']}`, { maxAge: '365d', immutable: true }),
    )
    app.get<{ Params: { file: string } }>('/:file', { config: { needs: ['PUBLIC'] } }, (request, reply) => {
      const { file } = request.params
      return /^\w[\w.-]*$/.test(file) && existsSync(join(folder, file))
        ? reply.sendFile(file, NEVER_KEPT)
        : reply.callNotFound()
    })
  }
  app.setNotFoundHandler((request, reply) => {
    const wantsPage = request.method === 'GET' && (request.headers.accept ?? '').includes('text/html')
    if (hasUi && wantsPage && !isOurs(request.url)) return reply.sendFile('index.html', NEVER_KEPT)
    const hint = 'the routes are described in docs/api.md'
    return sendProblem(
      reply,
      new AuditError('not_found', `there is no ${request.method} ${pathOf(request.url)}`, { hint }),
    )
  })
}

const NEVER_KEPT = { maxAge: 0, cacheControl: false } as const

/** Paths of the API never answer with a page. */
function isOurs(url: string): boolean {
  return /^\/(v1|in|log|assets)(\/|$|\?)/.test(url)
}

function pathOf(url: string): string {
  return url.split('?', 1)[0]?.slice(0, 200) ?? ''
}
