import type { FastifyRequest } from 'fastify'

import type { Caller } from '../auth/caller.ts'
import type { Permission } from '../auth/judge.ts'
import type { Authz, AuditEvent, Json, Resource } from '../domain/event.ts'
import { formatMillis } from '../domain/time.ts'
import { sentCredential } from './caller.ts'
import type { ApiDeps } from './deps.ts'

/** Our own trail: what callers did here, as events of stream `whodid`. */
export interface Trail {
  record(request: FastifyRequest, caller: Caller | undefined, act: Act): void
  /** The same, but repeats within a minute become one more event that counts them: nobody can flood the trail from outside. */
  recordOnce(request: FastifyRequest, caller: Caller | undefined, act: Act & { readonly reason: string }): void
  /** A refusal, recorded once. */
  refused(request: FastifyRequest, caller: Caller | undefined, permission: Permission, reason: string): void
}

export interface Act {
  readonly action: string
  readonly category: 'authentication' | 'iam' | 'database' | 'api'
  readonly type: 'access' | 'change' | 'creation' | 'deletion' | 'start' | 'end' | 'denied'
  readonly outcome: 'success' | 'failure'
  readonly resource?: Resource
  /** What was asked for, without secrets. */
  readonly asked?: Json
  readonly reason?: string
  readonly authz?: Authz
}

/** Somebody who may read events did: a search, a tail. */
export function readAct(action: string): Act {
  return {
    action,
    category: 'database',
    type: 'access',
    outcome: 'success',
    resource: { type: 'event' },
    authz: { decision: 'allow', permission: 'EVENT_READ', engine: 'whodid' },
  }
}

export function createTrail(deps: Pick<ApiDeps, 'trail' | 'clock'>): Trail {
  const record: Trail['record'] = (request, caller, act) =>
    deps.trail({ ...trailEvent(caller, act, deps.clock.now()), ...originOf(request) })
  const repeats = new Map<string, { count: number }>()
  const recordOnce: Trail['recordOnce'] = (request, caller, act) => {
    const key = [caller?.id ?? request.ip, request.method, request.routeOptions.url ?? ''].join(' ')
    const repeated = repeats.get(key)
    if (repeated !== undefined) repeated.count += 1
    if (repeated !== undefined || repeats.size >= MAX_REPEATS) return
    const counted = { count: 0 }
    repeats.set(key, counted)
    record(request, caller, act)
    deps.clock.later(REPEAT_MS, () => {
      repeats.delete(key)
      if (counted.count === 0) return
      record(request, caller, { ...act, reason: `${act.reason} (${counted.count} more times within a minute)` })
    })
  }
  return {
    record,
    recordOnce,
    refused(request, caller, permission, reason) {
      // Without any credential nobody has tried anything: a browser that is not signed in, a probe.
      if (caller === undefined && !sentCredential(request) && request.method === 'GET') return
      recordOnce(request, caller, refusalAct(permission, reason))
    },
  }
}

const REPEAT_MS = 60_000
/** Beyond so many different refusals in a minute a flood is under way, and it is on record. */
const MAX_REPEATS = 1_000

function refusalAct(permission: Permission, reason: string) {
  const [action, type] = ASKED[permission]
  const authz: Authz = { decision: 'deny', permission, reason, engine: 'whodid' }
  return { action, category: 'api', type: 'denied', outcome: 'failure', resource: { type }, reason, authz } as const
}

/** What somebody tried who lacks a permission: action and type of the thing. */
const ASKED: Readonly<Record<Permission, readonly [string, string]>> = {
  PUBLIC: ['read', 'page'],
  SIGNED_IN: ['read', 'account'],
  EVENT_WRITE: ['write', 'event'],
  EVENT_READ: ['read', 'event'],
  EVENT_READ_RAW: ['read', 'event'],
  LEDGER_READ: ['read', 'ledger'],
  EVENT_EXPORT: ['export', 'event'],
  SOURCE_EDIT: ['configure', 'source'],
  RULE_EDIT: ['configure', 'rule'],
  ERASE: ['erase', 'person'],
  HOLD: ['hold', 'event'],
  KEY_USE: ['use', 'key'],
  ADMIN: ['administer', 'server'],
}

/** Who calls and where from, as an event of our trail says it: for what is recorded where it is done. */
export function whoCalls(request: FastifyRequest): { readonly id: string; readonly about: Partial<AuditEvent> } {
  const { caller } = request
  const audit = caller === undefined ? {} : { audit: { authn: { method: caller.kind, credential_id: caller.id } } }
  return { id: caller?.id ?? '', about: { user: userOf(caller), ...audit, ...originOf(request) } }
}

/** An event of our own trail: who did what, without where it came from. */
export function trailEvent(caller: Caller | undefined, act: Act, nowMs: number): AuditEvent {
  const { action, category, type, outcome, reason, authz, resource, asked } = act
  return {
    '@timestamp': formatMillis(nowMs),
    event: {
      kind: 'event',
      dataset: 'whodid.trail',
      provider: 'whodid',
      category: [category],
      type: [type],
      action,
      outcome,
      ...(reason !== undefined && { reason }),
    },
    user: userOf(caller),
    audit: {
      ...(resource !== undefined && { resource: [resource] }),
      ...(authz !== undefined && { authz }),
      ...(caller !== undefined && { authn: { method: caller.kind, credential_id: caller.id } }),
      ...(asked !== undefined && { request: asked }),
    },
  }
}

/** Where a call came from. */
function originOf(request: FastifyRequest): Partial<AuditEvent> {
  const agent = request.headers['user-agent']
  return {
    ...sourceOf(request),
    ...(agent !== undefined && { user_agent: { original: agent.slice(0, 512) } }),
    http: { request: { method: request.method } },
    url: { path: request.routeOptions.url ?? '' },
  }
}

function userOf(caller: Caller | undefined): NonNullable<AuditEvent['user']> {
  if (caller === undefined) return { kind: 'anonymous' }
  const isPerson = caller.kind === 'session' || caller.kind === 'local'
  return { kind: isPerson ? 'person' : 'service', id: caller.id, name: caller.name }
}

/** The control socket has no address. */
function sourceOf(request: FastifyRequest): Pick<AuditEvent, 'source'> {
  const ip = request.raw.socket.remoteAddress
  return ip === undefined ? {} : { source: { ip, address: ip } }
}
