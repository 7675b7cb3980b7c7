import type { Facts, Readers } from './auth-log-facts.ts'
import { endpointOf, fromWords, personNamed, splitFirst, splitLast, unknownNamed } from './auth-log-facts.ts'
import { FAILED_LOGIN, INVALID } from './auth-log-ssh-login.ts'

const CONNECTION = { category: ['network'], action: 'ssh_connect' }
const DISCONNECT = {
  category: ['network'],
  type: ['connection', 'end'],
  action: 'ssh_disconnect',
  outcome: 'success',
} as const

/** Connections that begin, end, break or are not let in: packet.c, sshd.c and sshd-session.c of OpenSSH. */
export const CONNECTION_READERS: Readers = [
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
  ['Timeout, client not responding from ', (rest) => ended(rest, 'client not responding')],
  ['drop connection ', dropped],
  ['reverse mapping checking getaddrinfo for ', reverseMapping],
]

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
