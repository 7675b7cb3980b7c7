import { hash } from 'node:crypto'
import { timeOf } from './kubernetes-record.ts'
import type { Random } from './seeded.ts'
import { pick } from './seeded.ts'
import { at } from './week.ts'

/**
 * The auth.log of the company's hosts: who signed in where, and what they did there as root. Scenes are parted by blank
 * lines; `{pid}`, `{child}` and `{port}` are put in when they are played, so that every connection has its own.
 */

interface Person {
  readonly name: string
  readonly ip: string
  readonly key: string
}

const person = (name: string, ip: string): Person => {
  return { name, ip, key: `SHA256:${hash('sha256', `key of ${name}`, 'base64').replace(/=+$/, '')}` }
}

const ALICE = person('alice', '10.20.0.11')
const BOB = person('bob', '10.20.0.23')
const CAROL = person('carol', '10.20.0.37')
const DAVE = person('dave', '10.20.0.42')
const ERIN = person('erin', '10.20.0.88')
const DEPLOY = person('deploy', '10.42.3.17')
const BREAK_GLASS = person('break-glass', '198.51.100.77')
const STRANGER = '203.0.113.50'
const HOSTS = ['bastion-1', 'web-1', 'db-1']

/** Lines of one host, with how many seconds after the scene's beginning each was written. */
function scene(start: number, host: string, lines: readonly (readonly [seconds: number, said: string])[]): string {
  return lines.map(([seconds, said]) => `${timeOf(start + seconds * 1_000_000)} ${host} ${said}\n`).join('')
}

type Lines = readonly (readonly [number, string])[]

/** A connection by key, and what was done in it. */
function visit({ name, ip, key }: Person, seconds: number, inside: Lines): Lines {
  return [
    [0, `sshd[{pid}]: Accepted publickey for ${name} from ${ip} port {port} ssh2: ED25519 ${key}`],
    [0.02, `sshd[{pid}]: pam_unix(sshd:session): session opened for user ${name}(uid=1000) by (uid=0)`],
    [0.05, `sshd[{child}]: Starting session: shell on pts/0 for ${name} from ${ip} port {port} id 0`],
    ...inside,
    [seconds, `sshd[{child}]: Disconnected from user ${name} ${ip} port {port}`],
    [seconds + 0.02, `sshd[{pid}]: pam_unix(sshd:session): session closed for user ${name}`],
  ]
}

function sudo({ name }: Person, seconds: number, command: string, as = 'root', why = ''): readonly [number, string] {
  const reason = why === '' ? '' : `${why} ; `
  return [
    seconds,
    `sudo: ${name.padStart(8)} : ${reason}TTY=pts/0 ; PWD=/home/${name} ; USER=${as} ; COMMAND=${command}`,
  ]
}

function wrongPassword({ name, ip }: Person): Lines {
  return [
    [0, `sshd[{pid}]: Failed password for ${name} from ${ip} port {port} ssh2`],
    [1.2, `sshd[{pid}]: Connection closed by authenticating user ${name} ${ip} port {port} [preauth]`],
  ]
}

