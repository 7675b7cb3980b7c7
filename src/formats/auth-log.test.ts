import { expect, test } from 'vitest'
import type { AuditEvent } from '../domain/event.ts'
import { plainSentence } from '../domain/sentence.ts'
import { authLog } from './auth-log.ts'
import type { DecodeContext, DecodedEvent } from './format.ts'

const NOW = Date.UTC(2026, 10, 20, 14)
const FP = 'SHA256:Wk1nR0dY2pT7vCq4mZsJ8xLb5eHaUf3iKo6yNgD9tXw'
const CA = 'SHA256:qF8sYt2LzJ0aVnXb7cMd5wRkGh4eUo1iPp3uTxE6lBs'

function decodedOf(line: string, context: Partial<DecodeContext> = {}): readonly DecodedEvent[] {
  const decoded = authLog.decode(Buffer.from(line), { source: 'bastion', now: NOW, ...context })
  if (decoded.kind === 'reject') throw new Error(decoded.message)
  return decoded.events
}

function eventOf(line: string, context: Partial<DecodeContext> = {}): AuditEvent {
  const [first] = decodedOf(line, context)
  if (first === undefined) throw new Error('no event')
  return first.event
}

/** What people look at, in one text: action, state, who, as whom or whom, from where, on what, why. */
function gistOf(program: string, message: string): string {
  const { event, user, source, audit } = eventOf(`Nov 20 14:02:11 web-1 ${program}: ${message}`)
  const type = event.type?.includes('denied') === true ? 'denied' : event.outcome
  const who =
    user?.name === undefined ? (user?.id ?? '') : `${user.name}${user.kind === 'person' ? '' : `(${user.kind})`}`
  const as = user?.effective?.name === undefined ? '' : ` as ${user.effective.name}`
  const target = user?.target?.name === undefined ? '' : ` ! ${user.target.name}`
  const from =
    source === undefined ? '' : ` from ${source.address}${source.port === undefined ? '' : `:${source.port}`}`
  const thing = (audit?.resource ?? []).map((each) => ` ${each.type}/${each.name ?? each.id ?? ''}`).join('')
  const reason = event.reason === undefined ? '' : ` (${event.reason})`
  return `${event.action} ${type} ${who}${as}${target}${from}${thing.replace(' host/web-1', '')}${reason}`
}

