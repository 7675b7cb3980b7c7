import { execFile, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from './ssh-lab.ts'

/** A real MariaDB with its audit plugin. */
export interface Mariadb {
  /** Runs statements as a user over TCP; root comes by the socket. Resolves with the exit code of the client. */
  sql(user: string, password: string, database: string | undefined, statements: string): Promise<number>
  readonly log: string
  lines(): readonly string[]
  stop(): Promise<void>
}

const PROGRAMS = ['/usr/sbin/mariadbd', '/usr/bin/mariadb-install-db', '/usr/bin/mariadb']

export async function startMariadb(): Promise<Mariadb> {
  const missing = PROGRAMS.find((program) => !existsSync(program))
  if (missing !== undefined) throw new Error(`${missing} is needed: apt-get install mariadb-server`)
  const folder = mkdtempSync(join(tmpdir(), 'whodid-mariadb-'))
  const data = join(folder, 'data')
  const socket = join(folder, 's.sock')
  const log = join(data, 'server_audit.log')
  // It refuses to run as root, so root runs it as the user that its package makes.
  const user = process.getuid?.() === 0 ? ['--user=mysql'] : []
  if (user.length > 0) spawnSync('chown', ['mysql:mysql', folder])
  const install = ['--no-defaults', ...user, `--datadir=${data}`, '--auth-root-authentication-method=normal']
  const { status } = spawnSync('mariadb-install-db', [...install, '--skip-test-db'], {
    stdio: 'ignore',
    timeout: 120_000,
  })
  if (status !== 0) throw new Error(`mariadb-install-db ended with ${status}`)
  const port = String(await freePort())
  const server = spawn(
    '/usr/sbin/mariadbd',
    [
      '--no-defaults',
      ...user,
      `--datadir=${data}`,
      '--bind-address=127.0.0.1',
      `--port=${port}`,
      `--socket=${socket}`,
      `--pid-file=${join(folder, 'pid')}`,
      '--innodb-flush-log-at-trx-commit=0',
      '--innodb-buffer-pool-size=32M',
      '--skip-name-resolve',
      '--plugin-load-add=server_audit',
      '--server-audit-logging=ON',
      `--server-audit-file-path=${log}`,
      '--server-audit-events=CONNECT,QUERY,TABLE',
    ],
    { stdio: 'ignore' },
  )
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  const sql: Mariadb['sql'] = async (name, password, database, statements) => {
    const way = name === 'root' ? [`--socket=${socket}`] : ['-h127.0.0.1', `-P${port}`, `-p${password}`]
    const args = ['--no-defaults', `-u${name}`, ...way, ...(database === undefined ? [] : [database]), '-e', statements]
    try {
      await promisify(execFile)('mariadb', args, { timeout: 30_000 })
      return 0
    } catch (error) {
      return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : -1
    }
  }
  for (let tries = 0; (await sql('root', '', undefined, 'SELECT 1')) !== 0; tries++) {
    if (tries > 300) throw new Error('MariaDB does not answer')
    await sleep(100)
  }
  return {
    sql,
    log,
    lines: () => readFileSync(log, 'utf8').split('\n').filter(Boolean),
    async stop() {
      server.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
