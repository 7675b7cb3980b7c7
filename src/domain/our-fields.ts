/** `object`: holds other fields, so only `has:` can ask for it. */
export type FieldType = 'keyword' | 'text' | 'ip' | 'date' | 'long' | 'double' | 'boolean' | 'object'

/** What we declare beside ECS (docs/event.md), and what we say about ECS fields that people use most. */

interface OurField {
  readonly type: FieldType
  readonly description: string
  readonly array?: true
  readonly open?: true
  readonly exact?: true
  readonly values?: readonly string[]
}

interface Alias {
  readonly path: string
  readonly also?: readonly string[]
}

const KINDS = ['person', 'service', 'system', 'agent', 'anonymous']

const object = (description: string): OurField => ({ type: 'object', description })
const keyword = (description: string): OurField => ({ type: 'keyword', description })
const list = (description: string): OurField => ({ type: 'keyword', array: true, description })
const text = (description: string): OurField => ({ type: 'text', description })
const flag = (description: string): OurField => ({ type: 'boolean', description })
const choice = (description: string, values: readonly string[]): OurField => ({ type: 'keyword', values, description })

export const OUR_FIELDS: ReadonlyMap<string, OurField> = new Map([
  ['user.kind', choice('What kind of actor it was', KINDS)],
  ['user.target.kind', choice('What kind of user was acted upon', KINDS)],
  ['user.effective.kind', choice('What kind of user they acted as', KINDS)],
  ['audit', object('What ECS has no place for')],
  ['audit.resource', { ...object('The things that were accessed'), array: true }],
  ['audit.resource.type', keyword('Type of the thing, in the words of its source: secret, topic, table')],
  ['audit.resource.id', keyword('Id of the thing')],
  ['audit.resource.name', keyword('Name of the thing')],
  ['audit.resource.namespace', keyword('Namespace, project or schema of the thing')],
  ['audit.resource.parent', keyword('What the thing is part of: a cluster, a database, a mesh')],
  ['audit.authz', object('Why it was allowed or refused')],
  ['audit.authz.decision', choice('What the source decided', ['allow', 'deny', 'staged'])],
  ['audit.authz.permission', keyword('The permission that was asked for')],
  ['audit.authz.reason', text('The reason, in the words of the source')],
  ['audit.authz.engine', keyword('What decided: RBAC, Node, a webhook')],
  ['audit.authz.policies', { ...object('The policies that decided'), array: true }],
  ['audit.authz.policies.id', keyword('Id of a policy that decided')],
  ['audit.authz.policies.name', keyword('Name of a policy that decided')],
  ['audit.authz.policies.type', keyword('Type of a policy that decided: ClusterRoleBinding')],
  ['audit.authz.policies.version', keyword('Version of a policy that decided')],
  ['audit.authz.policies.effect', keyword('What the policy said: allow, deny')],
  ['audit.authz.path', list('The way the decision took')],
  ['audit.authn', object('How the actor was recognised')],
  ['audit.authn.method', keyword('How the actor signed in: password, publickey, token')],
  ['audit.authn.provider', keyword('Who vouched for the actor')],
  ['audit.authn.mfa', flag('Whether a second factor was used')],
  ['audit.authn.credential_id', keyword('Id or fingerprint of the key or token')],
  ['audit.change', { ...object('What was changed'), array: true }],
  ['audit.change.path', keyword('JSON pointer of what was changed')],
  ['audit.change.old', { ...keyword('Value before'), open: true }],
  ['audit.change.new', { ...keyword('Value after'), open: true }],
  ['audit.delegation', { ...object('On whose behalf, nearest first'), array: true }],
  ['audit.delegation.kind', choice('What kind of actor it was done for', KINDS)],
  ['audit.delegation.id', keyword('Id of who it was done for')],
  ['audit.delegation.name', keyword('Name of who it was done for')],
  ['audit.delegation.via', keyword('By which means it was delegated')],
  ['audit.request', { ...text('What was asked, as the source recorded it'), open: true }],
  ['audit.response', { ...text('What was answered, as the source recorded it'), open: true }],
  ['audit.reason', text('Why it was done: a ticket, a text')],
  [
    'kubernetes.audit.stage',
    keyword('Stage of the request: RequestReceived, ResponseStarted, ResponseComplete, Panic'),
  ],
  ['kubernetes.audit.level', keyword('How much the audit policy records: Metadata, Request, RequestResponse')],
  [
    'kubernetes.audit.user.extra',
    { ...keyword('What the authenticator said of the user: pod-name, node-name, arn'), open: true },
  ],
  ['kubernetes.audit.objectRef.apiGroup', keyword('API group of the thing')],
  ['kubernetes.audit.objectRef.subresource', keyword('Part of the thing that was accessed: status, scale')],
  ['ssh.key.type', keyword('Type of the key that was shown')],
  ['ssh.certificate.id', keyword('Name in the certificate that was shown')],
  ['ssh.certificate.serial', keyword('Serial number of that certificate')],
  ['pgaudit.type', keyword('SESSION, or OBJECT where the role of pgAudit made it audited')],
  ['pgaudit.class', keyword('Class of the statement: READ, WRITE, FUNCTION, ROLE, DDL, MISC, MISC_SET')],
  ['pgaudit.statement_id', { type: 'long', description: 'Number of the statement in its session' }],
  ['pgaudit.substatement_id', { type: 'long', description: 'Number of a statement within that statement' }],
  ['mariadb.operation', keyword('What the plugin calls it: QUERY, CONNECT, READ')],
  ['mariadb.connection_id', { type: 'long', description: 'Number of the connection since the start of the server' }],
  ['mariadb.query_id', { type: 'long', description: 'Number of the statement: joins it with the tables it touches' }],
  ['whodid', object('Our own bookkeeping')],
  ['whodid.source', keyword('Configured name of the source')],
  ['whodid.stream', keyword('Stream that keeps it')],
  ['whodid.log', keyword('Log of the ledger that holds it')],
  ['whodid.index', { type: 'long', description: 'Position in that log' }],
  ['whodid.way', keyword('How it came to the source: host and source of a forwarder')],
  ['whodid.natural_id', keyword('What names the record at its source')],
  ['whodid.category', list('Category in the words of the source: auth, iam, file')],
  ['whodid.rule', keyword('Rule that reduced it')],
  ['whodid.trust', list('What was believed or assumed: ip:last-hop, time:collected')],
  ['whodid.parser', keyword('Decoder and its version')],
  ['whodid.sealed_parser', keyword('Decoder of what was sealed, where a later one read the original again')],
  ['whodid.masked', { ...object('What rules masked'), array: true }],
  ['whodid.masked.path', keyword('Path that was masked')],
  ['whodid.masked.rule', keyword('Rule that masked it')],
  ['whodid.truncated', { ...object('What was cut because of its size'), array: true }],
  ['whodid.truncated.path', keyword('Path that was cut')],
  ['whodid.truncated.bytes', { type: 'long', description: 'How many bytes it had' }],
  ['whodid.truncated.reason', keyword('Why it was cut')],
  ['whodid.unresolved', keyword('What could not be looked up')],
  ['whodid.original_base64', keyword('The record, where its bytes are not UTF-8')],
  ['whodid.imported', flag('More than a day old when it came')],
  ['whodid.conflict', flag('The same id was stored before with other content')],
  ['whodid.duplicate_of', { ...keyword('Id of the same event, stored before'), exact: true }],
] satisfies [string, OurField][])

