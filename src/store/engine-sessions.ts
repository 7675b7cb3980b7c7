import { Session } from 'chdb'
import { quotedText } from './quote.ts'

/** Values of `{name:Type}`, in the text form of ClickHouse's HTTP interface. */
type Parameters = ReadonlyMap<string, string>

export type SessionKind = 'insert' | 'read' | 'control'

export interface EngineSessions {
  /**
   * Runs a statement when a session of that kind is free, in the order asked, and answers in its format. Rejects with the engine's error. A signal
   * that aborts takes it out of the queue; a statement that runs is ended by `kill` only.
   */
  run(kind: SessionKind, statement: Statement, signal: AbortSignal): Promise<Uint8Array>
  close(): void
}

export interface Statement {
  readonly sql: string
  readonly format: string
  readonly parameters: Parameters
}

const COUNTS: Readonly<Record<SessionKind, number>> = { insert: 1, read: 4, control: 1 }

/** Set once for every reader; `readonly=1` comes last and refuses any later change. */
const READ_SETTINGS = [
  'SET max_threads = 2, max_execution_time = 20, timeout_before_checking_execution_speed = 0, max_memory_usage = 300000000',
  'SET max_result_bytes = 268435456, max_query_size = 16777216, prefer_column_name_to_alias = 1',
  'SET output_format_json_quote_64bit_integers = 0, output_format_json_escape_forward_slashes = 0',
  'SET query_plan_max_limit_for_lazy_materialization = 2000, use_skip_indexes_on_data_read = 1',
  'SET readonly = 1',
]
const OTHER_SETTINGS = ['SET allow_suspicious_codecs = 1, max_query_size = 16777216']

/**
 * One chDB session runs one query at a time; several on one folder run side by side. So inserts, control and reads have
 * their own. Throws the engine's error when the folder belongs to another process (code 76).
 */
export async function openSessions(folder: string, configFile: string): Promise<EngineSessions> {
  const pools = new Map<SessionKind, Pool>()
  const all: OneSession[] = []
  for (const kind of ['insert', 'control', 'read'] as const) {
    const free = Array.from({ length: COUNTS[kind] }, () => new OneSession(folder, configFile, kind))
    for (const session of free) await session.open()
    pools.set(kind, new Pool(free))
    all.push(...free)
  }
  return {
    async run(kind, statement, signal) {
      const pool = pools.get(kind)
      if (!pool) throw new RangeError(`no sessions of kind ${kind}`)
      const session = await pool.take(signal)
      try {
        return await session.run(statement)
      } finally {
        pool.giveBack(session)
      }
    },
    close() {
      for (const session of all) session.close()
    },
  }
}

const NO_ANSWER = { format: 'Null' }

/** A place in a pool: a session with what it remembers between statements. */
class OneSession {
  private readonly folder: string
  private readonly configFile: string
  private readonly kind: SessionKind
  private session: Session | undefined
  private bound: ReadonlySet<string> = new Set()

  constructor(folder: string, configFile: string, kind: SessionKind) {
    this.folder = folder
    this.configFile = configFile
    this.kind = kind
  }

  async open(): Promise<Session> {
    const session = new Session(this.folder, { connectionArgs: [`--config-file=${this.configFile}`] })
    for (const sql of this.kind === 'read' ? READ_SETTINGS : OTHER_SETTINGS) await session.queryAsync(sql, NO_ANSWER)
    this.session = session
    return session
  }

  // What a failed statement has put out already, chDB hands to the next one of its session in front of its own answer:
  // rows of one reader to another. So a session does not outlive a failure.
  async run(statement: Statement): Promise<Uint8Array> {
    const session = this.session ?? (await this.open())
    try {
      await this.bind(session, statement.parameters)
      const result = await session.queryAsync(statement.sql, { format: statement.format })
      return result.bytes()
    } catch (error) {
      this.close()
      throw error
    }
  }

  close(): void {
    this.session?.close()
    this.session = undefined
    this.bound = new Set()
  }

  // chDB's own binding runs all parameterized queries of a process one after another. `SET param_x` belongs to its session
  // and is no setting, so `readonly=1` lets it through.
  private async bind(session: Session, parameters: Parameters): Promise<void> {
    // What an earlier statement left is emptied: a name that was forgotten must not find somebody else's value.
    const left = [...this.bound].filter((name) => !parameters.has(name)).map((name) => [name, ''] as const)
    const all = [...left, ...parameters]
    if (all.length === 0) return
    const list = all.map(([name, value]) => `param_${checkedName(name)} = ${quotedText(value)}`)
    this.bound = new Set(parameters.keys())
    await session.queryAsync(`SET ${list.join(', ')}`, NO_ANSWER)
  }
}

function checkedName(name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(name)) throw new RangeError(`${JSON.stringify(name)} is no name`)
  return name
}

interface Waiting {
  readonly resolve: (session: OneSession) => void
}

class Pool {
  private readonly free: OneSession[]
  private readonly waiting: Waiting[] = []

  constructor(free: OneSession[]) {
    this.free = free
  }

  take(signal: AbortSignal): Promise<OneSession> {
    signal.throwIfAborted()
    const session = this.free.pop()
    if (session) return Promise.resolve(session)
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.waiting.splice(this.waiting.indexOf(waiting), 1)
        // An abort's reason is whatever the caller gave.
        reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
      }
      const waiting: Waiting = {
        resolve(given) {
          signal.removeEventListener('abort', leave)
          resolve(given)
        },
      }
      this.waiting.push(waiting)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  giveBack(session: OneSession): void {
    const next = this.waiting.shift()
    if (next) next.resolve(session)
    else this.free.push(session)
  }
}
