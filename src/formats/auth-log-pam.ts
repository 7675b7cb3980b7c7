import type { Actor, Endpoint } from '../domain/event.ts'
import type { Facts, Reader } from './auth-log-facts.ts'
import { endpointOf, personNamed, splitFirst } from './auth-log-facts.ts'

/**
 * What modules of PAM say in the name of any program: `pam_unix(SERVICE:TYPE): …`, and libpam itself:
 * `PAM N more authentication failures; …`. Undefined: a module that we do not know, or no message of one.
 */
export function pamFacts(said: string): Facts | undefined {
  if (said.startsWith('PAM ')) return moreFailures(said)
  const found = MODULE.exec(said)
  if (found === null) return undefined
  const [all, module = '', service = ''] = found
  const text = said.slice(all.length)
  for (const [begin, read] of readersFor(service)) {
    const at = text.indexOf(begin)
    // Some modules say their own name or the service again before it.
    if (at < 0 || at > 64) continue
    const facts = read(text.slice(at + begin.length))
    if (facts !== undefined) return withProvider(facts, module)
  }
  return undefined
}

const MODULE = /^(pam_\w{1,32})\(([\w.@/+-]{0,64}):(\w{1,32})\): /

function withProvider(facts: Facts, module: string): Facts {
  return facts.category.includes('authentication') ? { ...facts, authn: { ...facts.authn, provider: module } } : facts
}

/** Services that let somebody act as somebody else; in the others the user is who signs in. */
const SWITCHING = new Set(['sudo', 'sudo-i', 'su', 'su-l', 'runuser', 'runuser-l', 'doas', 'polkit-1', 'pkexec'])
const SCHEDULED = new Set(['cron', 'crond', 'atd', 'systemd-user'])

function readersFor(service: string): readonly (readonly [string, Reader])[] {
  return [
    ['session opened for user ', (rest) => session(rest, service, 'start')],
    ['session closed for user ', (rest) => session(rest, service, 'end')],
    ['authentication failure; ', (rest) => failure(rest, service)],
    ['authentication success; ', (rest) => ({ ...AUTHENTICATE, outcome: 'success', ...partiesOf(rest, service) })],
    ['check pass; user unknown', () => ({ ...AUTHENTICATE, outcome: 'failure', reason: 'user unknown' })],
    ['bad username [', (rest) => ({ ...AUTHENTICATE, outcome: 'failure', reason: 'bad user name', ...unknown(rest) })],
    ['password changed for ', passwordChanged],
    ['account ', (rest) => accountRefused(rest)],
    ['expired password for user ', (rest) => refused(rest.split(' ', 1)[0] ?? '', 'expired password')],
    ['Consecutive login failures for user ', locked],
    ['requirement "', requirement],
    ['Access denied for user ', (rest) => refused((rest.split(/[ :]/, 1)[0] ?? '').trim(), 'access denied')],
  ]
}

const AUTHENTICATE = { action: 'authenticate', category: ['authentication'], type: ['info'] } as const

/** `NAME[(uid=N)][ by [NAME](uid=N)]` */
function session(rest: string, service: string, type: 'start' | 'end'): Facts {
  const [whose, by] = splitFirst(rest, ' by ') ?? [rest, undefined]
  const opened = withoutUid(whose)
  return {
    action: type === 'start' ? 'session-start' : 'session-end',
    category: ['session'],
    type: [type],
    outcome: 'success',
    user: sessionUser(opened, by === undefined ? undefined : callerOf(by), service),
  }
}

function sessionUser(opened: string, by: Actor | undefined, service: string): Actor {
  if (SCHEDULED.has(service)) return { kind: 'system', name: opened }
  if (!SWITCHING.has(service)) return personNamed(opened)
  // At its end nobody says who opened it.
  return { ...by, effective: { name: opened } }
}

/** `ada(uid=1000)`: a name, or where there is none its number. */
function callerOf(by: string): Actor {
  const name = withoutUid(by)
  if (name !== '') return personNamed(name)
  const id = /\(uid=(\d{1,10})\)/.exec(by.slice(0, 40))?.[1]
  return id === undefined ? { kind: 'system' } : { kind: id === '0' ? 'system' : 'person', id }
}