/** What we know better of an ECS field than its list says. */
export const OVER_ECS: ReadonlyMap<string, Partial<OurField>> = new Map([
  ['@timestamp', { description: 'When it happened' }],
  ['event.id', { exact: true, description: 'Id of the event' }],
  ['event.action', { description: 'What was done' }],
  ['event.outcome', { values: ['success', 'failure', 'unknown'], description: 'How it ended' }],
  ['event.category', { description: 'What the action is about: authentication, iam, api, database' }],
  ['event.type', { description: 'What the action does: access, change, creation, deletion, denied' }],
  ['event.kind', { description: 'event, alert, state …' }],
  ['event.dataset', { description: 'Dataset of the source' }],
  ['event.reason', { description: 'Why it ended like that' }],
  ['event.ingested', { description: 'When we received it' }],
  ['event.original', { description: 'The record as it came, after masks' }],
  ['user.name', { description: 'Name of who did it' }],
  ['user.id', { description: 'Id of who did it' }],
  ['user.email', { description: 'E-mail address of who did it' }],
  ['user.roles', { description: 'Roles that the event names' }],
  ['user.group.name', { array: true, description: 'Groups that the event names' }],
  ['user.target.name', { description: 'Name of the user acted upon' }],
  ['user.effective.name', { description: 'Whose identity they acted with' }],
  ['source.ip', { description: 'Address it came from' }],
  ['source.geo.country_iso_code', { description: 'Country of the address' }],
  ['user_agent.original', { description: 'What the program called itself: a claim' }],
  ['orchestrator.cluster.name', { description: 'Cluster it happened in' }],
  ['host.name', { description: 'Host it happened on' }],
  ['http.request.id', { description: 'Request it belongs to' }],
  ['process.command_line', { description: 'Command that was run' }],
  ['process.entity_id', { description: 'Process that said it: joins its lines' }],
  ['trace.id', { description: 'What it was part of, as one connection of a host' }],
  ['labels', { open: true, description: 'Labels of the source' }],
  ['tags', { description: 'Tags of the source' }],
  ['message', { description: 'The text of the source' }],
] satisfies [string, Partial<OurField>][])

