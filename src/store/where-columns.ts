/** How a path that has a column of its own is read from it. */
export type Column =
  /** One text; empty where there is none. */
  | { readonly kind: 'text'; readonly sql: string }
  /** A list of texts. */
  | { readonly kind: 'texts'; readonly sql: string }
  /** 16 bytes, shown as base64url. */
  | { readonly kind: 'id'; readonly sql: string }
  | { readonly kind: 'time'; readonly sql: string }
  | { readonly kind: 'number'; readonly sql: string }
  /** `true` or not there. */
  | { readonly kind: 'flag'; readonly sql: string }

/** The column of a path; undefined: it is read from its block. */
export function columnOf(path: string): Column | undefined {
  return COLUMNS.get(path)
}

const text = (sql: string): Column => ({ kind: 'text', sql })
const texts = (sql: string): Column => ({ kind: 'texts', sql })

const COLUMNS: ReadonlyMap<string, Column> = new Map([
  ['@timestamp', { kind: 'time', sql: 't' }],
  ['event.ingested', { kind: 'time', sql: 'r' }],
  ['event.id', { kind: 'id', sql: 'id' }],
  ['event.action', text('action')],
  ['event.dataset', text('dataset')],
  ['event.outcome', text('toString(outcome)')],
  ['event.kind', text('kind')],
  ['event.category', texts('category')],
  ['event.type', texts('type')],
  ['whodid.source', text('source')],
  ['whodid.stream', text('stream')],
  ['whodid.log', text('log')],
  ['whodid.index', { kind: 'number', sql: 'n' }],
  ['whodid.category', texts('wcat')],
  ['whodid.parser', text('parser')],
  ['whodid.conflict', { kind: 'flag', sql: 'conflict = 1' }],
  // As mergeEvent of domain/blocks.ts says it: by the times of the leaf, which are milliseconds.
  ['whodid.imported', { kind: 'flag', sql: 'toUnixTimestamp64Milli(r) - toUnixTimestamp64Milli(t) > 86400000' }],
  ['whodid.duplicate_of', text('dup')],
  ['user.name', text('usr')],
  ['user.id', text('uid')],
  ['user.email', text('mail')],
  ['user.kind', text('ukind')],
  ['user.group.name', texts('groups')],
  ['user.roles', texts('roles')],
  ['user.effective.name', text('eff')],
  ['source.ip', text('ip')],
  ['user_agent.original', text('agent')],
  ['audit.resource.type', texts('rtype')],
  ['audit.resource.name', texts('rname')],
  ['audit.resource.namespace', texts('rns')],
  ['audit.authz.decision', text('decision')],
  ['audit.authz.policies.name', texts('policy')],
  ['http.request.id', text('req')],
  ['orchestrator.cluster.name', text('cluster')],
  ['host.name', text('host')],
  ['tags', texts('tags')],
] satisfies [string, Column][])
