import type { Authz, Resource } from '../domain/event.ts'
import type { Facts, ProcessFacts } from './auth-log-facts.ts'
import { firstFacts, personNamed, splitFirst, splitLast } from './auth-log-facts.ts'

/**
 * What sudo says (lib/eventlog/eventlog.c of sudo 1.9):
 * `NAME : [WHY ; ][HOST=… ; ][TTY=… ; ][CHROOT=… ; ]PWD=… ; USER=… ; [GROUP=… ; ][TSID=… ; ][ENV=… ; ]COMMAND=…`
 */
export function sudoFacts(said: string): Facts | undefined {
  const [name, rest] = splitFirst(said, ' : ') ?? []
  if (name === undefined || rest === undefined || name === '') return undefined
  // Accounts of a domain may have spaces in their names; words before a colon are no account.
  if (name.includes(' ') && (name.length > 64 || markedAt(rest, 'COMMAND') < 0)) return undefined
  const user = personNamed(name)
  if (rest.startsWith(CONTINUED)) {
    const process = { command_line: rest.slice(CONTINUED.length) }
    return { action: 'sudo_continued', category: ['process'], type: ['info'], outcome: 'unknown', user, process }
  }
  const { fields, before, isAmbiguous } = fieldsOf(rest)
  const effective = fields.get('USER')
  if (effective === undefined && !fields.has('COMMAND')) return sayingOnly(user, rest)
  const process = processOf(fields)
  const resource: readonly Resource[] =
    process.command_line === undefined ? [] : [{ type: 'command', name: process.command_line.split(' ', 1)[0] ?? '' }]
  return {
    ...verdictOf(before),
    action: 'sudo',
    user: effective === undefined ? user : { ...user, effective: { name: effective, ...groupOf(fields) } },
    process,
    ...(resource.length > 0 && { resource }),
    ...(isAmbiguous && { trust: ['command:ambiguous'] }),
  }
}

const CONTINUED = '(command continued) '

/** In the order in which sudo writes them. */
const NAMES = ['HOST', 'TTY', 'CHROOT', 'PWD', 'USER', 'GROUP', 'TSID', 'ENV'] as const

interface Fields {
  readonly fields: ReadonlyMap<string, string>
  /** Why, where sudo says so first. */
  readonly before: string
  /** A folder or an argument holds words of the line: which ones are sudo's cannot be told. */
  readonly isAmbiguous: boolean
}

function fieldsOf(rest: string): Fields {
  const command = markedAt(rest, 'COMMAND')
  const head = command < 0 ? rest : rest.slice(0, command)
  const fields = new Map<string, string>()
  const places = NAMES.map((name) => [name, markedAt(head, name)] as const).filter(([, at]) => at >= 0)
  const first = Math.min(command < 0 ? rest.length : command, ...places.map(([, at]) => at))
  for (const [name, at] of places) {
    const value = head.slice(at + name.length + 1)
    const end = nextName(value)
    fields.set(name, end < 0 ? value.replace(/ ; $/, '') : value.slice(0, end))
  }
  if (command >= 0) fields.set('COMMAND', rest.slice(command + 'COMMAND='.length))
  const isAmbiguous = ['USER', 'COMMAND'].some(
    (name) => rest.indexOf(` ; ${name}=`) !== rest.lastIndexOf(` ; ${name}=`),
  )
  return { fields, before: rest.slice(0, first).replace(/ ; $/, ''), isAmbiguous }
}

/** Where `NAME=` begins a field, or -1. */
function markedAt(text: string, name: string): number {
  if (text.startsWith(`${name}=`)) return 0
  const at = text.indexOf(` ; ${name}=`)
  return at < 0 ? -1 : at + 3
}

function nextName(text: string): number {
  const places = [...NAMES, 'COMMAND'].map((name) => text.indexOf(` ; ${name}=`)).filter((at) => at >= 0)
  return places.length === 0 ? -1 : Math.min(...places)
}

// Only with `log_exit_status`; the command stands before it.
const EXIT = / ; (?:SIGNAL=\w{1,10} ; )?EXIT=(\d{1,3})$/