test.each([
  [`Accepted publickey for ada from 192.0.2.1 port 501 ssh2: RSA ${FP}`, 'ssh_login success ada from 192.0.2.1:501'],
  ['Accepted none for ada from 192.0.2.1 port 501 ssh2', 'ssh_login success ada from 192.0.2.1:501'],
  ['Failed password for ada from 192.0.2.1 port 501 ssh2', 'ssh_login failure ada from 192.0.2.1:501 (wrong password)'],
  [
    'Failed password for invalid user  from 192.0.2.1 port 501 ssh2',
    'ssh_login failure  from 192.0.2.1:501 (invalid user)',
  ],
  [
    'Partial publickey for ada from 192.0.2.1 port 501 ssh2: RSA SHA256:x',
    'ssh_login unknown ada from 192.0.2.1:501 (partial publickey)',
  ],
  [
    'Postponed keyboard-interactive/pam for ada from 192.0.2.1 port 501 ssh2 [preauth]',
    'ssh_login unknown ada from 192.0.2.1:501 (postponed keyboard-interactive/pam)',
  ],
  ['Invalid user  from 192.0.2.1', 'ssh_invalid_user failure  from 192.0.2.1 (invalid user)'],
  [
    'Invalid user  0101 from 192.0.2.1 port 9',
    'ssh_invalid_user failure  0101(anonymous) from 192.0.2.1:9 (invalid user)',
  ],
  [
    'input_userauth_request: invalid user oracle [preauth]',
    'ssh_invalid_user failure oracle(anonymous) (invalid user)',
  ],
  [
    'error: maximum authentication attempts exceeded for invalid user bo from 192.0.2.1 port 9 ssh2 [preauth]',
    'ssh_login failure bo(anonymous) from 192.0.2.1:9 (maximum authentication attempts exceeded)',
  ],
  [
    'error: PAM: Authentication failure for illegal user bo from 192.0.2.1',
    'ssh_login failure bo(anonymous) from 192.0.2.1 (Authentication failure)',
  ],
  [
    'User bo from 192.0.2.1 not allowed because not listed in AllowUsers',
    'ssh_login denied bo from 192.0.2.1 (not allowed because not listed in AllowUsers)',
  ],
  ['User bo not allowed because account is locked', 'ssh_login denied bo (not allowed because account is locked)'],
  ['ROOT LOGIN REFUSED FROM 192.0.2.1 port 9', 'ssh_login denied root from 192.0.2.1:9 (root login refused)'],
  [
    'Authentication refused: bad ownership or modes for file /home/ada/.ssh/authorized_keys',
    'ssh_login failure  (bad ownership or modes for file /home/ada/.ssh/authorized_keys)',
  ],
  [`error: Authentication key RSA ${FP} revoked by file /etc/ssh/revoked`, 'ssh_login denied  (key is revoked)'],
  [
    'error: Refusing certificate ID "ada@corp" serial=5: Certificate lacks principal list',
    'ssh_login denied  (Certificate lacks principal list)',
  ],
  ['error: Certificate invalid: expired', 'ssh_login failure  (Certificate invalid: expired)'],
  [`Accepted key ED25519 ${FP} found at /home/ada/.ssh/authorized_keys:1`, 'ssh_key unknown '],
  ['Connection from 192.0.2.1 port 9 on 192.0.2.2 port 22 rdomain ""', 'ssh_connect success  from 192.0.2.1:9'],
  ['Connection closed by 192.0.2.1 port 9 [preauth]', 'ssh_disconnect success  from 192.0.2.1:9'],
  [
    'Connection closed by authenticating user ada 192.0.2.1 port 9 [preauth]',
    'ssh_disconnect success ada from 192.0.2.1:9',
  ],
  [
    'Connection reset by invalid user a b 192.0.2.1 port 9 [preauth]',
    'ssh_disconnect success a b(anonymous) from 192.0.2.1:9',
  ],
  ['Disconnected from user ada 192.0.2.1 port 9', 'ssh_logout success ada from 192.0.2.1:9'],
  ['Connection closed by user ada 192.0.2.1 port 9', 'ssh_logout success ada from 192.0.2.1:9'],
  [
    'Disconnecting authenticating user ada 192.0.2.1 port 9: Too many authentication failures [preauth]',
    'ssh_login failure ada from 192.0.2.1:9 (Too many authentication failures)',
  ],
  [
    'Disconnecting: Too many authentication failures for ada [preauth]',
    'ssh_login failure ada (Too many authentication failures)',
  ],
  [
    'Received disconnect from 192.0.2.1 port 9:11: disconnected by user',
    'ssh_disconnect success  from 192.0.2.1:9 (disconnected by user)',
  ],
  ['Received disconnect from 192.0.2.1: 11: Bye Bye [preauth]', 'ssh_disconnect success  from 192.0.2.1 (Bye Bye)'],
  [
    'Unable to negotiate with 192.0.2.1 port 9: no matching cipher found. Their offer: 3des-cbc [preauth]',
    'ssh_connect failure  from 192.0.2.1:9 (no matching cipher found. Their offer: 3des-cbc)',
  ],
  [
    'banner exchange: Connection from 192.0.2.1 port 9: invalid format',
    'ssh_connect failure  from 192.0.2.1:9 (invalid format)',
  ],
  [
    'Did not receive identification string from 192.0.2.1 port 9',
    'ssh_connect failure  from 192.0.2.1:9 (no identification string)',
  ],
  [
    "Bad protocol version identification 'GET / HTTP/1.1' from 192.0.2.1 port 9",
    'ssh_connect failure  from 192.0.2.1:9 (bad protocol version)',
  ],
  [
    'fatal: Timeout before authentication for 192.0.2.1 port 9',
    'ssh_login failure  from 192.0.2.1:9 (timeout before authentication)',
  ],
  [
    'Timeout before authentication for connection from 192.0.2.1 to 192.0.2.2, pid = 77',
    'ssh_login failure  from 192.0.2.1 (timeout before authentication)',
  ],
  [
    'Timeout, client not responding from user ada 192.0.2.1 port 9',
    'ssh_logout success ada from 192.0.2.1:9 (client not responding)',
  ],
  [
    'drop connection #11 from [192.0.2.1]:9 on [192.0.2.2]:22 past MaxStartups',
    'ssh_connect denied  from 192.0.2.1:9 (past MaxStartups)',
  ],
  [
    'reverse mapping checking getaddrinfo for x.example [192.0.2.1] failed - POSSIBLE BREAK-IN ATTEMPT!',
    'ssh_connect failure  from 192.0.2.1 (reverse mapping failed)',
  ],
  [
    'Starting session: command on pts/0 for ada from 192.0.2.1 port 9 id 0',
    'ssh_session success ada from 192.0.2.1:9 session/command',
  ],
  [
    "Starting session: subsystem 'sftp' for ada from 192.0.2.1 port 9 id 0",
    'ssh_session success ada from 192.0.2.1:9 session/sftp',
  ],
  ['Close session: user ada from 192.0.2.1 port 9 id 0', 'ssh_session_end success ada from 192.0.2.1:9 session/'],
  ['subsystem request for sftp by user ada', 'ssh_subsystem success ada subsystem/sftp'],
  [
    'subsystem request for netconf by user ada failed, subsystem not found',
    'ssh_subsystem failure ada subsystem/netconf (subsystem not found)',
  ],
  [
    'Received request from 192.0.2.1 port 9 to connect to host db port 5432, but the request was denied.',
    'ssh_forward denied  from 192.0.2.1:9 host/db:5432 (the request was denied)',
  ],
  [
    'Received request from 192.0.2.1 port 9 to remote forward to host 0.0.0.0 port 8080, but the request was denied.',
    'ssh_forward denied  from 192.0.2.1:9 host/0.0.0.0:8080 (the request was denied)',
  ],
  [
    'Received request to connect to path /run/x.sock, but the request was denied.',
    'ssh_forward denied  host//run/x.sock (the request was denied)',
  ],
  [
    'refused local port forward: originator 127.0.0.1 port 4, target db port 5432',
    'ssh_forward denied  host/db:5432 (the request was denied)',
  ],
  ['Server listening on 0.0.0.0 port 22.', 'sshd unknown '],
])('sshd: %s', (message, gist) => {
  expect(gistOf('sshd[77]', message)).toBe(gist)
  expect(gistOf('sshd-session[77]', message).replace('sshd-session', 'sshd')).toBe(gist)
})

