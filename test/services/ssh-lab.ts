import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Real sshd, sudo and rsyslog (ssh-lab.sh). alice has a key, a certificate and a password; bob a password. */
export interface SshLab {
  readonly folder: string
  /** Signs in and runs a command; resolves with its exit code. */
  withKey(user: string, key: 'alice_key' | 'certified_key', command: string): Promise<number>
  withPassword(user: string, password: string, command: string): Promise<number>
  /** Asks for a forwarding, which this sshd refuses. */
  forward(user: string): Promise<number>
  /** Says something over the socket of the system's log. */
  say(program: string, message: string): Promise<number>
  /** Lines of auth.log. */
  lines(): readonly string[]
  fingerprintOf(key: 'alice_key' | 'certified_key' | 'user_ca'): string
  stopRsyslog(): void
  startRsyslog(): void
  stop(): void
}

const SCRIPT = join(import.meta.dirname, 'ssh-lab.sh')
const PROGRAMS = ['sshd', 'rsyslogd', 'sudo', 'ssh', 'sshpass', 'openssl', 'logger', 'unshare']

/** @param actions Of rsyslog, beside those that write auth.log. */
export async function startSshLab(actions = ''): Promise<SshLab> {
  refuseWithout()
  const folder = mkdtempSync(join(tmpdir(), 'whodid-ssh-'))
  const port = await freePort()
  const forward = join(folder, 'forward.conf')
  writeFileSync(forward, actions)
  const env = { ...process.env, DIR: folder, PORT: String(port), FORWARD: forward }
  const run = (word: string): void => {
    // Not a pipe: the programs that it starts would hold it open.
    const { status } = spawnSync('sh', [SCRIPT, word], { env, stdio: ['ignore', 'ignore', 'inherit'], timeout: 60_000 })
    if (status !== 0) throw new Error(`ssh-lab.sh ${word} ended with ${status}`)
  }
  run('start')
  const at = (name: string): string => join(folder, name)
  const options = [
    '-p',
    String(port),
    '-F',
    'none',
    '-o',
    `UserKnownHostsFile=${at('known_hosts')}`,
    '-o',
    'LogLevel=ERROR',
  ]
  const byKey = (key: string): string[] => ['-i', at(key), '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes']
  const byPassword = ['-o', 'PubkeyAuthentication=no', '-o', 'NumberOfPasswordPrompts=1']
  return {
    folder,
    withKey: (user, key, command) => exitOf('ssh', [...options, ...byKey(key), `${user}@127.0.0.1`, command]),
    withPassword: (user, password, command) =>
      exitOf('sshpass', ['-p', password, 'ssh', ...options, ...byPassword, `${user}@127.0.0.1`, command]),
    forward: (user) => exitOf('ssh', [...options, ...byKey('alice_key'), '-W', '127.0.0.1:9', `${user}@127.0.0.1`]),
    say: (program, message) => exitOf('logger', ['-u', at('dev/log'), '-t', program, '-p', 'auth.info', message]),
    lines: () => readFileSync(at('auth.log'), 'utf8').split('\n').filter(Boolean),
    fingerprintOf: (key) =>
      spawnSync('ssh-keygen', ['-l', '-f', at(`${key}.pub`)], { encoding: 'utf8' }).stdout.split(' ')[1] ?? '',
    stopRsyslog: () => run('stop-rsyslog'),
    startRsyslog: () => run('rsyslog'),
    stop() {
      run('stop')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Of 127.0.0.1, a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

function exitOf(program: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = execFile(program, args, { timeout: 30_000 }, () => undefined)
    child.stdin?.end()
    child.once('exit', (code) => resolve(code ?? -1))
  })
}

function refuseWithout(): void {
  if (process.getuid?.() !== 0) throw new Error('this test needs root: sshd signs users in')
  const folders = ['/usr/sbin', '/usr/bin', '/bin', '/sbin']
  const missing = PROGRAMS.filter((name) => !folders.some((folder) => existsSync(join(folder, name))))
  if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')} (.ci/run installs them)`)
}
