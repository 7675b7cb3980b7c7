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
  /** Pid of a child that an earlier server of this data folder may have left (from run.json). */
  readonly stalePid?: () => number | undefined
  /** Tells the pid of each child. */
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

/** From the child to its server. */
export type ChildMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly locked: boolean; readonly message: string }

const CHILD = join(import.meta.dirname, `engine-child${import.meta.filename.slice(-3)}`)
const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 10_000
const STOP_MS = 5_000
/** How often a locked folder is tried again once the process that held it was ended. */
const LOCKED_TRIES = 20

/** Starts the child and starts it again, with a growing pause, whenever it ends. */
export function startEngine(options: EngineOptions): Engine {
  return new Supervisor(options)
}

class Supervisor implements Engine {
  readonly socket: string
  readonly secret = randomBytes(32).toString('base64url')
  private readonly options: EngineOptions
  private current: EngineState = { kind: 'starting' }
  private child: ChildProcess | undefined
  private retry: NodeJS.Timeout | undefined
  private retryMs = FIRST_RETRY_MS
  private lockedTries = 0
  private fatal: AuditError | undefined
  private readonly watchers = new Set<() => void>()

  constructor(options: EngineOptions) {
    this.options = options
    mkdirSync(options.folder, { recursive: true, mode: 0o700 })
    chmodSync(options.folder, 0o700)
    this.socket = socketPath(options.folder)
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
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      // One thread for each session that may be busy, and some for files.
      env: { PATH: process.env['PATH'], TZ: 'UTC', HOME: this.options.folder, UV_THREADPOOL_SIZE: '16' },
    })
    this.child = child
    if (child.pid !== undefined) this.options.onEngine?.(child.pid)
    const startedAt = performance.now()
    child.on('message', (message: ChildMessage) => this.hear(child, message))
    child.once('error', (error) => this.options.log(`the engine's process cannot be started: ${error.message}`))
    child.once('close', (code, signal) => {
      if (performance.now() - startedAt > LONGEST_RETRY_MS) this.retryMs = FIRST_RETRY_MS
      this.ended(`ended with ${signal ?? `code ${code}`}`)
    })
    const message = { kind: 'start', folder: this.options.folder, socket: this.socket, secret: this.secret } as const
    // A child that is gone already is seen by `close`.
    child.send(message satisfies ParentMessage, () => undefined)
  }

  private hear(child: ChildProcess, message: ChildMessage): void {
    if (this.current.kind === 'stopped') return
    if (message.kind === 'ready') {
      this.lockedTries = 0
      this.become({ kind: 'ready', pid: child.pid ?? 0 })
      return
    }
    this.options.log(`the engine did not start: ${message.message}`)
    if (message.locked) this.unlock()
    child.kill('SIGKILL')
  }

  /** The folder belongs to another process: a child that a killed server left behind is ended, anybody else is not. */
  private unlock(): void {
    const pid = this.options.stalePid?.()
    if (pid !== undefined && isEngineChild(pid)) {
      this.options.log(`ending the engine's process ${pid}, which an earlier server left`)
      process.kill(pid, 'SIGKILL')
    } else if (++this.lockedTries > LOCKED_TRIES) {
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
    // An earlier child needs a moment to let go of the folder: that is no reason to wait longer each time.
    this.retryMs = Math.min(this.retryMs * (this.lockedTries > 0 ? 1 : 2), LONGEST_RETRY_MS)
  }

  private become(state: EngineState): void {
    this.current = state
    for (const look of this.watchers) look()
  }
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
