import type { Change, Resource, User } from '../domain/event.ts'
import type { Facts, Readers } from './auth-log-facts.ts'
import { firstFacts, personNamed, splitFirst, splitLast } from './auth-log-facts.ts'

/**
 * What the programs of shadow say: useradd, usermod, userdel, groupadd, groupmod, groupdel, gpasswd, passwd, chpasswd,
 * chage, chfn, chsh. Most of them do not say who ran them: that is in the line of sudo before.
 */
export function accountFacts(said: string): Facts | undefined {
  return firstFacts(READERS, said) ?? gpasswdFailure(said)
}

const USER = { category: ['iam'], outcome: 'success' } as const

const READERS: Readers = [
  ['new user: name=', newUser],
  ['new group: name=', newGroup],
  ['group added to ', groupAdded],
  ['group changed in ', groupChanged],
  ["add '", (rest) => member(rest, "' to ", 'group-member-add', 'creation')],
  ["delete '", (rest) => member(rest, "' from ", 'group-member-remove', 'deletion')],
  ["delete user '", (rest) => onUser(rest, 'user-delete', 'deletion')],
  ["removed group '", (rest) => onGroup(rest, 'group')],
  ["removed shadow group '", (rest) => onGroup(rest, 'shadow group')],
  ["group '", (rest) => (rest.includes("' removed") ? onGroup(rest, 'group') : undefined)],
  ["change user name '", renamed],
  ["change user '", changedUser],
  ["lock user '", (rest) => onUser(rest, 'user-lock', 'change')],
  ["unlock user '", (rest) => onUser(rest, 'user-unlock', 'change')],
  ["password for '", passwordFor],
  ["password locked for '", (rest) => onUser(rest, 'user-lock', 'change')],
  ['password of group ', (rest) => byWhom(rest, / (?:changed|removed) by /, 'group-update')],
  ['changed password expiry for ', (rest) => userNamed(rest, 'user-update', 'change')],
  ["changed user '", changedShell],
  ['user ', gpasswdMember],
  ['members of group ', (rest) => byWhom(rest, / set by /, 'group-update')],
  ['administrators of group ', (rest) => byWhom(rest, / set by /, 'group-update')],
  ['access to group ', (rest) => byWhom(rest, / restricted by /, 'group-update')],
  [
    "failed adding user '",
    (rest) => ({ ...onUser(rest, 'user-create', 'creation'), outcome: 'failure', reason: 'failed' }),
  ],
]

const MOST_CHANGES = 8

/** `NAME, UID=1, GID=1, home=/home/ada, shell=/bin/sh, from=/dev/pts/0` */
function newUser(rest: string): Facts {
  const [name = '', ...parts] = rest.split(', ', MOST_CHANGES)
  const change = parts.flatMap((part) => {
    const [key, value] = splitFirst(part, '=') ?? []
    return key === undefined || value === undefined || !NEW_USER.has(key) ? [] : [{ path: `/${key}`, new: value }]
  })
  return {
    ...USER,
    action: 'user-create',
    type: ['user', 'creation'],
    user: { target: accountNamed(name) },
    ...(change.length > 0 && { change }),
  }
}

const NEW_USER = new Set(['UID', 'GID', 'home', 'shell'])

function accountNamed(name: string): User {
  return { kind: 'person', name }
}

/** `NAME, GID=1` */
function newGroup(rest: string): Facts {
  const [name = '', gid] = rest.split(', GID=', 2)
  return groupFacts('group-create', 'creation', { type: 'group', name, ...(gid !== undefined && { id: gid }) })
}

function groupFacts(action: string, type: string, resource: Resource): Facts {
  return { ...USER, action, type: ['group', type], resource: [resource] }
}

/** `/etc/group: name=NAME[, GID=1]` */
function groupAdded(rest: string): Facts | undefined {
  const [file, named] = splitFirst(rest, ': name=') ?? []
  if (file === undefined || named === undefined) return undefined
  const facts = newGroup(named)
  return file.endsWith('gshadow') ? withType(facts, 'shadow group') : facts
}

function withType(facts: Facts, type: string): Facts {
  return { ...facts, resource: (facts.resource ?? []).map((each) => ({ ...each, type })) }
}

/** `/etc/group (group NAME/1, new name: OTHER)` */
function groupChanged(rest: string): Facts | undefined {
  const found = / \(group ([^\s,/)]{1,64})(?:\/(\d{1,10}))?/.exec(rest.slice(0, 400))
  if (found === null) return undefined
  const renaming = / new name: ([^\s,)]{1,64})/.exec(rest.slice(0, 800))?.[1]
  const resource = { type: 'group', name: found[1] ?? '', ...(found[2] !== undefined && { id: found[2] }) }
  const change = renaming === undefined ? {} : { change: [{ path: '/name', old: found[1] ?? '', new: renaming }] }
  return { ...groupFacts('group-update', 'change', resource), ...change }
}

