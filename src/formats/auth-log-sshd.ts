import type { Endpoint, Resource } from '../domain/event.ts'
import type { Facts, Readers, SshFacts } from './auth-log-facts.ts'
import { endpointOf, firstFacts, personNamed, splitFirst, splitLast, unknownNamed } from './auth-log-facts.ts'

/**
 * What OpenSSH's server says (`sshd`, and since 9.8 `sshd-session` and `sshd-auth`): auth.c, auth2-*.c, packet.c,
 * session.c, serverloop.c and channels.c of OpenSSH 10. Whoever knocks chooses the user's name, and it may hold anything
 * but control characters: so what follows a name is looked for from the end.
 */
export function sshdFacts(said: string): Facts | undefined {
  return firstFacts(READERS, withoutLevel(withoutPreauth(said)))
}

const PREAUTH = ' [preauth]'

function withoutPreauth(said: string): string {
  return said.endsWith(PREAUTH) ? said.slice(0, -PREAUTH.length) : said
}

function withoutLevel(said: string): string {
  const level = ['error: ', 'fatal: ', 'debug1: '].find((each) => said.startsWith(each))
  return level === undefined ? said : said.slice(level.length)
}

const LOGIN = { category: ['authentication'], type: ['start'] }
const FAILED_LOGIN = { ...LOGIN, action: 'ssh_login', outcome: 'failure' } as const
const REFUSED_LOGIN = {
  category: ['authentication'],
  type: ['start', 'denied'],
  action: 'ssh_login',
  outcome: 'failure',
} as const
const CONNECTION = { category: ['network'], action: 'ssh_connect' }
const DISCONNECT = {
  category: ['network'],
  type: ['connection', 'end'],
  action: 'ssh_disconnect',
  outcome: 'success',
} as const

const READERS: Readers = [
  ['Accepted key ', acceptedKey],
  ['Accepted certificate ID ', acceptedCertificate],
  ['Accepted ', (rest) => attempt(rest, 'Accepted')],
  ['Failed ', (rest) => attempt(rest, 'Failed')],
  ['Partial ', (rest) => attempt(rest, 'Partial')],
  ['Postponed ', (rest) => attempt(rest, 'Postponed')],
  ['Invalid user ', (rest) => invalidUser(splitLast(`${rest} `, ' from '))],
  ['input_userauth_request: invalid user ', (rest) => invalidUser([rest, ''])],
  ['maximum authentication attempts exceeded for ', tooManyAttempts],
  ['PAM: ', pamRefusal],
  ['User ', notAllowed],
  ['ROOT LOGIN REFUSED FROM ', (rest) => refusedRoot(rest)],
  ['Authentication refused: ', (rest) => ({ ...FAILED_LOGIN, reason: rest })],
  ['Certificate invalid: ', (rest) => ({ ...FAILED_LOGIN, reason: `Certificate invalid: ${rest}` })],
  ['Refusing certificate ID ', refusedCertificate],
  ['Authentication key ', revokedKey],
  ['Connection from ', connectionFrom],
  ['Connection closed by ', closedBy],
  ['Connection reset by ', closedBy],
  ['Disconnected from ', disconnected],
  ['Disconnecting: ', disconnectingOld],
  ['Disconnecting ', disconnecting],
  ['Received disconnect from ', receivedDisconnect],
  ['Unable to negotiate with ', negotiation],
  ['banner exchange: Connection from ', brokenConnection],
  ['ssh_dispatch_run_fatal: Connection from ', brokenConnection],
  ['Did not receive identification string from ', (rest) => failedConnection(rest, 'no identification string')],
  ['Bad protocol version identification ', badProtocol],
  ['Timeout before authentication for ', timedOut],
  ['Timeout, client not responding from ', (rest) => ended(rest, 'client not responding')],
  ['drop connection ', dropped],
  ['reverse mapping checking getaddrinfo for ', reverseMapping],
  ['Starting session: ', startingSession],
  ['Close session: user ', closeSession],
  ['subsystem request for ', subsystem],
  ['session opened for local user ', (rest) => sftpSession(rest, 'start')],
  ['session closed for local user ', (rest) => sftpSession(rest, 'end')],
  ['Received request ', refusedRequest],
  ['refused ', refusedForward],
]