function withoutUid(text: string): string {
  const at = text.indexOf('(uid=')
  return (at < 0 ? text : text.slice(0, at)).trim()
}

/** `logname=… uid=… euid=… tty=… ruser=… rhost=…  user=…` */
function failure(rest: string, service: string): Facts {
  return { ...AUTHENTICATE, outcome: 'failure', reason: 'authentication failure', ...partiesOf(rest, service) }
}

function partiesOf(rest: string, service: string): Pick<Facts, 'user' | 'from'> {
  const fields = fieldsOf(rest)
  const user = fields.get('user') ?? ''
  const caller = fields.get('ruser') ?? fields.get('logname') ?? ''
  return { ...whoOf(SWITCHING.has(service), user, caller), ...hostOf(fields.get('rhost')) }
}

function whoOf(isSwitch: boolean, user: string, caller: string): Pick<Facts, 'user'> {
  if (isSwitch) {
    const effective = user === '' ? {} : { effective: { name: user } }
    return { user: { ...personNamed(caller), ...effective } }
  }
  return user === '' ? {} : { user: personNamed(user) }
}

const FIELDS = ['logname', 'uid', 'euid', 'tty', 'ruser', 'rhost', 'user']

/** Values may hold spaces; names come in one order. Empty ones are left out. */
function fieldsOf(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const places: [string, number, number][] = []
  let at = 0
  for (const name of FIELDS) {
    const mark = `${name}=`
    const place = text.startsWith(mark, at) ? at : text.indexOf(` ${mark}`, at)
    if (place < 0) continue
    const begin = place + mark.length + (text.startsWith(mark, place) ? 0 : 1)
    places.push([name, place, begin])
    at = begin
  }
  for (const [nth, [name, , begin]] of places.entries()) {
    const value = text.slice(begin, places[nth + 1]?.[1]).trim()
    if (value !== '') found.set(name, value)
  }
  return found
}

function hostOf(rhost: string | undefined): { readonly from?: Endpoint } {
  const from = rhost === undefined ? undefined : endpointOf(rhost)
  return from === undefined ? {} : { from }
}

function unknown(rest: string): Pick<Facts, 'user'> {
  const name = rest.split(']', 1)[0] ?? ''
  return { user: name === '' ? { kind: 'anonymous' } : { kind: 'anonymous', name } }
}

/** `PAM 2 more authentication failures; logname= …`; each of them had a line of its own. */
function moreFailures(said: string): Facts | undefined {
  const found = /^PAM \d{1,9} more authentication failures?; /.exec(said)
  if (found === null) return undefined
  const facts = failure(said.slice(found[0].length), '')
  return { ...facts, reason: found[0].slice('PAM '.length, -2), authn: { provider: 'pam' } }
}

function passwordChanged(rest: string): Facts {
  const target = { kind: 'person', name: rest.trim() } as const
  return {
    action: 'password-change',
    category: ['iam'],
    type: ['user', 'change'],
    outcome: 'success',
    user: { target },
  }
}

/** `ada has expired (account expired)`, `ada has password changed in future` */
function accountRefused(rest: string): Facts | undefined {
  const [name, reason] = splitFirst(rest, ' has ') ?? []
  if (name === undefined || reason === undefined || !reason.includes('expired')) return undefined
  return refused(name, `account has ${reason}`)
}

function refused(name: string, reason: string): Facts {
  return {
    ...AUTHENTICATE,
    type: ['info', 'denied'],
    outcome: 'failure',
    reason,
    user: personNamed(name),
    authz: { decision: 'deny', engine: 'pam', reason },
  }
}

/** Of pam_faillock: `NAME account temporarily locked` */
function locked(rest: string): Facts {
  const name = rest.split(' ', 1)[0] ?? ''
  const target = { kind: 'person', name } as const
  return { action: 'user-lock', category: ['iam'], type: ['user', 'change'], outcome: 'success', user: { target } }
}

/** Of pam_succeed_if: `uid >= 1000" not met by user "root"` */
function requirement(rest: string): Facts | undefined {
  const [rule, behind] = splitFirst(rest, '" not met by user "') ?? []
  if (rule === undefined || behind === undefined) return undefined
  return refused(behind.split('"', 1)[0] ?? '', `requirement not met: ${rule}`)
}
