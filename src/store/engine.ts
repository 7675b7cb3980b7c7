import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AuditError } from '../domain/errors.ts'

/** The embedded engine: a supervised child process that holds chDB and answers ClickHouse's HTTP interface. */
export interface Engine {
  /** Where it listens: a unix socket, mode 0600 in a folder of mode 0700. */
  readonly socket: string
  /** Password of the face's users. */
  readonly secret: string
  state(): EngineState
  /** Resolves when the engine answers. Rejects with `locked`, with what `signal` says, or when the engine is stopped. */
  whenReady(signal?: AbortSignal): Promise<void>
  /** Ends the child. Resolves when it is gone. */
  stop(): Promise<void>
}

export type EngineState =
  | { readonly kind: 'starting' | 'stopped' }
  | { readonly kind: 'ready'; readonly pid: number }
  | { readonly kind: 'failing'; readonly reason: string; readonly retryInMs: number }

export interface EngineOptions {
  readonly folder: string
  /** Asked once, before the first start: pid of a child that an earlier server may have left (from run.json). */
  readonly stalePid?: () => number | undefined
  /** Tells the pid of each child once it has the folder. */
  readonly onEngine?: (pid: number) => void
  readonly log: (message: string) => void
}

/** From the server to its child. */
export type ParentMessage = StartMessage | { readonly kind: 'stop' }
export interface StartMessage {
  readonly kind: 'start'
  readonly folder: string
  readonly socket: string
  readonly secret: string
}

/** From the child to its server. Why it does not start, it says on stderr. */
export interface ChildMessage {
  readonly kind: 'ready'
}

const CHILD = join(import.meta.dirname, `engine-child${import.meta.filename.slice(-3)}`)
const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 10_000
const STOP_MS = 5_000
/** chDB says it on stderr only. */
const LOCKED = /Code: 76\b|Cannot lock file/
/** An earlier child needs a moment to let go of the folder. */
const LOCKED_MS = 3_000
/** What a child says on stderr before it is ready, at most. */
const SAID_CHARACTERS = 2_000

/**
 * Starts the child and starts it again, with a growing pause, whenever it ends. Throws `unsupported` where chDB has no
 * library.
 */
export function startEngine(options: EngineOptions): Engine {
  refuseUnsupported()
  return new Supervisor(options)
}

class Supervisor implements Engine {
  readonly socket: string
  readonly secret = randomBytes(32).toString('base64url')
  private readonly options: EngineOptions
  private readonly stalePid: number | undefined
  private current: EngineState = { kind: 'starting' }
  private child: ChildProcess | undefined
  private retry: NodeJS.Timeout | undefined
  private retryMs = FIRST_RETRY_MS
  private lockedSince: number | undefined
  private fatal: AuditError | undefined
  private readonly watchers = new Set<() => void>()

  constructor(options: EngineOptions) {
    this.options = options
    mkdirSync(options.folder, { recursive: true, mode: 0o700 })
    chmodSync(options.folder, 0o700)
    this.socket = socketPath(options.folder)
    this.stalePid = options.stalePid?.()
    this.start()
  }

  state(): EngineState {
    return this.current
  }