/** `publickey for ada from 192.0.2.1 port 5 ssh2: ED25519 SHA256:…` */
function attempt(rest: string, word: 'Accepted' | 'Failed' | 'Partial' | 'Postponed'): Facts | undefined {
  const [method, behind] = splitFirst(rest, ' for ') ?? []
  if (method === undefined || behind === undefined || !/^[\w@./-]{1,64}$/.test(method)) return undefined
  const place = placeOf(behind, word === 'Accepted')
  if (place === undefined) return undefined
  const { key, ...named } = keyOf(place.extra)
  const isKnown = word === 'Accepted' || !place.name.startsWith(INVALID)
  const from = endpointOf(place.ip, place.port)
  return {
    ...LOGIN,
    category: word === 'Accepted' ? ['authentication', 'session'] : LOGIN.category,
    type: word === 'Accepted' || word === 'Failed' ? LOGIN.type : ['info'],
    action: 'ssh_login',
    outcome: word === 'Accepted' ? 'success' : word === 'Failed' ? 'failure' : 'unknown',
    ...reasonOf(word, method, isKnown),
    user: isKnown ? personNamed(place.name) : unknownNamed(place.name.slice(INVALID.length)),
    authn: { method, ...key },
    ...named,
    ...(from !== undefined && { from }),
    ...(place.isAmbiguous && { trust: ['ip:ambiguous'] }),
  }
}

const INVALID = 'invalid user '

function reasonOf(word: string, method: string, isKnown: boolean): Pick<Facts, 'reason'> {
  if (word === 'Accepted') return {}
  if (!isKnown) return { reason: 'invalid user' }
  return { reason: word === 'Failed' ? `wrong ${method}` : `${word.toLowerCase()} ${method}` }
}

interface Place {
  readonly name: string
  readonly ip: string
  readonly port: string
  readonly extra: string
  /** The words of the message stand in it more than once: somebody put them into a name. */
  readonly isAmbiguous: boolean
}

const PLACE = / from (\S{1,255}) port (\d{1,5}) ssh2(?=$|: )/y

/**
 * `NAME from IP port N ssh2[: EXTRA]`. Only an account that exists is accepted, so there the first place is the real one.
 * A name that was made up may hold the same words, and stands before the real one.
 */
function placeOf(text: string, isFirst: boolean): Place | undefined {
  let found: Place | undefined
  for (let at = text.indexOf(' from '); at >= 0; at = text.indexOf(' from ', at + 1)) {
    PLACE.lastIndex = at
    const [all, ip = '', port = ''] = PLACE.exec(text) ?? []
    if (all === undefined) continue
    if (isFirst && found !== undefined) return { ...found, isAmbiguous: true }
    const extra = text.slice(at + all.length + 2)
    found = { name: text.slice(0, at), ip, port, extra, isAmbiguous: found !== undefined }
  }
  return found
}

// A fingerprint by SHA-256 (base64) or MD5 (colons); the type as OpenSSH names it.
const KEY = /^([\w@.-]{1,64}) ((?:SHA\d{1,3}|MD5):[\w+/=:]{1,128})/
const BARE_CERTIFICATE = /^([\w@.-]{1,64}) ID /
const SERIAL = /^(\d{1,20})\) CA ([\w@.-]{1,64}) ((?:SHA\d{1,3}|MD5):[\w+/=:]{1,128})/

interface Key {
  readonly key?: { readonly credential_id?: string; readonly provider?: string }
  readonly ssh?: SshFacts
}

