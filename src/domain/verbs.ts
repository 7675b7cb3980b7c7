import type { AuditEvent } from './event.ts'

/** How an action is said. */
export interface Verb {
  /** `deleted` */
  readonly past: string
  /** `delete`, without `to` */
  readonly infinitive: string
  /** What stands between verb and thing: `` or `to`, `of` … */
  readonly link: string
  /** What stands between a command and its place. */
  readonly commandLink: string
  /** `ran` is followed by the command line. */
  readonly takesCommand: boolean
  /** Without a name it means one thing (created a Pod), not all of them (listed Pods). */
  readonly onOne: boolean
  /** The target of an account's life is said as `user erin`. */
  readonly onUser: boolean
  /** With no thing, the host or service says where. */
  readonly onPlace: boolean
  /** `SSH` */
  readonly by?: string
  /** No known verb: `infinitive` is the action itself, in quotes. */
  readonly quoted: boolean
}

/**
 * The verb of an event's action, by the table below; `create-topic` on a topic is `create`. An action that is not in
 * the table is quoted verbatim, never guessed.
 */
export function verbOf(event: AuditEvent): Verb {
  const action = event.event.action ?? ''
  const word = action.toLowerCase()
  if (word === '') return NO_ACTION
  if (word === 'exec' && event['process'] !== undefined) return RUN_INSIDE
  const { category, provider } = event.event
  // Only what a program is called is known, whatever else its name may mean.
  if (category === undefined && provider !== undefined && word === provider) return quotedVerb(action)
  if (word === 'log' && event.audit?.resource === undefined) return LOGGED
  const ofRows = event.event.category?.includes('database') === true ? ROW_VERBS.get(word) : undefined
  if (ofRows !== undefined) return ofRows
  const known = VERBS.get(word) ?? VERBS.get(withoutType(word, event.audit?.resource?.[0]?.type?.toLowerCase()))
  if (known !== undefined) return known
  return quotedVerb(action)
}

function quotedVerb(action: string): Verb {
  return { ...PLAIN, infinitive: `\`${action}\``, link: 'on', onPlace: true, quoted: true }
}

/** `create-topic` → `create` when the thing is a topic; else the action as it is. */
function withoutType(action: string, type: string | undefined): string {
  if (type === undefined) return action
  const separator = action.at(-type.length - 1)
  const named = action.endsWith(type) && separator !== undefined && '-_.: '.includes(separator)
  return named ? action.slice(0, -type.length - 1) : action
}

const PLAIN: Verb = {
  past: '',
  infinitive: '',
  link: '',
  commandLink: 'in',
  takesCommand: false,
  onOne: true,
  onUser: false,
  onPlace: false,
  quoted: false,
}

/** The source named no action. */
const NO_ACTION: Verb = { ...PLAIN, past: 'did something', infinitive: 'do something', link: 'on', onPlace: true }

/** `ran \`id\` in Pod shop/web` */
const RUN_INSIDE: Verb = { ...PLAIN, past: 'ran', infinitive: 'run', takesCommand: true }

/** A line of a log that says no act: not the logs of a pod, which somebody reads. */
const LOGGED: Verb = { ...PLAIN, past: 'wrote to the log', infinitive: 'write to the log', link: 'of', onPlace: true }

/** What commands of SQL do is done to what is in a table, not to the table. */
const ROW_VERBS: ReadonlyMap<string, Verb> = new Map([
  ['select', { ...PLAIN, past: 'read', infinitive: 'read', onOne: false }],
  ['insert', { ...PLAIN, past: 'inserted rows', infinitive: 'insert rows', link: 'into' }],
  ['update', { ...PLAIN, past: 'updated rows', infinitive: 'update rows', link: 'of' }],
  ['truncate', { ...PLAIN, past: 'emptied', infinitive: 'empty' }],
  ['delete', { ...PLAIN, past: 'deleted rows', infinitive: 'delete rows', link: 'from' }],
  ['create table as', { ...PLAIN, past: 'created', infinitive: 'create' }],
  ['grant role', { ...PLAIN, past: 'gave a role', infinitive: 'give a role', link: 'in' }],
  ['revoke role', { ...PLAIN, past: 'took a role away', infinitive: 'take a role away', link: 'in' }],
])

const MANY: Partial<Verb> = { onOne: false }
const ACCOUNT: Partial<Verb> = { onUser: true }
const PLACE: Partial<Verb> = { onPlace: true }

type Row = readonly [actions: string, past: string, infinitive: string, more?: Partial<Verb>]

