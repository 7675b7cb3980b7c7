import type { Facts, Readers } from './auth-log-facts.ts'
import { firstFacts } from './auth-log-facts.ts'
import { CONNECTION_READERS } from './auth-log-ssh-connection.ts'
import { LOGIN_READERS } from './auth-log-ssh-login.ts'
import { SESSION_READERS } from './auth-log-ssh-session.ts'

/**
 * What OpenSSH's server says (`sshd`, and since 9.8 `sshd-session` and `sshd-auth`): auth.c, auth2-*.c, packet.c,
 * session.c, serverloop.c and channels.c of OpenSSH 10. Whoever knocks chooses the user's name, and it may hold anything
 * but control characters: so what follows a name is looked for from the end.
 */
export function sshdFacts(said: string): Facts | undefined {
  return firstFacts(READERS, withoutFile(withoutLevel(withoutPreauth(said))))
}

/** What is said of a line of an authorized_keys file begins with its place. */
function withoutFile(said: string): string {
  const at = said.startsWith('/') ? said.indexOf(': Authentication tried for ') : -1
  return at < 0 ? said : said.slice(at + 2)
}

const PREAUTH = ' [preauth]'

function withoutPreauth(said: string): string {
  return said.endsWith(PREAUTH) ? said.slice(0, -PREAUTH.length) : said
}

function withoutLevel(said: string): string {
  const level = ['error: ', 'fatal: ', 'debug1: '].find((each) => said.startsWith(each))
  return level === undefined ? said : said.slice(level.length)
}

const READERS: Readers = [...LOGIN_READERS, ...CONNECTION_READERS, ...SESSION_READERS]