/** `ED25519 SHA256:…`, and with a certificate ` ID NAME (serial N) CA TYPE SHA256:…` behind it. */
function keyOf(extra: string): Key {
  const found = KEY.exec(extra)
  const bare = found === null ? BARE_CERTIFICATE.exec(extra) : null
  const type = found?.[1] ?? bare?.[1]
  if (type === undefined) return {}
  const certificate = certificateOf(extra.slice(found?.[0].length ?? type.length))
  return {
    key: {
      ...(found?.[2] !== undefined && { credential_id: found[2] }),
      ...(certificate.ca !== undefined && { provider: certificate.ca }),
    },
    ssh: {
      key: { type },
      ...(certificate.id !== undefined && { certificate: { id: certificate.id, ...certificate.serial } }),
    },
  }
}

interface Certificate {
  readonly id?: string
  readonly serial?: { readonly serial: string }
  readonly ca?: string
}

function certificateOf(text: string): Certificate {
  const [id, behind] = (text.startsWith(' ID ') ? splitLast(text.slice(4), ' (serial ') : undefined) ?? []
  if (id === undefined || behind === undefined) return {}
  const [all, serial = '', , ca = ''] = SERIAL.exec(behind) ?? []
  return all === undefined ? { id } : { id, serial: { serial }, ca }
}

/** `ED25519 SHA256:… found at FILE:1` */
function acceptedKey(rest: string): Facts | undefined {
  const { key, ssh } = keyOf(rest)
  if (key === undefined) return undefined
  return offered({ method: 'publickey', ...key }, ssh)
}

/** `"NAME" (serial N) signed by CA TYPE SHA256:… found at FILE:1` */
function acceptedCertificate(rest: string): Facts | undefined {
  const [id, behind] = splitLast(rest, '" ') ?? []
  if (id === undefined || behind === undefined || !id.startsWith('"')) return undefined
  const serial = /^\(serial (\d{1,20})\)/.exec(behind)?.[1]
  const ca = / CA (?:[\w@.-]{1,64} )?((?:SHA\d{1,3}|MD5):[\w+/=:]{1,128})/.exec(behind.slice(0, 400))?.[1]
  const certificate = { id: id.slice(1), ...(serial !== undefined && { serial }) }
  return offered({ method: 'publickey', ...(ca !== undefined && { provider: ca }) }, { certificate })
}

/** A key that may sign in, before its signature was looked at. */
function offered(authn: NonNullable<Facts['authn']>, ssh: SshFacts | undefined): Facts {
  const known = { category: ['authentication'], type: ['info'], action: 'ssh_key', outcome: 'unknown' } as const
  return { ...known, authn, ...(ssh !== undefined && { ssh }) }
}

function invalidUser([name = '', address = '']: readonly [string, string] | undefined = ['', '']): Facts {
  const from = fromWords(address.trimEnd())
  return {
    category: ['authentication'],
    type: ['info'],
    action: 'ssh_invalid_user',
    outcome: 'failure',
    reason: 'invalid user',
    user: unknownNamed(name.trimEnd()),
    ...from,
  }
}

/** `IP`, `IP port N` and whatever stands behind it. */
function fromWords(text: string): { readonly from?: Endpoint } {
  const [ip = '', word, port] = text.split(' ', 3)
  const from = endpointOf(ip, word === 'port' ? port?.replace(/[:.,]+$/, '') : undefined)
  return from === undefined ? {} : { from }
}

function tooManyAttempts(rest: string): Facts | undefined {
  const place = placeOf(rest, false)
  if (place === undefined) return undefined
  return {
    ...FAILED_LOGIN,
    reason: 'maximum authentication attempts exceeded',
    ...whoAndFrom(place.name, endpointOf(place.ip, place.port)),
    ...(place.isAmbiguous && { trust: ['ip:ambiguous'] }),
  }
}

function whoAndFrom(said: string, from: Endpoint | undefined): Pick<Facts, 'user' | 'from'> {
  const user = said.startsWith(INVALID) ? unknownNamed(said.slice(INVALID.length)) : personNamed(said)
  return { user, ...(from !== undefined && { from }) }
}

