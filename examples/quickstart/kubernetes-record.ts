import { uuidOf } from './seeded.ts'

/** Lines as a Kubernetes API server writes them, made from few words. */

export interface KubernetesUser {
  readonly username: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

export interface Actor {
  /** Undefined: no valid credential (401). */
  readonly user: KubernetesUser | undefined
  readonly ip: string
  readonly agent: string
  /** Annotation `authorization.k8s.io/reason` when it is allowed. */
  readonly allowedBy: string
}

export interface Request {
  /** Microseconds since 1970. */
  readonly at: number
  readonly actor: Actor
  readonly verb: string
  /** `secrets`, `deployments.apps`, `pods/exec`; or a path that is no resource: `/healthz`. */
  readonly on: string
  readonly namespace?: string
  readonly name?: string
  /** Query of the URI. */
  readonly query?: string
  /** Default 200. */
  readonly code?: number
  /** Instead of the actor's own. */
  readonly allowedBy?: string
  /** Refused by the authorizer. */
  readonly forbidden?: true
  readonly as?: KubernetesUser
  readonly request?: unknown
  readonly response?: unknown
  /** Milliseconds until the answer is complete. Default 4. */
  readonly tookMs?: number
  /** A watch or an exec also says when it began to answer. */
  readonly isLong?: true
}

type Stage = 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete'

/** All stages of one request, a line each. */
export function linesOf(request: Request): readonly string[] {
  const id = uuidOf(JSON.stringify([request.at, request.verb, request.on, request.name, request.actor.user?.username]))
  const took = (request.tookMs ?? 4) * 1000
  // A failed sign-in is told at one stage only, as real servers do.
  if (request.actor.user === undefined) return [lineOf(request, id, 'ResponseStarted', 500)]
  const begun = request.isLong === true ? [lineOf(request, id, 'ResponseStarted', Math.min(3000, took / 2))] : []
  return [lineOf(request, id, 'RequestReceived', 0), ...begun, lineOf(request, id, 'ResponseComplete', took)]
}

function lineOf(request: Request, id: string, stage: Stage, afterMicros: number): string {
  const isAnswered = stage !== 'RequestReceived'
  const withBodies = request.request !== undefined || request.response !== undefined
  const record = {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: withBodies ? 'RequestResponse' : 'Metadata',
    auditID: id,
    stage,
    requestURI: uriOf(request),
    verb: request.verb,
    user: request.actor.user ?? {},
    impersonatedUser: request.as,
    sourceIPs: [request.actor.ip],
    userAgent: request.actor.agent,
    objectRef: refOf(request),
    responseStatus: isAnswered ? statusOf(request) : undefined,
    requestObject: isAnswered ? request.request : undefined,
    responseObject: isAnswered && stage === 'ResponseComplete' ? request.response : undefined,
    requestReceivedTimestamp: timeOf(request.at),
    stageTimestamp: timeOf(request.at + afterMicros),
    annotations: isAnswered ? annotationsOf(request) : undefined,
  }
  // Go escapes what could harm in HTML.
  return JSON.stringify(record)
    .replaceAll('&', String.raw`\u0026`)
    .replaceAll('<', String.raw`\u003c`)
}

interface Thing {
  readonly resource: string
  readonly group: string
  readonly subresource: string | undefined
}

function thingOf(on: string): Thing | undefined {
  if (on.startsWith('/')) return undefined
  const [full = '', subresource] = on.split('/')
  const [resource = '', ...group] = full.split('.')
  return { resource, group: group.join('.'), subresource }
}

function uriOf(request: Request): string {
  const thing = thingOf(request.on)
  const query = request.query === undefined ? '' : `?${request.query}`
  if (thing === undefined) return `${request.on}${query}`
  const root = thing.group === '' ? '/api/v1' : `/apis/${thing.group}/v1`
  const place = request.namespace === undefined ? '' : `/namespaces/${request.namespace}`
  const name = request.name === undefined || request.verb === 'create' ? '' : `/${request.name}`
  const named = thing.subresource === undefined ? name : `/${request.name ?? ''}/${thing.subresource}`
  return `${root}${place}/${thing.resource}${named}${query}`
}

function refOf(request: Request) {
  const thing = thingOf(request.on)
  if (thing === undefined) return undefined
  return {
    resource: thing.resource,
    namespace: request.namespace,
    name: request.name,
    apiGroup: thing.group === '' ? undefined : thing.group,
    apiVersion: 'v1',
    subresource: thing.subresource,
  }
}

const REASONS: ReadonlyMap<number, string> = new Map([
  [401, 'Unauthorized'],
  [403, 'Forbidden'],
  [404, 'NotFound'],
  [409, 'Conflict'],
])

function statusOf(request: Request) {
  const code = request.forbidden === true ? 403 : (request.code ?? 200)
  if (code < 400) return { metadata: {}, code }
  return { metadata: {}, status: 'Failure', message: messageOf(request, code), reason: REASONS.get(code), code }
}

function messageOf(request: Request, code: number): string {
  if (code === 401) return 'Unauthorized'
  const thing = thingOf(request.on)
  const name = `${thing?.resource ?? request.on}${request.name === undefined ? '' : ` "${request.name}"`}`
  if (code === 404) return `${name} not found`
  if (code === 409) return `Operation cannot be fulfilled on ${name}: the object has been modified`
  const who = request.as?.username ?? request.actor.user?.username ?? 'system:anonymous'
  const where = request.namespace === undefined ? 'at the cluster scope' : `in the namespace "${request.namespace}"`
  const what = `resource "${thing?.resource ?? ''}" in API group "${thing?.group ?? ''}"`
  return `${name} is forbidden: User "${who}" cannot ${request.verb} ${what} ${where}`
}

function annotationsOf(request: Request): Readonly<Record<string, string>> | undefined {
  if (request.actor.user === undefined) return undefined
  const isForbidden = request.forbidden === true
  return {
    'authorization.k8s.io/decision': isForbidden ? 'forbid' : 'allow',
    'authorization.k8s.io/reason': isForbidden ? '' : (request.allowedBy ?? request.actor.allowedBy),
  }
}

/** RFC 3339 with microseconds, as Go writes them. */
export function timeOf(micros: number): string {
  const ms = Math.floor(micros / 1000)
  return `${new Date(ms).toISOString().slice(0, -1)}${String(Math.floor(micros - ms * 1000)).padStart(3, '0')}Z`
}
