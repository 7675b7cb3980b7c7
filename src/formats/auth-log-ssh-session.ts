import type { Resource } from '../domain/event.ts'
import type { Facts, Readers } from './auth-log-facts.ts'
import { endpointOf, fromWords, personNamed, splitFirst, splitLast } from './auth-log-facts.ts'

/** What runs in a connection, and what it is not let to: session.c, serverloop.c and channels.c of OpenSSH. */
export const SESSION_READERS: Readers = [
  ['Starting session: ', startingSession],
  ['Close session: user ', closeSession],
  ['subsystem request for ', subsystem],
  ['session opened for local user ', (rest) => sftpSession(rest, 'start')],
  ['session closed for local user ', (rest) => sftpSession(rest, 'end')],
  ['Received request ', refusedRequest],
  ['refused ', refusedForward],
]

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