/** `Authentication failure for [illegal user ]NAME from HOST` */
function pamRefusal(rest: string): Facts | undefined {
  const [reason, behind] = splitFirst(rest, ' for ') ?? []
  const [name, host] = splitLast(behind ?? '', ' from ') ?? []
  if (reason === undefined || name === undefined || host === undefined) return undefined
  const said = name.startsWith('illegal user ') ? `${INVALID}${name.slice('illegal user '.length)}` : name
  return { ...FAILED_LOGIN, reason, authn: { provider: 'pam' }, ...whoAndFrom(said, endpointOf(host)) }
}

/** `NAME[ from HOST] not allowed because WHY` */
function notAllowed(rest: string): Facts | undefined {
  const [who, reason] = splitLast(rest, ' not allowed because ') ?? []
  if (who === undefined || reason === undefined) return undefined
  const [name, host] = splitLast(who, ' from ') ?? [who, '']
  return {
    ...REFUSED_LOGIN,
    reason: `not allowed because ${reason}`,
    authz: { decision: 'deny', engine: 'sshd', reason },
    ...whoAndFrom(name, endpointOf(host)),
  }
}

function refusedRoot(rest: string): Facts {
  const reason = 'root login refused'
  const root = { user: personNamed('root'), authz: { decision: 'deny', engine: 'sshd' } } as const
  return { ...REFUSED_LOGIN, ...root, reason, ...fromWords(rest) }
}

