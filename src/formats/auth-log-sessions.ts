import type { Facts } from './auth-log-facts.ts'
import { firstFacts, personNamed, splitFirst } from './auth-log-facts.ts'

const SESSION = { category: ['session'], outcome: 'success' } as const

/** What systemd-logind says of sessions; since 257 with quotes, class and type. */
export function logindFacts(said: string): Facts | undefined {
  return firstFacts(
    [
      ['New session ', newSession],
      ['Removed session ', (rest) => sessionEnd(rest)],
      ['Session ', (rest) => (rest.includes(' logged out.') ? sessionEnd(rest) : undefined)],
    ],
    said,
  )
}

/** `12 of user ada.`, `'12' of user 'ada' with class 'user' and type 'tty'.` */
function newSession(rest: string): Facts | undefined {
  const found = /^'?([\w-]{1,32})'? of user (?:'([^']{1,64})'|(\S{1,64}?)\.?(?:$| ))/.exec(rest)
  if (found === null) return undefined
  const user = personNamed(found[2] ?? found[3] ?? '')
  return {
    ...SESSION,
    action: 'session-start',
    type: ['start'],
    user,
    labels: { session: found[1] ?? '' },
  }
}

function sessionEnd(rest: string): Facts | undefined {
  const id = /^'?([\w-]{1,32})'?/.exec(rest)?.[1]
  return id === undefined ? undefined : { ...SESSION, action: 'session-end', type: ['end'], labels: { session: id } }
}

/** What cron, crond, anacron and crontab say: `(NAME) WORD (TEXT)`. */
export function cronFacts(said: string): Facts | undefined {
  const [name, behind] = said.startsWith('(') ? (splitFirst(said.slice(1), ') ') ?? []) : []
  const [word, text] = splitFirst(behind ?? '', ' (') ?? []
  if (name === undefined || word === undefined || text === undefined) return undefined
  const inner = text.replace(/\)$/, '')
  if (word === 'CMD' || word === 'CMDEND') return job(name, inner, word === 'CMD' ? 'start' : 'end')
  if (word === 'AUTH') return refusedCrontab(name, inner)
  const action = CRONTAB.get(word)
  return action === undefined ? undefined : crontab(name, inner, action)
}

function job(name: string, command: string, type: 'start' | 'end'): Facts {
  return {
    action: type === 'start' ? 'cron' : 'cron-end',
    category: ['process'],
    type: [type],
    outcome: type === 'start' ? 'unknown' : 'success',
    user: { kind: 'system', name },
    process: { command_line: command },
  }
}

const CRONTAB: ReadonlyMap<string, string> = new Map([
  ['LIST', 'read-crontab'],
  ['BEGIN EDIT', 'edit-crontab'],
  ['END EDIT', 'edit-crontab'],
  ['REPLACE', 'update-crontab'],
  ['DELETE', 'delete-crontab'],
])

const CRONTAB_TYPES: ReadonlyMap<string, string> = new Map([
  ['read-crontab', 'access'],
  ['edit-crontab', 'access'],
  ['update-crontab', 'change'],
  ['delete-crontab', 'deletion'],
])

/** `(ada) REPLACE (bob)`: ada put a new table for bob in place. */
function crontab(name: string, whose: string, action: string): Facts {
  return {
    action,
    category: ['configuration'],
    type: [CRONTAB_TYPES.get(action) ?? 'info'],
    outcome: 'success',
    user: personNamed(name),
    resource: [{ type: 'crontab', name: whose }],
  }
}

/** `(ada) AUTH (crontab command not allowed)` */
function refusedCrontab(name: string, reason: string): Facts {
  return {
    ...crontab(name, name, 'edit-crontab'),
    type: ['access', 'denied'],
    outcome: 'failure',
    reason,
    authz: { decision: 'deny', engine: 'cron', reason },
  }
}