const TABLE: readonly Row[] = [
  ['get read view access', 'read', 'read', MANY],
  ['head', 'looked at', 'look at', MANY],
  ['list', 'listed', 'list', MANY],
  ['watch', 'watched', 'watch', MANY],
  ['search', 'searched', 'search', { ...MANY, ...PLACE }],
  ['download', 'downloaded', 'download', MANY],
  ['export', 'exported', 'export', MANY],
  ['create insert post', 'created', 'create', ACCOUNT],
  ['write', 'wrote', 'write'],
  ['upload', 'uploaded', 'upload'],
  ['update put edit modify alter', 'updated', 'update', ACCOUNT],
  ['patch', 'changed', 'change', ACCOUNT],
  ['delete remove destroy drop', 'deleted', 'delete', ACCOUNT],
  ['deletecollection', 'deleted all', 'delete all', MANY],
  ['apply', 'applied', 'apply'],
  ['approve', 'approved', 'approve'],
  ['reject', 'refused', 'refuse'],
  ['enable activate', 'enabled', 'enable', ACCOUNT],
  ['disable deactivate', 'disabled', 'disable', ACCOUNT],
  ['start', 'started', 'start'],
  ['stop', 'stopped', 'stop'],
  ['restart', 'restarted', 'restart'],
  ['deploy', 'deployed', 'deploy'],
  ['rollback', 'rolled back', 'roll back'],
  ['scale', 'scaled', 'scale'],
  ['evict', 'evicted', 'evict'],
  ['bind', 'bound', 'bind'],
  ['log', 'read the logs', 'read the logs', { link: 'of' }],
  ['exec', 'ran a command', 'run a command', { link: 'in' }],
  ['run sudo cron', 'ran', 'run', { takesCommand: true, commandLink: 'on', link: '', onPlace: true }],
  ['connect', 'connected', 'connect', { link: 'to', ...PLACE }],
  ['attach', 'attached', 'attach', { link: 'to' }],
  ['port-forward portforward', 'forwarded ports', 'forward ports', { link: 'to' }],
  ['proxy', 'connected', 'connect', { link: 'to' }],
  ['ephemeralcontainers', 'added a debug container', 'add a debug container', { link: 'to' }],
  ['token', 'made a token', 'make a token', { link: 'for' }],
  ['token-create create-token', 'made a token', 'make a token', { link: 'for' }],
  ['token-revoke revoke-token', 'revoked the token', 'revoke the token', { link: 'of' }],
  [
    'generate_dataplane_token generate_zone_token generate_zone_cp_token generate_zone_ingress_token generate_user_token',
    'made',
    'make',
  ],
  ['view_config_dump', 'read the configuration', 'read the configuration', { link: 'of' }],
  ['view_stats view_clusters', 'looked into', 'look into'],
  ['produce', 'wrote messages', 'write messages', { link: 'to' }],
  ['impersonate', 'impersonated', 'impersonate', ACCOUNT],
  ['grant', 'granted', 'grant'],
  ['revoke', 'revoked', 'revoke'],
  [
    'login log-in signin sign-in user-login user-signin logon console-login session-start',
    'signed in',
    'sign in',
    { link: 'to', ...PLACE },
  ],
  ['ssh_login ssh-login', 'signed in', 'sign in', { link: 'to', by: 'SSH', ...PLACE }],
  ['ssh_logout', 'signed out', 'sign out', { link: 'of', by: 'SSH', ...PLACE }],
  ['ssh_invalid_user', 'found an account', 'find an account', { link: 'on', by: 'SSH', ...PLACE }],
  ['ssh_key', 'showed a key', 'show a key', { link: 'to', by: 'SSH', ...PLACE }],
  ['ssh_connect', 'connected', 'connect', { link: 'to', by: 'SSH', ...PLACE }],
  ['ssh_disconnect', 'disconnected', 'disconnect', { link: 'from', by: 'SSH', ...PLACE }],
  ['ssh_session sftp_session ssh_subsystem', 'started', 'start'],
  ['ssh_session_end sftp_session_end', 'ended', 'end'],
  ['ssh_forward', 'forwarded a port', 'forward a port', { link: 'to', ...PLACE }],
  ['su', 'switched user', 'switch user', { link: 'on', ...PLACE }],
  ['authenticate', 'proved who they are', 'prove who they are', { link: 'to', ...PLACE }],
  [
    'logout log-out signout sign-out user-logout user-signout logoff session-end',
    'signed out',
    'sign out',
    { link: 'of', ...PLACE },
  ],
  ['user-create user-created create-user', 'created', 'create', ACCOUNT],
  ['user-update user-updated update-user', 'updated', 'update', ACCOUNT],
  ['user-delete user-deleted delete-user', 'deleted', 'delete', ACCOUNT],
  ['user-disable user-deactivate', 'disabled', 'disable', ACCOUNT],
  ['user-lock', 'locked', 'lock', ACCOUNT],
  ['user-unlock', 'unlocked', 'unlock', ACCOUNT],
  ['group-create', 'created', 'create'],
  ['group-update', 'updated', 'update'],
  ['group-delete', 'deleted', 'delete'],
  ['group-member-add', 'added a member', 'add a member', { link: 'to' }],
  ['group-member-remove', 'removed a member', 'remove a member', { link: 'from' }],
  ['password-change change-password', 'changed the password', 'change the password', { link: 'of', ...ACCOUNT }],
]

const VERBS: ReadonlyMap<string, Verb> = new Map(
  TABLE.flatMap(([actions, past, infinitive, more]) =>
    actions.split(' ').map((action) => [action, { ...PLAIN, past, infinitive, ...more }]),
  ),
)
