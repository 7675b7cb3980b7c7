/** What JSON can hold. Values of fields that we do not know are kept as they came. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json | undefined
}

export type UserKind = 'person' | 'service' | 'system' | 'agent' | 'anonymous'
export type Outcome = 'success' | 'failure' | 'unknown'

interface Group {
  readonly name: readonly string[]
}

/** ECS `user`. `id` is stable, names change. */
export interface User {
  readonly kind?: UserKind
  readonly id?: string
  /** What the source called them then. */
  readonly name?: string
  readonly full_name?: string
  readonly email?: string
  readonly domain?: string
  readonly roles?: readonly string[]
  readonly group?: Group
}

/** The actor, with whom they acted upon (`target`) and as whom they acted (`effective`). */
export interface Actor extends User {
  readonly target?: User
  readonly effective?: User
  readonly changes?: JsonObject
}

/** ECS `source` and `client`. */
export interface Endpoint {
  readonly address?: string
  readonly ip?: string
  readonly port?: number
  readonly domain?: string
}

/** A thing that was accessed. `type` is the source's own word, in lower case and singular. */
export interface Resource {
  readonly type?: string
  readonly id?: string
  readonly name?: string
  readonly namespace?: string
  readonly parent?: string
}

export interface Policy {
  readonly id?: string
  readonly name?: string
  readonly type?: string
  readonly version?: string
  readonly effect?: string
}

/** Why it was allowed or refused, as the source recorded it. */
export interface Authz {
  readonly decision?: 'allow' | 'deny' | 'staged'
  readonly permission?: string
  readonly reason?: string
  readonly engine?: string
  readonly policies?: readonly Policy[]
  readonly path?: readonly string[]
}

interface Authn {
  readonly method?: string
  readonly provider?: string
  readonly mfa?: boolean
  readonly credential_id?: string
}

export interface Change {
  readonly path: string
  readonly old?: Json
  readonly new?: Json
}

/** On whose behalf, nearest first. */
export interface Delegation {
  readonly kind?: UserKind
  readonly id?: string
  readonly name?: string
  readonly via?: string
}

/** Our extension of ECS for what it lacks; OCSF's names where it has them. */
export interface Audit {
  readonly resource?: readonly Resource[]
  readonly authz?: Authz
  readonly authn?: Authn
  readonly change?: readonly Change[]
  readonly delegation?: readonly Delegation[]
  readonly request?: Json
  readonly response?: Json
  readonly reason?: string
}

/** ECS `event`. `original` is the record verbatim, after masks were applied to it too. */
export interface EventFields {
  readonly id?: string
  readonly kind?: string
  readonly category?: readonly string[]
  readonly type?: readonly string[]
  readonly action?: string
  readonly outcome?: Outcome
  readonly reason?: string
  readonly code?: string
  readonly dataset?: string
  readonly module?: string
  readonly provider?: string
  readonly created?: string
  /** When we received it (`r` of the leaf). Set by us when an event is read. */
  readonly ingested?: string
  readonly start?: string
  readonly end?: string
  /** Nanoseconds. */
  readonly duration?: number
  readonly sequence?: number
  readonly original?: string
  readonly timezone?: string
}

/** Our bookkeeping. Nobody but us sets it: input that tries is rejected. */
interface Whodid {
  /** Configured name of the source. From the leaf. */
  readonly source?: string
  /** From the log's origin and the position in it. */
  readonly stream?: string
  readonly log?: string
  readonly index?: number
  /** Stored in the body block. How it came to the source: `HOST/SOURCE` of a forwarder. */
  readonly way?: string
  readonly natural_id?: string
  readonly category?: readonly string[]
  readonly rule?: string
  readonly trust?: readonly string[]
  /** `name@version` of the format's decoder. */
  readonly parser?: string
  /** The one that made what was sealed, where the original was read again by a later one. */
  readonly sealed_parser?: string
  readonly masked?: readonly { readonly path: string; readonly rule: string }[]
  readonly truncated?: readonly { readonly path: string; readonly bytes: number; readonly reason: string }[]
  readonly original_base64?: string
  /** From the row: more than a day old on arrival; same id with other content; stored before as. */
  readonly imported?: boolean
  readonly conflict?: boolean
  readonly duplicate_of?: string
  /** What was erased of it, when, and for which request. No field of queries. */
  readonly erased?: readonly { readonly blocks: readonly string[]; readonly at: string; readonly request: string }[]
}

/**
 * One audit event: Elastic Common Schema 9.4 names as nested JSON, plus `audit.*` and `whodid.*`.
 * Unknown ECS-shaped fields are kept beside the known ones.
 */
export interface AuditEvent {
  /** When it happened: RFC 3339 in UTC, up to microseconds. */
  readonly '@timestamp': string
  readonly event: EventFields
  readonly user?: Actor
  readonly source?: Endpoint
  readonly client?: Endpoint
  readonly user_agent?: { readonly original?: string }
  readonly audit?: Audit
  readonly whodid?: Whodid
  readonly labels?: { readonly [name: string]: string }
  readonly tags?: readonly string[]
  readonly message?: string
  readonly [field: string]: unknown
}

export type State = 'denied' | 'failed' | 'staged' | 'success' | 'unknown'

/**
 * The five states that people see. Each is exactly one query: denied `event.type:denied`, staged
 * `decision:staged -event.type:denied`, failed `outcome:failure -event.type:denied -decision:staged`, and so on.
 */
export function stateOf(event: AuditEvent): State {
  if (event.event.type?.includes('denied') === true) return 'denied'
  if (event.audit?.authz?.decision === 'staged') return 'staged'
  if (event.event.outcome === 'failure') return 'failed'
  return event.event.outcome === 'success' ? 'success' : 'unknown'
}