  whenReady(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (call: () => void): void => {
        this.watchers.delete(look)
        signal?.removeEventListener('abort', aborted)
        call()
      }
      const aborted = (): void => settle(() => reject(asError(signal?.reason)))
      const look = (): void => {
        if (this.fatal) settle(() => reject(asError(this.fatal)))
        else if (this.current.kind === 'ready') settle(resolve)
        else if (this.current.kind === 'stopped') settle(() => reject(stopped()))
      }
      if (signal?.aborted === true) return aborted()
      this.watchers.add(look)
      signal?.addEventListener('abort', aborted)
      look()
    })
  }

  async stop(): Promise<void> {
    this.become({ kind: 'stopped' })
    clearTimeout(this.retry)
    const child = this.child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    if (child.connected) child.send({ kind: 'stop' } satisfies ParentMessage)
    const impatient = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await ended
    clearTimeout(impatient)
  }

  private start(): void {
    const child = spawn(process.execPath, [CHILD], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // One thread for each session that may be busy, and some for files.
      env: { PATH: process.env['PATH'], TZ: 'UTC', HOME: this.options.folder, UV_THREADPOOL_SIZE: '16' },
    })
    this.child = child
    const startedAt = performance.now()
    const said = this.listen(child)
    child.on('message', (message: ChildMessage) => this.hear(child, message))
    child.once('error', (error) => {
      if (child.pid === undefined) this.ended(`cannot be started: ${error.message}`)
    })
    child.once('close', (code, signal) => {
      if (performance.now() - startedAt > LONGEST_RETRY_MS) this.retryMs = FIRST_RETRY_MS
      if (LOCKED.test(said())) this.unlock()
      this.ended(`ended with ${signal ?? `code ${code}`}${said()}`)
    })
    const message = { kind: 'start', folder: this.options.folder, socket: this.socket, secret: this.secret } as const
    // A child that is gone already is seen by `close`.
    child.send(message satisfies ParentMessage, () => undefined)
  }

  /** What the child says on stderr while it starts. Later it might be contents of events. */
  private listen(child: ChildProcess): () => string {
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (this.current.kind === 'starting') said = `${said}${text}`.slice(0, SAID_CHARACTERS)
    })
    return () => (said === '' ? '' : `: ${said.trim()}`)
  }

  private hear(child: ChildProcess, message: ChildMessage): void {
    if (this.current.kind === 'stopped' || message.kind !== 'ready') return
    this.lockedSince = undefined
    const pid = child.pid ?? 0
    this.become({ kind: 'ready', pid })
    // Not before: until then an earlier child may hold the folder, and its pid must not be forgotten.
    this.options.onEngine?.(pid)
  }

  /** The folder belongs to another process: a child that a killed server left behind is ended, anybody else is not. */
  private unlock(): void {
    this.lockedSince ??= performance.now()
    if (this.stalePid !== undefined && isEngineChild(this.stalePid)) {
      this.options.log(`ending the engine's process ${this.stalePid}, which an earlier server left`)
      process.kill(this.stalePid, 'SIGKILL')
    } else if (performance.now() - this.lockedSince > LOCKED_MS) {
      const hint = 'end the other whodid server that uses this data folder, or give this one another with --data'
      this.fatal = new AuditError('locked', `the engine's folder ${this.options.folder} is in use`, { hint })
    }
  }

  private ended(reason: string): void {
    if (this.current.kind === 'stopped') return
    this.become({ kind: 'failing', reason, retryInMs: this.retryMs })
    if (this.fatal) return
    this.options.log(`the engine's process ${reason}; starting it again in ${this.retryMs} ms`)
    this.retry = setTimeout(() => {
      this.become({ kind: 'starting' })
      this.start()
    }, this.retryMs)
    // Somebody who will soon let go of the folder is no reason to wait longer each time.
    if (this.lockedSince === undefined) this.retryMs = Math.min(this.retryMs * 2, LONGEST_RETRY_MS)
  }

  private become(state: EngineState): void {
    this.current = state
    for (const look of this.watchers) look()
  }
}

function refuseUnsupported(): void {
  const { platform, arch } = process
  if ((platform === 'linux' && isGlibc() && (arch === 'x64' || arch === 'arm64')) || platform === 'darwin') return
  const hint = 'set store.url to a ClickHouse server'
  throw new AuditError('unsupported', `the embedded engine does not run on ${platform} ${arch} with this C library`, {
    hint,
  })
}

function isGlibc(): boolean {
  const report: unknown = process.report.getReport()
  if (typeof report !== 'object' || report === null || !('header' in report)) return false
  const { header } = report
  return typeof header === 'object' && header !== null && 'glibcVersionRuntime' in header
}

/** In the folder, or where its path would be too long for a socket, in a folder of ours elsewhere. */
function socketPath(folder: string): string {
  const near = join(folder, 'engine.sock')
  if (Buffer.byteLength(near) <= 100) return near
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 16)
  const elsewhere = join(process.env['XDG_RUNTIME_DIR'] ?? tmpdir(), `whodid-${process.getuid?.() ?? 0}-${name}`)
  mkdirSync(elsewhere, { recursive: true, mode: 0o700 })
  // Refused by the system when the folder is somebody else's.
  chmodSync(elsewhere, 0o700)
  return join(elsewhere, 'engine.sock')
}

function isEngineChild(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('engine-child')
  } catch {
    // Gone, or a system without /proc: then the child ends itself when its channel closes.
    return false
  }
}

function stopped(): AuditError {
  return new AuditError('engine_unavailable', 'the engine was stopped')
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason })
}