const ACTOR: Alias = { path: 'user.name', also: ['user.id', 'user.email'] }

/** Short names (docs/query.md, Fields). `since`, `until`, `has` and `missing` are words of the language. */
export const ALIASES: ReadonlyMap<string, Alias> = new Map([
  ['actor', ACTOR],
  ['user', ACTOR],
  ['action', { path: 'event.action' }],
  ['outcome', { path: 'event.outcome' }],
  ['ip', { path: 'source.ip' }],
  ['country', { path: 'source.geo.country_iso_code' }],
  ['agent', { path: 'user_agent.original' }],
  ['resource', { path: 'audit.resource.name' }],
  ['resource.name', { path: 'audit.resource.name' }],
  ['resource.type', { path: 'audit.resource.type' }],
  ['resource.id', { path: 'audit.resource.id' }],
  ['resource.namespace', { path: 'audit.resource.namespace' }],
  ['resource.parent', { path: 'audit.resource.parent' }],
  ['namespace', { path: 'audit.resource.namespace' }],
  ['decision', { path: 'audit.authz.decision' }],
  ['policy', { path: 'audit.authz.policies.name' }],
  ['policy.type', { path: 'audit.authz.policies.type' }],
  ['permission', { path: 'audit.authz.permission' }],
  ['category', { path: 'event.category' }],
  ['type', { path: 'event.type' }],
  ['kind', { path: 'user.kind' }],
  ['method', { path: 'audit.authn.method' }],
  ['credential', { path: 'audit.authn.credential_id' }],
  ['mfa', { path: 'audit.authn.mfa' }],
  ['on-behalf-of', { path: 'audit.delegation.name' }],
  ['as', { path: 'user.effective.name' }],
  ['target', { path: 'user.target.name' }],
  ['change', { path: 'audit.change' }],
  ['changed', { path: 'audit.change.path' }],
  ['reason', { path: 'audit.reason' }],
  ['command', { path: 'process.command_line' }],
  ['request', { path: 'http.request.id' }],
  ['cluster', { path: 'orchestrator.cluster.name' }],
  ['host', { path: 'host.name' }],
  ['source', { path: 'whodid.source' }],
  ['stream', { path: 'whodid.stream' }],
  ['log', { path: 'whodid.log' }],
  ['dataset', { path: 'event.dataset' }],
  ['id', { path: 'event.id' }],
  ['tag', { path: 'tags' }],
  ['time', { path: '@timestamp' }],
] satisfies [string, Alias][])