test.each([
  ['sudo', '  ada : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id -u', 'sudo success ada as root command//bin/id'],
  [
    'sudo',
    'bo : user NOT in sudoers ; PWD=/ ; USER=root ; COMMAND=/bin/id',
    'sudo denied bo as root command//bin/id (user NOT in sudoers)',
  ],
  [
    'sudo',
    'bo : command not allowed ; TTY=pts/0 ; PWD=/ ; USER=www ; GROUP=adm ; COMMAND=/bin/id',
    'sudo denied bo as www command//bin/id (command not allowed)',
  ],
  [
    'sudo',
    'bo : 1 incorrect password attempt ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id',
    'sudo failure bo as root command//bin/id (1 incorrect password attempt)',
  ],
  ['sudo', 'ada : (command continued) --more', 'sudo_continued unknown ada'],
  ['sudo', 'ada : unable to resolve host web-1', 'sudo unknown ada (unable to resolve host web-1)'],
  ['su[9]', '(to root) ada on pts/0', 'su success ada as root'],
  ['su', 'FAILED SU (to root) bo on pts/1', 'su failure bo as root (su failed)'],
  ['su[9]', 'Successful su for root by ada', 'su success ada as root'],
  ['su[9]', '- /dev/pts/1 bo:root', 'su failure bo as root (su failed)'],
  ['su[9]', 'SU by bo to restricted account root', 'su denied bo as root (restricted account)'],
  ['su[9]', 'pam_authenticate: Authentication failure', 'su failure  (Authentication failure)'],
])('%s: %s', (program, message, gist) => {
  expect(gistOf(program, message)).toBe(gist)
})

