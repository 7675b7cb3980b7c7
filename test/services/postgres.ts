import { execFile, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from './ssh-lab.ts'

/** A real PostgreSQL with pgAudit that logs in all three formats. Roles alice (owner of database app) and bob. */
export interface Postgres {
  /** Runs statements as a role; resolves with the exit code of psql. */
  psql(role: string, password: string, database: string, ...statements: readonly string[]): Promise<number>
  /** The log in one of its formats. */
  readonly logs: { readonly stderr: string; readonly csvlog: string; readonly jsonlog: string }
  /** Messages that the server has logged, counted in jsonlog: there every line is one. */
  count(): number
  stop(): void
}

export const LOG_LINE_PREFIX = '%m [%p] %c %l %q%u@%d/%a %r '

const PACKAGES = '/usr/lib/postgresql'

/** postgres refuses to run as root, so root runs it as the user that its package makes. */
export async function startPostgres(): Promise<Postgres> {
  const bin = binaries()
  const folder = mkdtempSync(join(tmpdir(), 'whodid-postgres-'))
  const port = await freePort()
  const at = (name: string): string => join(folder, name)
  if (isRoot()) run('chown', 'postgres:postgres', folder)
  chmodSync(folder, 0o755)
  asPostgres(join(bin, 'initdb'), '-D', at('data'), '-U', 'postgres', '--auth=trust', '--no-sync', '-E', 'UTF8')
  appendFileSync(join(at('data'), 'postgresql.conf'), configuration(folder, port))
  const rules = 'local all all trust\nhost all postgres 127.0.0.1/32 trust\nhost app all 127.0.0.1/32 scram-sha-256\n'
  writeFileSync(join(at('data'), 'pg_hba.conf'), rules)
  asPostgres(join(bin, 'pg_ctl'), '-D', at('data'), '-l', at('start.log'), '-w', '-t', '60', 'start')
  const psql: Postgres['psql'] = async (role, password, database, ...statements) => {
    const commands = statements.flatMap((statement) => ['-c', statement])
    const args = ['-X', '-q', '-h', '127.0.0.1', '-p', String(port), '-U', role, '-d', database, ...commands]
    try {
      await promisify(execFile)('psql', args, { env: { ...process.env, PGPASSWORD: password }, timeout: 30_000 })
      return 0
    } catch (error) {
      return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : -1
    }
  }
  const logs = {
    stderr: at('log/postgresql.log'),
    csvlog: at('log/postgresql.csv'),
    jsonlog: at('log/postgresql.json'),
  }
  return {
    psql,
    logs,
    count: () => readFileSync(logs.jsonlog, 'utf8').split('\n').length - 1,
    stop() {
      asPostgres(join(bin, 'pg_ctl'), '-D', at('data'), '-m', 'immediate', '-w', 'stop')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function configuration(folder: string, port: number): string {
  return `
listen_addresses = '127.0.0.1'
port = ${port}
unix_socket_directories = '${folder}'
fsync = off
shared_buffers = 32MB
shared_preload_libraries = 'pgaudit'
pgaudit.log = 'all, -misc'
pgaudit.log_catalog = off
pgaudit.log_relation = on
pgaudit.log_parameter = on
pgaudit.log_rows = on
pgaudit.role = auditor
logging_collector = on
log_directory = '${folder}/log'
log_filename = 'postgresql.log'
log_destination = 'stderr,csvlog,jsonlog'
log_line_prefix = '${LOG_LINE_PREFIX}'
log_connections = on
log_disconnections = on
log_timezone = 'UTC'
lc_messages = 'C'
`
}

function binaries(): string {
  const versions = existsSync(PACKAGES) ? readdirSync(PACKAGES).toSorted((a, b) => Number(b) - Number(a)) : []
  const found = versions.find((version) => existsSync(join(PACKAGES, version, 'lib/pgaudit.so')))
  if (found === undefined) throw new Error('PostgreSQL with pgAudit is needed: apt-get install postgresql-15-pgaudit')
  return join(PACKAGES, found, 'bin')
}

function isRoot(): boolean {
  return process.getuid?.() === 0
}

function asPostgres(command: string, ...args: readonly string[]): void {
  if (isRoot()) run('setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', command, ...args)
  else run(command, ...args)
}

function run(command: string, ...args: readonly string[]): void {
  // Not a pipe: the server that it starts would hold it open.
  const { status } = spawnSync(command, args, { cwd: '/', stdio: ['ignore', 'ignore', 'inherit'], timeout: 120_000 })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`)
}