/** What happens once a week, at its own hour. */
export function hostsStory(): readonly string[] {
  return [
    // The intern's first day.
    scene(at('mon', '08:56:10'), 'bastion-1', [
      sudo(ALICE, 0, '/usr/sbin/useradd -m -s /bin/bash erin'),
      [
        0.1,
        'useradd[{pid}]: new user: name=erin, UID=1042, GID=1042, home=/home/erin, shell=/bin/bash, from=/dev/pts/0',
      ],
      sudo(ALICE, 9, '/usr/sbin/usermod -aG interns erin'),
      [9.1, "usermod[{child}]: add 'erin' to group 'interns'"],
    ]),
    // She looks for the password that she has just read in the cluster.
    scene(
      at('wed', '15:31:40'),
      'bastion-1',
      visit(ERIN, 210, [
        sudo(ERIN, 44, '/usr/bin/psql -h db-1 payments', 'postgres', 'user NOT in sudoers'),
        sudo(ERIN, 95, '/bin/cat /etc/shop/db-password', 'root', 'user NOT in sudoers'),
        [
          130,
          `sshd[{child}]: Received request from ${ERIN.ip} port {port} to connect to host db-1 port 5432, but the request was denied.`,
        ],
      ]),
    ),
    // The envelope is opened.
    scene(
      at('thu', '02:14:02'),
      'bastion-1',
      visit(BREAK_GLASS, 2960, [
        sudo(BREAK_GLASS, 63, '/usr/bin/systemctl restart haproxy'),
        sudo(BREAK_GLASS, 340, '/usr/bin/journalctl -u haproxy --since -1h'),
      ]),
    ),
    // Somebody tries names.
    ...['admin', 'oracle', 'ubuntu'].map((name, nth) =>
      scene(at('sun', '04:38:05') + nth * 7_000_000, 'bastion-1', [
        [0, `sshd[{pid}]: Invalid user ${name} from ${STRANGER} port {port}`],
        [1.9, `sshd[{pid}]: Failed password for invalid user ${name} from ${STRANGER} port {port} ssh2`],
        [2.4, `sshd[{pid}]: Connection closed by invalid user ${name} ${STRANGER} port {port} [preauth]`],
      ]),
    ),
    scene(at('sun', '04:39:20'), 'bastion-1', [
      [0, `sshd[{pid}]: Failed password for root from ${STRANGER} port {port} ssh2`],
      [9, `sshd[{pid}]: message repeated 5 times: [ Failed password for root from ${STRANGER} port {port} ssh2]`],
      [
        9.2,
        `sshd[{pid}]: error: maximum authentication attempts exceeded for root from ${STRANGER} port {port} ssh2 [preauth]`,
      ],
    ]),
    // Her last day.
    scene(at('fri', '16:30:20'), 'bastion-1', [
      sudo(ALICE, 0, '/usr/sbin/userdel -r erin'),
      [0.2, "userdel[{pid}]: delete user 'erin'"],
      [0.3, "userdel[{pid}]: removed group 'erin' owned by 'erin'"],
    ]),
    scene(at('fri', '16:46:30'), 'bastion-1', [
      [0, `sshd[{pid}]: Invalid user erin from ${ERIN.ip} port {port}`],
      [0.8, `sshd[{pid}]: Connection closed by invalid user erin ${ERIN.ip} port {port} [preauth]`],
    ]),
  ]
}

const COMMANDS = [
  '/usr/bin/systemctl status shop',
  '/usr/bin/systemctl reload nginx',
  '/usr/bin/journalctl -u shop -n 200',
  '/usr/bin/apt-get update',
  '/usr/bin/docker ps',
  '/usr/sbin/ss -tlnp',
]

/** What happens all the time. */
export function hostsRoutine(random: Random, count: number): readonly string[] {
  const first = at('mon', '08:00:00')
  return Array.from({ length: count }, (_, nth) => {
    const micros = first + nth * 60_000_000
    const host = pick(random, HOSTS)
    const who = pick(random, [ALICE, CAROL, DAVE, BOB])
    const dice = random()
    if (dice < 0.3) return scene(micros, host, cron(random))
    if (dice < 0.4)
      return scene(micros, 'web-1', visit(DEPLOY, 21, [sudo(DEPLOY, 4, '/usr/bin/systemctl restart shop')]))
    if (dice < 0.48) return scene(micros, 'bastion-1', wrongPassword(who))
    if (dice < 0.52)
      return scene(micros, host, visit(BOB, 80, [sudo(BOB, 30, '/bin/bash', 'root', 'command not allowed')]))
    const inside = who === BOB ? [] : [sudo(who, 12, pick(random, COMMANDS))]
    return scene(micros, host, visit(who, 40 + Math.floor(random() * 60), inside))
  })
}

function cron(random: Random): Lines {
  const command = pick(random, [
    '/usr/local/bin/rotate-certs',
    'run-parts /etc/cron.hourly',
    '/usr/local/bin/backup --all',
  ])
  return [
    [0, 'CRON[{pid}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)'],
    [0.01, `CRON[{child}]: (root) CMD (${command})`],
    [1.4, 'CRON[{pid}]: pam_unix(cron:session): session closed for user root'],
  ]
}