/** `NAME' to group 'GROUP'`, `NAME' to shadow group 'GROUP'` */
function member(rest: string, link: string, action: string, type: string): Facts | undefined {
  const [name, behind] = splitLast(rest, link) ?? []
  const found = /^(group|shadow group) '([^']{1,64})'/.exec(behind ?? '')
  if (name === undefined || found === null) return undefined
  return {
    ...groupFacts(action, type, { type: found[1] ?? '', name: found[2] ?? '' }),
    user: { target: accountNamed(name) },
  }
}

/** `NAME'…` */
function onUser(rest: string, action: string, type: string): Facts {
  return userNamed(rest.split("'", 1)[0] ?? '', action, type)
}

function userNamed(name: string, action: string, type: string): Facts {
  return { ...USER, action, type: ['user', type], user: { target: accountNamed(name.trim()) } }
}

function onGroup(rest: string, type: string): Facts {
  return groupFacts('group-delete', 'deletion', { type, name: rest.split("'", 1)[0] ?? '' })
}

/** `OLD' to 'NEW'` */
function renamed(rest: string): Facts | undefined {
  const [old, behind] = splitFirst(rest, "' to '") ?? []
  if (old === undefined || behind === undefined) return undefined
  const change = [{ path: '/name', old, new: behind.replace(/'$/, '') }]
  return { ...userNamed(old, 'user-update', 'change'), change }
}

/** `NAME' password`, `NAME' shell from '/bin/sh' to '/bin/bash'` */
function changedUser(rest: string): Facts | undefined {
  const [name, what] = splitFirst(rest, "' ") ?? []
  if (name === undefined || what === undefined) return undefined
  if (what === 'password') return userNamed(name, 'password-change', 'change')
  const found = /^(\w{1,32}) from '([^']{0,1024})' to '([^']{0,1024})'$/.exec(what)
  const change: Change[] = found === null ? [] : [{ path: `/${found[1]}`, old: found[2] ?? '', new: found[3] ?? '' }]
  return { ...userNamed(name, 'user-update', 'change'), ...(change.length > 0 && { change }) }
}

/** `NAME' changed by 'OTHER'` */
function passwordFor(rest: string): Facts | undefined {
  const [name, by] = splitFirst(rest, "' changed by '") ?? []
  if (name === undefined || by === undefined) return undefined
  const facts = userNamed(name, 'password-change', 'change')
  return { ...facts, user: { ...personNamed(by.replace(/'$/, '')), target: accountNamed(name) } }
}

/** `GROUP changed by NAME…` */
function byWhom(rest: string, link: RegExp, action: string): Facts | undefined {
  const found = link.exec(rest.slice(0, 400))
  if (found === null) return undefined
  const by = rest.slice(found.index + found[0].length).split(' ', 1)[0] ?? ''
  const resource = { type: 'group', name: rest.slice(0, found.index) }
  return { ...groupFacts(action, 'change', resource), user: personNamed(by) }
}

/** `NAME' shell to '/bin/sh'`, `NAME' information` */
function changedShell(rest: string): Facts {
  const [name = '', shell] = rest.split("' shell to '", 2)
  const change = shell === undefined ? {} : { change: [{ path: '/shell', new: shell.replace(/'$/, '') }] }
  return { ...onUser(name, 'user-update', 'change'), ...change }
}

/** `NAME added by OTHER to group GROUP`, `NAME removed by OTHER from group GROUP` */
function gpasswdMember(rest: string): Facts | undefined {
  const found = /^(\S{1,64}) (added|removed) by (\S{1,64}) (?:to|from) group (\S{1,64})/.exec(rest)
  if (found === null) return undefined
  const [, name = '', word, by = '', group = ''] = found
  return membership(by, name, group, word === 'added')
}

function membership(by: string, name: string, group: string, isAdded: boolean): Facts {
  const [action, type] = isAdded ? ['group-member-add', 'creation'] : ['group-member-remove', 'deletion']
  const facts = groupFacts(action ?? '', type ?? '', { type: 'group', name: group })
  return { ...facts, user: { ...personNamed(by), target: accountNamed(name) } }
}

/** `OTHER failed to add user NAME to group GROUP` */
function gpasswdFailure(said: string): Facts | undefined {
  const found = /^(\S{1,64}) failed to (add|remove) user (\S{1,64}) (?:to|from) group (\S{1,64})/.exec(said)
  if (found === null) return undefined
  const [, by = '', word, name = '', group = ''] = found
  return { ...membership(by, name, group, word === 'add'), outcome: 'failure', reason: 'failed' }
}
