import type { Endpoint } from '../domain/event.ts'
import type { Facts, Readers, SshFacts } from './auth-log-facts.ts'
import { endpointOf, fromWords, personNamed, splitFirst, splitLast, unknownNamed } from './auth-log-facts.ts'

const LOGIN = { category: ['authentication'], type: ['start'] }
/** An attempt that failed, whatever for. */
export const FAILED_LOGIN = { ...LOGIN, action: 'ssh_login', outcome: 'failure' } as const
const REFUSED_LOGIN = {
  category: ['authentication'],
  type: ['start', 'denied'],
  action: 'ssh_login',
  outcome: 'failure',
} as const
/** Who tries to sign in, how, and why not: auth.c and auth2-*.c of OpenSSH. */
export const LOGIN_READERS: Readers = [
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
  ['Authentication tried for ', wrongPlace],
  ['Timeout before authentication for ', timedOut],
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

/** Before a name that is no account. */
export const INVALID = 'invalid user '

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

/**
 * `NAME with correct key but not from a permitted host (host=H, ip=IP, required=LIST).`, of a certificate
 * `NAME with valid certificate but not from a permitted source address (IP).`
 */
function wrongPlace(rest: string): Facts | undefined {
  const [who, where] = splitLast(rest, ' but not from a permitted ') ?? []
  const [name, method] = splitLast(who ?? '', ' with ') ?? []
  if (name === undefined || where === undefined) return undefined
  const ip = /(?:^source address \(|, ip=)([^\s,()]{1,255})/.exec(where.slice(0, 800))?.[1] ?? ''
  const reason = `not from a permitted ${where.split(' (', 1)[0] ?? ''}`
  return {
    ...REFUSED_LOGIN,
    reason,
    authn: { method: 'publickey' },
    authz: { decision: 'deny', engine: 'sshd', reason: `${method} but ${reason}` },
    ...whoAndFrom(name, endpointOf(ip)),
  }
}

/** `IP port N`, since 9.6 `connection from IP to IP, pid = N` */
function timedOut(rest: string): Facts {
  const where = rest.startsWith('connection from ') ? rest.slice('connection from '.length) : rest
  return { ...FAILED_LOGIN, reason: 'timeout before authentication', ...fromWords(where) }
}