test.each([
  ['sshd[7]', 'pam_unix(sshd:session): session opened for user ada(uid=1) by (uid=0)', 'session-start success ada'],
  ['sshd[7]', 'pam_unix(sshd:session): session closed for user ada', 'session-end success ada'],
  [
    'sudo',
    'pam_unix(sudo:session): session opened for user root(uid=0) by ada(uid=1)',
    'session-start success ada as root',
  ],
  ['sudo', 'pam_unix(sudo:session): session opened for user root by (uid=1)', 'session-start success 1 as root'],
  ['su', 'pam_unix(su-l:session): session closed for user root', 'session-end success  as root'],
  [
    'CRON[7]',
    'pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)',
    'session-start success root(system)',
  ],
  [
    'sshd[7]',
    'pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=a b',
    'authenticate failure a b from 192.0.2.1 (authentication failure)',
  ],
  [
    'su[7]',
    'pam_unix(su:auth): authentication failure; logname=ada uid=1 euid=0 tty=/dev/pts/0 ruser=ada rhost=  user=root',
    'authenticate failure ada as root (authentication failure)',
  ],
  ['sshd[7]', 'pam_unix(sshd:auth): check pass; user unknown', 'authenticate failure  (user unknown)'],
  [
    'sshd[7]',
    'PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root',
    'authenticate failure root from 192.0.2.1 (2 more authentication failures)',
  ],
  ['passwd[7]', 'pam_unix(passwd:chauthtok): password changed for bo', 'password-change success  ! bo'],
  [
    'sshd[7]',
    'pam_unix(sshd:account): account bo has expired (account expired)',
    'authenticate denied bo (account has expired (account expired))',
  ],
  [
    'login[7]',
    'pam_faillock(login:auth): Consecutive login failures for user bo account temporarily locked',
    'user-lock success  ! bo',
  ],
  [
    'sshd[7]',
    'pam_succeed_if(sshd:auth): requirement "uid >= 1000" not met by user "root"',
    'authenticate denied root (requirement not met: uid >= 1000)',
  ],
  ['sshd[7]', 'pam_env(sshd:session): deprecated reading of user environment enabled', 'sshd unknown '],
])('PAM: %s %s', (program, message, gist) => {
  expect(gistOf(program, message)).toBe(gist)
})

test.each([
  [
    'useradd[7]',
    'new user: name=bo, UID=5, GID=5, home=/home/bo, shell=/bin/sh, from=none',
    'user-create success  ! bo',
  ],
  ['useradd[7]', "failed adding user 'bo', exit code: 9", 'user-create failure  ! bo (failed)'],
  ['groupadd[7]', 'new group: name=dev, GID=5', 'group-create success  group/dev'],
  ['groupadd[7]', 'group added to /etc/group: name=dev, GID=5', 'group-create success  group/dev'],
  ['groupadd[7]', 'group added to /etc/gshadow: name=dev', 'group-create success  shadow group/dev'],
  ['groupmod[7]', 'group changed in /etc/group (group dev/5, new name: ops)', 'group-update success  group/dev'],
  ['groupdel[7]', "group 'dev' removed from /etc/group", 'group-delete success  group/dev'],
  ['usermod[7]', "add 'bo' to group 'docker'", 'group-member-add success  ! bo group/docker'],
  ['usermod[7]', "add 'bo' to shadow group 'docker'", 'group-member-add success  ! bo shadow group/docker'],
  ['usermod[7]', "change user 'bo' shell from '/bin/sh' to '/bin/bash'", 'user-update success  ! bo'],
  ['usermod[7]', "change user name 'bo' to 'al'", 'user-update success  ! bo'],
  ['usermod[7]', "change user 'bo' password", 'password-change success  ! bo'],
  ['usermod[7]', "lock user 'bo' password", 'user-lock success  ! bo'],
  ['userdel[7]', "delete user 'bo'", 'user-delete success  ! bo'],
  ['userdel[7]', "removed group 'bo' owned by 'bo'", 'group-delete success  group/bo'],
  ['userdel[7]', "delete 'bo' from group 'docker'", 'group-member-remove success  ! bo group/docker'],
  ['passwd[7]', "password for 'bo' changed by 'root'", 'password-change success root ! bo'],
  ['chage[7]', 'changed password expiry for bo', 'user-update success  ! bo'],
  ['chsh[7]', "changed user 'bo' shell to '/bin/zsh'", 'user-update success  ! bo'],
  ['gpasswd[7]', 'user bo added by root to group docker', 'group-member-add success root ! bo group/docker'],
  ['gpasswd[7]', 'members of group dev set by root to bo,al', 'group-update success root group/dev'],
  ['gpasswd[7]', 'al failed to add user bo to group dev', 'group-member-add failure al ! bo group/dev (failed)'],
  ['systemd-logind[7]', 'New session 12 of user ada.', 'session-start success ada'],
  [
    'systemd-logind[7]',
    "New session '12' of user 'ada' with class 'user' and type 'tty'.",
    'session-start success ada',
  ],
  ['systemd-logind[7]', 'Removed session 12.', 'session-end success '],
  ['systemd-logind[7]', 'Session 12 logged out. Waiting for processes to exit.', 'session-end success '],
  ['systemd-logind[7]', 'New seat seat0.', 'systemd-logind unknown '],
  ['CRON[7]', '(root) CMD (run-parts /etc/cron.hourly)', 'cron unknown root(system)'],
  ['crontab[7]', '(ada) REPLACE (bo)', 'update-crontab success ada crontab/bo'],
  [
    'crontab[7]',
    '(bo) AUTH (crontab command not allowed)',
    'edit-crontab denied bo crontab/bo (crontab command not allowed)',
  ],
])('%s: %s', (program, message, gist) => {
  expect(gistOf(program, message)).toBe(gist)
})

