import { type FastifyInstance, type FastifyReply, fastify } from 'fastify'

import type { Permission } from '../auth/judge.ts'
import { AuditError } from '../domain/errors.ts'
import { addAccessAuditRoutes } from './access-audits.ts'
import { addBackupRoutes } from './backups.ts'
import { addBodyBudget } from './body-budget.ts'
import type { ApiDeps } from './deps.ts'
import { addEventReadRoutes } from './events-read.ts'
import { addEventWriteRoutes } from './events-write.ts'
import { addEventRoutes } from './event-one.ts'
import { addProofRoute } from './event-proof.ts'
import { addRelatedRoute } from './event-related.ts'
import { addErasureRoutes } from './erasures.ts'
import { addEvidenceRoutes } from './evidence.ts'
import { addFieldRoutes } from './fields.ts'
import { SECURITY_HEADERS, addGate } from './gate.ts'
import { addHealthRoutes } from './health.ts'
import { SMALL_BODY_BYTES } from './input.ts'
import { addLedgerRoutes } from './ledger.ts'
import { addMeRoutes } from './me.ts'
import { addOtlpRoute } from './otlp.ts'
import { addProblems, sendProblem } from './problems.ts'
import { addReceiverRoutes } from './receivers.ts'
import { addRuleRoutes } from './rules.ts'
import { addSessionRoutes } from './session.ts'
import { addRejectedRoutes } from './rejected.ts'
import { addRereadRoute } from './reread.ts'
import { addSourceAccountingRoute } from './source-accounting.ts'
import { addSourceRoutes } from './sources.ts'
import { addScrubRoutes } from './scrub.ts'
import { addStatic } from './static.ts'
import { addStreamRoutes } from './streams.ts'
import { addTailRoute } from './tail.ts'
import { addTokenRoutes } from './tokens.ts'
import { createTrail, type Trail } from './trail.ts'

/** HTTP over the write and the read path. */
export interface Api {
  readonly app: FastifyInstance
  /** Every route with what it asks for, as the router has them. */
  readonly routes: readonly RouteEntry[]
}

interface RouteEntry {
  readonly method: string
  readonly url: string
  readonly needs: readonly Permission[]
}

/** Builds the routes; listens to nothing. A route that does not say its permission throws here. */
export function createApi(deps: ApiDeps): Api {
  const trail = createTrail(deps)
  const { app, routes } = createGated(deps, trail)
  addHealthRoutes(app, deps)
  addSessionRoutes(app, deps, trail)
  addMeRoutes(app, deps)
  addEventWriteRoutes(app, deps)
  addEventReadRoutes(app, deps, trail)
  addTailRoute(app, deps, trail)
  addEventRoutes(app, deps)
  addRelatedRoute(app, deps)
  addProofRoute(app, deps)
  addEvidenceRoutes(app, deps, trail)
  addBackupRoutes(app, deps, trail)
  addErasureRoutes(app, deps)
  addFieldRoutes(app)
  addTokenRoutes(app, deps, trail)
  addLedgerRoutes(app, deps)
  addScrubRoutes(app, deps, trail)
  addReceiverRoutes(app, deps)
  addOtlpRoute(app, deps)
  addSourceRoutes(app, deps)
  addSourceAccountingRoute(app, deps)
  addRejectedRoutes(app, deps, trail)
  addRereadRoute(app, deps, trail)
  addAccessAuditRoutes(app, deps)
  addRuleRoutes(app, deps)
  addStreamRoutes(app, deps)
  addStatic(app, deps)
  return { app, routes }
}

type ReceiverApiDeps = GatedDeps & Pick<ApiDeps, 'emitFor' | 'receiver' | 'readiness'>

/** The receivers and the two questions after health alone: what a forwarder serves, which has no trail. */
export function createReceiverApi(deps: ReceiverApiDeps): FastifyInstance {
  const { app } = createGated(deps, { refused: () => undefined })
  addHealthRoutes(app, deps)
  addReceiverRoutes(app, deps)
  return app
}

type GatedDeps = Pick<ApiDeps, 'auth' | 'clock' | 'limits' | 'logError' | 'publicUrl' | 'tls'>

/** What stands before every route. */
function createGated(deps: GatedDeps, trail: Pick<Trail, 'refused'>): Api {
  const app: FastifyInstance = fastify({
    ...(deps.tls !== undefined && { https: { ...deps.tls, handshakeTimeout: HANDSHAKE_MS } }),
    // Whoever nobody knows can have no more read of them; routes that take records say their own.
    bodyLimit: SMALL_BODY_BYTES,
    frameworkErrors: refuseAddress,
    // A tail or a follower's keep-alive connection must not hold up the end of the process.
    forceCloseConnections: true,
    requestTimeout: 120_000,
    routerOptions: { maxParamLength: 512 },
  })
  const routes = collectRoutes(app)
  takeBodiesAsBytes(app)
  addProblems(app, deps)
  addGate(app, deps, trail)
  // Behind the gate: who may not call takes no room.
  addBodyBudget(app, deps)
  return { app, routes }
}

const HANDSHAKE_MS = 20_000

function collectRoutes(app: FastifyInstance): readonly RouteEntry[] {
  const routes: RouteEntry[] = []
  app.addHook('onRoute', (route) => {
    const needs = route.config?.needs
    if (needs === undefined) throw new Error(`route ${String(route.method)} ${route.url} names no permission`)
    for (const method of [route.method].flat()) routes.push({ method, url: route.url, needs })
  })
  return routes
}

/** An address that the router cannot read reaches no hook: broken percent signs, an endless name. */
function refuseAddress(error: Error, _request: unknown, reply: FastifyReply): void {
  const hint = 'write it in UTF-8, with a percent sign before each escaped byte'
  void sendProblem(
    reply.headers(SECURITY_HEADERS),
    new AuditError('bad_request', 'this is no address of ours', { hint, cause: error }),
  )
}

/** Every body is bytes: inflating, splitting and parsing is done where its limits are known. */
function takeBodiesAsBytes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
}