/** `"NAME" serial=5: WHY` */
function refusedCertificate(rest: string): Facts | undefined {
  const [id, behind] = splitLast(rest, '" serial=') ?? []
  if (id === undefined || behind === undefined) return undefined
  const [serial, reason] = splitFirst(behind, ': ') ?? [behind, '']
  const ssh = { certificate: { id: id.replace(/^"/, ''), serial } }
  return { ...REFUSED_LOGIN, reason, ssh, authz: { decision: 'deny', engine: 'sshd', reason } }
}

/** `TYPE SHA256:… revoked by file PATH` */
function revokedKey(rest: string): Facts | undefined {
  const { key, ssh } = keyOf(rest)
  if (key === undefined || !rest.includes(' revoked')) return undefined
  const authz = { decision: 'deny', engine: 'sshd', reason: 'key is revoked' } as const
  return { ...REFUSED_LOGIN, reason: 'key is revoked', authn: key, authz, ...(ssh !== undefined && { ssh }) }
}

/** `IP port N on IP port N[ rdomain …]`, or `WHO IP port N timed out` */
function connectionFrom(rest: string): Facts | undefined {
  if (rest.endsWith(' timed out')) return ended(rest.slice(0, -' timed out'.length), 'timed out')
  const from = fromWords(rest)
  if (from.from === undefined) return undefined
  return { ...CONNECTION, type: ['connection', 'start'], outcome: 'success', ...from }
}

// What sshd knew of the user then; a connection before that has none.
const STANDING = ['authenticating user ', 'invalid user ', 'user ']

/** `[authenticating user NAME |invalid user NAME |user NAME ]IP port N` */
function peer(text: string): Pick<Facts, 'user' | 'from'> | undefined {
  const [before, port] = splitLast(text, ' port ') ?? []
  if (before === undefined || port === undefined) return undefined
  const [who, ip] = splitLast(before, ' ') ?? ['', before]
  const from = endpointOf(ip, port)
  const place = from === undefined ? {} : { from }
  const standing = STANDING.find((each) => `${who} `.startsWith(each))
  if (standing === undefined) return place
  const name = who.slice(standing.length)
  return { ...place, user: standing === INVALID ? unknownNamed(name) : personNamed(name) }
}

function closedBy(rest: string): Facts | undefined {
  return ended(rest, undefined)
}

/** A connection that ended. Where a user had not signed in yet, that is an attempt given up: it says nothing of success. */
function ended(rest: string, reason: string | undefined): Facts | undefined {
  const found = peer(rest)
  if (found === undefined) return undefined
  const isSignedIn = rest.startsWith('user ')
  return {
    ...DISCONNECT,
    ...(isSignedIn && { action: 'ssh_logout', category: ['authentication', 'session'], type: ['end'] }),
    ...found,
    ...(reason !== undefined && { reason }),
  }
}

function disconnected(rest: string): Facts | undefined {
  return ended(rest, undefined)
}

/** Before 7.5: `Too many authentication failures for NAME` */
function disconnectingOld(rest: string): Facts | undefined {
  const [reason, name] = splitLast(rest, ' for ') ?? [rest, undefined]
  if (!reason.startsWith('Too many authentication failures')) return { ...DISCONNECT, reason: rest }
  return { ...FAILED_LOGIN, reason, ...(name !== undefined && { user: personNamed(name) }) }
}

/** `[WHO ]IP port N: WHY` */
function disconnecting(rest: string): Facts | undefined {
  const [who, reason] = splitLast(rest, ': ') ?? []
  if (who === undefined || reason === undefined) return undefined
  const found = peer(who)
  if (found === undefined) return undefined
  const isRefusal = reason.startsWith('Too many authentication failures')
  return { ...(isRefusal ? FAILED_LOGIN : DISCONNECT), ...found, reason }
}

/** `IP port N:11: disconnected by user`; before 7.3 `IP: 11: …` */
function receivedDisconnect(rest: string): Facts {
  const found = /^(\S{1,255}?)(?: port (\d{1,5}))?: ?(\d{1,5}): ?/.exec(rest)
  const [all = '', ip = '', port] = found ?? []
  const from = endpointOf(ip, port)
  const reason = rest.slice(all.length).trim()
  return {
    ...DISCONNECT,
    ...(from !== undefined && { from }),
    ...(reason !== '' && { reason }),
  }
}

function negotiation(rest: string): Facts | undefined {
  const [who, reason] = splitFirst(rest, ': ') ?? []
  if (who === undefined || reason === undefined) return undefined
  return { ...failedConnection('', reason), ...peer(who) }
}

/** `IP port N: WHY` */
function brokenConnection(rest: string): Facts | undefined {
  const [who, reason] = splitFirst(rest, ': ') ?? [rest, 'broken']
  return { ...failedConnection('', reason), ...peer(who) }
}

function failedConnection(where: string, reason: string): Facts {
  return { ...CONNECTION, type: ['connection'], outcome: 'failure', reason, ...fromWords(where) }
}

/** `'TEXT' from IP port N` */
function badProtocol(rest: string): Facts | undefined {
  const [, where] = splitLast(rest, ' from ') ?? []
  return where === undefined ? undefined : failedConnection(where, 'bad protocol version')
}

/** `IP port N`, since 9.6 `connection from IP to IP, pid = N` */
function timedOut(rest: string): Facts {
  const where = rest.startsWith('connection from ') ? rest.slice('connection from '.length) : rest
  return { ...FAILED_LOGIN, reason: 'timeout before authentication', ...fromWords(where) }
}

/** `#11 from [IP]:N on [IP]:N past MaxStartups` */
function dropped(rest: string): Facts | undefined {
  const found = /^#\d{1,9} from \[([^\]]{1,255})\]:(\d{1,5}) on \[[^\]]{1,255}\]:\d{1,5} /.exec(rest)
  if (found === null) return undefined
  const from = endpointOf(found[1] ?? '', found[2])
  const denied = { type: ['connection', 'denied'], outcome: 'failure', reason: rest.slice(found[0].length) } as const
  return { ...CONNECTION, ...denied, ...(from !== undefined && { from }) }
}

/** `HOST [IP] failed[ - POSSIBLE BREAK-IN ATTEMPT!]` */
function reverseMapping(rest: string): Facts | undefined {
  const found = /^\S{1,700} \[([^\]]{1,255})\] failed/.exec(rest)
  const from = found === null ? undefined : endpointOf(found[1] ?? '')
  return found === null
    ? undefined
    : { ...failedConnection('', 'reverse mapping failed'), ...(from !== undefined && { from }) }
}

const SESSION = { category: ['session'], outcome: 'success' } as const

/** `shell on pts/0 for NAME from IP port N id 0` */
function startingSession(rest: string): Facts | undefined {
  const [kind, behind] = splitFirst(rest, ' for ') ?? []
  const [name, where] = splitLast(behind ?? '', ' from ') ?? []
  if (kind === undefined || name === undefined || where === undefined) return undefined
  const [word = 'session', subsystemName] = (kind.split(' on ', 1)[0] ?? '').split(" '", 2)
  const resource: Resource = { type: 'session', name: subsystemName?.replace(/'$/, '') ?? word }
  return {
    ...SESSION,
    type: ['start'],
    action: 'ssh_session',
    user: personNamed(name),
    resource: [resource],
    ...fromWords(where),
  }
}

/** `NAME from IP port N id 0` */
function closeSession(rest: string): Facts | undefined {
  const [name, where] = splitLast(rest, ' from ') ?? []
  if (name === undefined || where === undefined) return undefined
  const resource = [{ type: 'session' }]
  return {
    ...SESSION,
    type: ['end'],
    action: 'ssh_session_end',
    user: personNamed(name),
    resource,
    ...fromWords(where),
  }
}

/** `sftp by user NAME[ failed, WHY]` */
function subsystem(rest: string): Facts | undefined {
  const [name, behind] = splitFirst(rest, ' by user ') ?? []
  if (name === undefined || behind === undefined) return undefined
  const [who, reason] = splitLast(behind, ' failed, ') ?? [behind, undefined]
  return {
    category: ['session'],
    type: ['start'],
    action: 'ssh_subsystem',
    outcome: reason === undefined ? 'success' : 'failure',
    user: personNamed(who),
    resource: [{ type: 'subsystem', name }],
    ...(reason !== undefined && { reason }),
  }
}

/** Of sftp-server: `NAME from [IP]` */
function sftpSession(rest: string, type: 'start' | 'end'): Facts | undefined {
  const [name, where] = splitLast(rest, ' from [') ?? []
  if (name === undefined || where === undefined) return undefined
  const from = endpointOf(where.replace(/\]$/, ''))
  const action = type === 'start' ? 'sftp_session' : 'sftp_session_end'
  const resource = [{ type: 'session', name: 'sftp' }]
  return { ...SESSION, type: [type], action, user: personNamed(name), resource, ...(from !== undefined && { from }) }
}

const DENIED = ', but the request was denied.'
const FORWARD = {
  category: ['network'],
  type: ['connection', 'denied'],
  action: 'ssh_forward',
  outcome: 'failure',
} as const

/** `[from IP port N ]to connect to host H port P`, `… to remote forward to …`, `to connect to path P` */
function refusedRequest(rest: string): Facts | undefined {
  if (!rest.endsWith(DENIED)) return undefined
  const said = rest.slice(0, -DENIED.length)
  const [where, what] = splitFirst(said, 'to connect to ') ?? splitFirst(said, 'to remote forward') ?? []
  if (where === undefined || what === undefined) return undefined
  const from = where.startsWith('from ') ? fromWords(where.slice('from '.length)) : {}
  return forwardOf(what.replace(/^ ?to /, '').trim(), from)
}

/** `local port forward: originator IP port N, target H port P`, `streamlocal port forward: originator IP port N, target PATH` */
function refusedForward(rest: string): Facts | undefined {
  const [kind, behind] = splitFirst(rest, ' port forward: originator ') ?? []
  const [where, target] = splitFirst(behind ?? '', ', target ') ?? []
  if (kind === undefined || where === undefined || target === undefined) return undefined
  // The originator is what the client's own side saw: a claim.
  return forwardOf(target, {})
}

function forwardOf(target: string, from: Pick<Facts, 'from'>): Facts {
  const place = /^(?:host )?(\S{1,255}) port (\d{1,5})$/.exec(target)
  const path = target.replace(/^path /, '').replaceAll('"', '')
  const name = place === null ? path : `${place[1]}:${place[2]}`
  const reason = 'the request was denied'
  return {
    ...FORWARD,
    reason,
    authz: { decision: 'deny', engine: 'sshd', permission: 'forward' },
    ...(name !== '' && { resource: [{ type: 'host', name }] }),
    ...from,
  }
}