function processOf(fields: ReadonlyMap<string, string>): ProcessFacts {
  const command = fields.get('COMMAND')
  const folder = fields.get('PWD')
  const exit = command === undefined ? null : EXIT.exec(command.slice(-40))
  const line = exit === null ? command : command?.slice(0, -exit[0].length)
  return {
    ...(line !== undefined && { command_line: line }),
    ...(folder !== undefined && { working_directory: folder }),
    ...(exit !== null && { exit_code: Number(exit[1]) }),
  }
}

function groupOf(fields: ReadonlyMap<string, string>) {
  const group = fields.get('GROUP')
  return group === undefined ? {} : { group: { name: [group] } }
}

const SUDOERS = 'sudoers'
/** What says that the rules do not allow it; any other reason is a failure, as of a password. */
const REFUSALS =
  /(?:NOT in sudoers|command not allowed|NOT authorized on host|not allowed to|rejected in intercept mode)/

function verdictOf(why: string): Pick<Facts, 'category' | 'type' | 'outcome' | 'reason' | 'authz'> {
  const category = ['process', 'iam']
  if (why === '') {
    const authz: Authz = { decision: 'allow', engine: SUDOERS }
    return { category, type: ['start', 'admin'], outcome: 'success', authz }
  }
  if (REFUSALS.test(why.slice(0, 200))) {
    const authz: Authz = { decision: 'deny', engine: SUDOERS, reason: why }
    return { category, type: ['start', 'admin', 'denied'], outcome: 'failure', reason: why, authz }
  }
  return { category: [...category, 'authentication'], type: ['start', 'admin'], outcome: 'failure', reason: why }
}

/** A line that names a user and no command: `ada : unable to resolve host web-1`. */
function sayingOnly(user: Facts['user'], rest: string): Facts {
  return {
    action: 'sudo',
    category: [],
    type: ['info'],
    outcome: 'unknown',
    ...(user !== undefined && { user }),
    reason: rest,
  }
}

/** What su says: util-linux, shadow and older ones. */
export function suFacts(said: string): Facts | undefined {
  return firstFacts(
    [
      ['FAILED SU (to ', (rest) => switchOf(splitFirst(rest, ') '), false)],
      ['(to ', (rest) => switchOf(splitFirst(rest, ') '), true)],
      ['Successful su for ', (rest) => switchOf(splitLast(rest, ' by '), true)],
      ['FAILED su for ', (rest) => switchOf(splitLast(rest, ' by '), false)],
      ['SU by ', (rest) => restricted(splitLast(rest, ' to restricted account '))],
      ['+ ', (rest) => oldSwitch(rest, true)],
      ['- ', (rest) => oldSwitch(rest, false)],
      ['pam_authenticate: ', (rest) => ({ ...SWITCH, outcome: 'failure', reason: rest })],
    ],
    said,
  )
}

const SWITCH = { action: 'su', category: ['authentication', 'session'], type: ['start', 'admin'] } as const

/** Target, and `NAME[ on TTY]`. */
function switchOf([to, by]: readonly [string, string] | readonly [] = [], isDone: boolean): Facts | undefined {
  if (to === undefined || by === undefined) return undefined
  const [name] = splitLast(by, ' on ') ?? [by]
  return {
    ...SWITCH,
    outcome: isDone ? 'success' : 'failure',
    user: { ...personNamed(name), effective: { name: to } },
    ...(!isDone && { reason: 'su failed' }),
  }
}

function restricted([by, to]: readonly [string, string] | readonly [] = []): Facts | undefined {
  if (to === undefined || by === undefined) return undefined
  const user = { ...personNamed(by), effective: { name: to } }
  const reason = 'restricted account'
  const authz: Authz = { decision: 'deny', engine: 'su', reason }
  return { ...SWITCH, type: [...SWITCH.type, 'denied'], outcome: 'failure', user, reason, authz }
}

/** `/dev/pts/0 ada:root` */
function oldSwitch(rest: string, isDone: boolean): Facts | undefined {
  const found = /^\S{1,64} ([^\s:]{1,64})[:-]([^\s:]{1,64})$/.exec(rest)
  return found === null ? undefined : switchOf([found[2] ?? '', found[1] ?? ''], isDone)
}