test('says with which key and certificate somebody signed in', () => {
  const line = (extra: string): string =>
    `Nov 20 14:02:11 web-1 sshd[77]: Accepted publickey for ada from 192.0.2.1 port 501 ssh2: ${extra}`
  const plain = eventOf(line(`ECDSA ${FP}`))
  expect(plain.audit?.authn).toEqual({ method: 'publickey', credential_id: FP })
  expect(plain['ssh']).toEqual({ key: { type: 'ECDSA' } })
  const certified = eventOf(line(`ED25519-CERT ${FP} ID ada (serial 1) x (serial 72) CA ED25519 ${CA}`))
  expect(certified.audit?.authn).toEqual({ method: 'publickey', credential_id: FP, provider: CA })
  expect(certified['ssh']).toEqual({
    key: { type: 'ED25519-CERT' },
    certificate: { id: 'ada (serial 1) x', serial: '72' },
  })
  const old = eventOf(line(`RSA-CERT ID ada (serial 5) CA RSA ${CA}`))
  expect(old.audit?.authn).toEqual({ method: 'publickey', provider: CA })
})

test('is not led astray by a user name that holds the words of the message', () => {
  const name = 'x from 6.6.6.6 port 6 ssh2'
  const [decoded] = decodedOf(
    `Nov 20 14:02:11 web-1 sshd[77]: Failed password for invalid user ${name} from 192.0.2.1 port 501 ssh2`,
  )
  expect(decoded?.event.source).toMatchObject({ ip: '192.0.2.1', port: 501 })
  expect(decoded?.event.user?.name).toBe(name)
  expect(decoded?.trust).not.toContain('ip:ambiguous')
  const [worse] = decodedOf(
    `Nov 20 14:02:11 web-1 sshd[77]: Failed none for invalid user ${name}: x from 192.0.2.1 port 501 ssh2`,
  )
  expect(worse?.event.source).toMatchObject({ ip: '192.0.2.1', port: 501 })
  expect(worse?.trust).toContain('ip:ambiguous')
})

test('keeps the command of sudo whole, and says where its words could be somebody else’s', () => {
  const process = (rest: string): unknown => eventOf(`Nov 20 14:02:11 web-1 sudo: ada : ${rest}`)['process']
  expect(process('TTY=pts/0 ; PWD=/home/ada ; USER=root ; COMMAND=/bin/sh -c id ; EXIT=2')).toEqual({
    name: 'sudo',
    command_line: '/bin/sh -c id',
    working_directory: '/home/ada',
    exit_code: 2,
  })
  const [decoded] = decodedOf(
    'Nov 20 14:02:11 web-1 sudo: bo : TTY=pts/0 ; PWD=/tmp/x ; USER=no ; COMMAND=/bin/true ; USER=root ; COMMAND=/bin/id',
  )
  expect(decoded?.trust).toContain('command:ambiguous')
})

test('becomes as many events as the line says it was repeated, a hundred at most', () => {
  const line = (times: number): string =>
    `Nov 20 14:02:11 web-1 sshd[77]: message repeated ${times} times: [ Failed password for bo from 192.0.2.1 port 5 ssh2]`
  const five = decodedOf(line(5))
  expect(five).toHaveLength(5)
  for (const { event } of five) {
    expect(event).toMatchObject({ event: { action: 'ssh_login', original: line(5) }, labels: { repeated: '5' } })
  }
  const many = decodedOf(line(100_000_000))
  expect(many).toHaveLength(100)
  expect(many[0]?.truncated).toEqual([{ path: 'event', bytes: 0, reason: 'repeat_limit' }])
  expect(decodedOf('Nov 20 14:02:11 web-1 last message repeated 3 times')).toHaveLength(3)
  expect(decodedOf(`Nov 20 14:02:11 web-1 x: message repeated 90 times: [ ${'y'.repeat(500_000)}]`)).toHaveLength(2)
})

test('reads every time that syslog has, in the zone of the source', () => {
  const time = (stamp: string, context: Partial<DecodeContext> = {}): readonly unknown[] => {
    const [decoded] = decodedOf(`${stamp} web-1 sshd[77]: Server listening.`, context)
    return [decoded?.event['@timestamp'], ...(decoded?.trust ?? [])]
  }
  const stockholm = { timezone: 'Europe/Stockholm' }
  expect(time('Nov 20 14:02:11')).toEqual(['2026-11-20T14:02:11.000Z', 'time:zone-assumed', 'time:year-assumed'])
  expect(time('Nov  2 14:02:11', stockholm)).toEqual(['2026-11-02T13:02:11.000Z', 'time:year-assumed'])
  expect(time('Jul 20 14:02:11', stockholm)).toEqual(['2026-07-20T12:02:11.000Z', 'time:year-assumed'])
  expect(time('Nov 20 2019 14:02:11.5', stockholm)).toEqual(['2019-11-20T13:02:11.500Z'])
  expect(time('2026-11-20T14:02:11.123456+01:00')).toEqual(['2026-11-20T13:02:11.123456Z'])
  expect(time('2026-11-20T14:02:11', stockholm)).toEqual(['2026-11-20T13:02:11.000Z'])
  // At a change of clocks: an hour that is left out, and one that comes twice.
  expect(time('2026-03-29T02:30:00', stockholm)).toEqual(['2026-03-29T01:30:00.000Z'])
  expect(time('2026-10-25T02:30:00', stockholm)).toEqual(['2026-10-25T01:30:00.000Z'])
  expect(time('no time at all')).toEqual([new Date(NOW).toISOString(), 'time:collected'])
})

test('takes the year that is nearest when it reads, over New Year and over a leap day', () => {
  const year = (stamp: string, now: string): string =>
    eventOf(`${stamp} web-1 sshd[77]: x`, { now: Date.parse(now) })['@timestamp'].slice(0, 10)
  expect(year('Dec 31 23:59:58', '2027-01-01T00:00:05Z')).toBe('2026-12-31')
  expect(year('Jan  1 00:00:01', '2026-12-31T23:59:59Z')).toBe('2027-01-01')
  expect(year('Feb 29 12:00:00', '2026-11-20T14:00:00Z')).toBe('2028-02-29')
  expect(year('Feb 29 12:00:00', '2025-03-01T00:00:00Z')).toBe('2024-02-29')
})

test('reads what comes over the network: priority, RFC 5424 with its data, and lines without a host', () => {
  const modern = eventOf(
    '<85>1 2026-11-20T14:02:11.5Z web-1 sudo 9 ID1 [meta sequenceId="7"][x@1 k="a\\"b\\]" k="c" __proto__="p"] \ufeff ada : PWD=/ ; USER=root ; COMMAND=/bin/id\n',
  )
  expect(modern['log']).toEqual({
    syslog: {
      appname: 'sudo',
      procid: '9',
      hostname: 'web-1',
      msgid: 'ID1',
      version: '1',
      priority: 85,
      facility: { code: 10, name: 'authpriv' },
      severity: { code: 5, name: 'Notice' },
      structured_data: { meta: { sequenceId: '7' }, 'x@1': { k: 'a"b],c' } },
    },
  })
  expect(modern).toMatchObject({ event: { action: 'sudo' }, host: { name: 'web-1' } })
  const local = eventOf('<38>Nov 20 14:02:11 sshd[77]: Accepted password for ada from 192.0.2.1 port 9 ssh2')
  expect(local).toMatchObject({ event: { action: 'ssh_login' }, process: { pid: 77 } })
  expect(local['host']).toBeUndefined()
})

test('never loses a line: what is not understood is an event with its own words', () => {
  expect(eventOf('Nov 20 14:02:11 web-1 Docker.D[7]: level=info')).toMatchObject({
    event: { action: 'docker.d', outcome: 'unknown' },
    message: 'level=info',
  })
  expect(eventOf('anything')).toMatchObject({ event: { action: 'log' }, message: 'anything' })
  expect(eventOf('<999>1 - - - - - x')).toMatchObject({ event: { action: 'log' } })
  expect(eventOf('')).toMatchObject({ event: { action: 'log' } })
})

test('joins the lines of one process, and those of one connection over all its processes', () => {
  const at = '2026-11-20T14:02:11Z web-1'
  const monitor = eventOf(`${at} sshd[77]: Accepted password for ada from 192.0.2.1 port 501 ssh2`)
  const pam = eventOf(`${at} sshd[77]: pam_unix(sshd:session): session opened for user ada(uid=1) by (uid=0)`)
  const child = eventOf(`${at} sshd-session[80]: Starting session: shell for ada from 192.0.2.1 port 501 id 0`)
  expect(monitor['process']).toMatchObject({ entity_id: 'web-1/sshd/77/2026-11-20' })
  expect(pam['process']).toMatchObject({ entity_id: 'web-1/sshd/77/2026-11-20' })
  expect(monitor['trace']).toEqual({ id: 'web-1/192.0.2.1/501/2026-11-20' })
  expect(child['trace']).toEqual(monitor['trace'])
  expect(child['process']).toMatchObject({ entity_id: 'web-1/sshd/80/2026-11-20' })
})

test('tells programs that sign in by the names that the configuration gives, and refuses unknown options', () => {
  const configured = authLog.configure?.({ services: ['deploy'] })
  const line = 'Nov 20 14:02:11 web-1 sshd[77]: Accepted publickey for deploy from 192.0.2.1 port 9 ssh2'
  const decoded = configured?.decode(Buffer.from(line), { source: 'bastion', now: NOW })
  expect(decoded).toMatchObject({ events: [{ event: { user: { kind: 'service', name: 'deploy' } } }] })
  expect(() => authLog.configure?.({ service: [] })).toThrow(/did you mean services/)
})

test('keeps a line that is not UTF-8, with its bytes', () => {
  const bytes = Buffer.from('Nov 20 14:02:11 web-1 sshd[77]: Invalid user \xff from 192.0.2.1 port 9', 'latin1')
  const decoded = authLog.decode(bytes, { source: 'bastion', now: NOW })
  expect(decoded).toMatchObject({ events: [{ originalBase64: bytes.toString('base64') }] })
})

test.each([
  [
    'sshd[7]',
    '/home/ada/.ssh/authorized_keys:1: Authentication tried for ada with correct key but not from a permitted host (host=pc.example.com, ip=192.0.2.1, required=10.0.0.0/8).',
    'ssh_login denied ada from 192.0.2.1 (not from a permitted host)',
  ],
  [
    'sshd[7]',
    'Authentication tried for ada with valid certificate but not from a permitted source address (192.0.2.1).',
    'ssh_login denied ada from 192.0.2.1 (not from a permitted source address)',
  ],
  [
    'sshd[7]',
    'pam_sss(sshd:auth): authentication success; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1 user=ada',
    'authenticate success ada from 192.0.2.1',
  ],
  [
    'sudo',
    String.raw` EXAMPLE\ada smith : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls`,
    String.raw`sudo success EXAMPLE\ada smith as root command//bin/ls`,
  ],
])('%s: %s', (program, message, gist) => {
  expect(gistOf(program, message)).toBe(gist)
})

test.each([
  ['login[9]: FAILED LOGIN (1) on tty1 FOR ada, Authentication failure', 'Someone not identified did `login` on web-1'],
  ['sudo: ada : unable to resolve host web-1: Name or service not known', 'ada did `sudo` on web-1'],
  ['last message repeated 2 times', 'Someone not identified wrote to the log of web-1'],
  ['sshd[7]: Postponed publickey for ada from 192.0.2.1 port 5 ssh2', 'ada began to sign in to web-1 by SSH'],
])('does not say more than the line: %s', (line, sentence) => {
  expect(plainSentence(eventOf(`Nov 20 14:02:11 web-1 ${line}`))).toBe(sentence)
})
