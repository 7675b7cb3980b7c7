import { randomBytes } from 'node:crypto'
import { join } from 'node:path'

import type { JobAnswer } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/event.ts'
import { formatMillis } from '../domain/time.ts'
import type { Clock } from '../lib/clock.ts'
import type { Files } from '../lib/files.ts'

/** Work that takes longer than a request and ends in a file: packs, exports. It survives no restart. */
export interface Jobs {
  /** Empties the folder: what an earlier process left belongs to jobs that nobody knows any more. */
  open(): Promise<void>
  /** Starts at once. Throws `busy` when as many run, or are kept, as may be. */
  start(kind: string, by: string, work: JobWork): Job
  find(kind: string, id: string): Job | undefined
  /** Ends what runs, and removes every file that was made so far: somebody was erased who may be in them. */
  discard(): Promise<number>
  /** Ends what runs and removes every file. */
  stop(): Promise<void>
}

export interface Job {
  readonly id: string
  readonly kind: string
  /** Credential of the caller that started it. */
  readonly by: string
  readonly answer: () => JobAnswer
  /** Resolves when it has ended, one way or the other. */
  readonly ended: Promise<void>
  /** Bytes from..from+length of its file. */
  read(from: number, length: number): Promise<Uint8Array>
}

export interface JobWorkbench {
  readonly files: Files
  /** The file to be made; names that begin with it and a dot are for pieces, and are removed afterwards. */
  readonly path: string
  /** How far it is: of what, the work says. */
  readonly tell: (done: number, total: number) => void
  readonly signal: AbortSignal
}

/** Resolves with what is to be known of the file beside its size. */
export type JobWork = (bench: JobWorkbench) => Promise<JsonObject>

export interface JobsDeps {
  readonly files: Files
  readonly folder: string
  readonly clock: Clock
  readonly logError: (error: unknown, id: string) => void
}

const MOST_RUNNING = 1
const MOST_KEPT = 32
const LIFE_MS = 7 * 86_400_000

export function createJobs({ files, folder, clock, logError }: JobsDeps): Jobs {
  const jobs = new Map<string, Running>()
  const lives = new Set<{ cancel(): void }>()
  let end = new AbortController()

  async function remove(name: string): Promise<void> {
    for (const each of await files.list(folder)) {
      if (each === name || each.startsWith(`${name}.`)) await files.remove(join(folder, each))
    }
  }

  function start(kind: string, by: string, work: JobWork): Job {
    const running = [...jobs.values()].filter(({ state }) => state.kind === 'running').length
    if (running >= MOST_RUNNING) {
      const hint = 'one is made at a time: wait for it to end'
      throw new AuditError('busy', 'another job is running', { hint, retryAfterMs: 10_000 })
    }
    if (jobs.size >= MOST_KEPT) {
      const hint = 'files are kept for 7 days'
      throw new AuditError('busy', `${MOST_KEPT} files are kept already`, { hint, retryAfterMs: 3_600_000 })
    }
    const job = new Running(kind, by, clock.now(), { files, folder })
    jobs.set(job.id, job)
    job.ended = job
      .run(work, end.signal)
      .catch(async (error: unknown) => {
        job.fail(error)
        if (!(error instanceof AuditError) || error.code === 'internal') logError(error, job.id)
        await remove(job.id)
      })
      .then(() => {
        const life = clock.later(LIFE_MS, () => {
          lives.delete(life)
          jobs.delete(job.id)
          remove(job.id).catch((error: unknown) => logError(error, job.id))
        })
        lives.add(life)
      })
    return job
  }

  return {
    async open() {
      await files.makeFolder(folder)
      for (const name of await files.list(folder)) await files.remove(join(folder, name))
    },
    start,
    find(kind, id) {
      const job = jobs.get(id)
      return job?.kind === kind ? job : undefined
    },
    async discard() {
      const made = [...jobs.values()]
      end.abort(new AuditError('conflict', 'somebody was erased while it was made: make it again'))
      end = new AbortController()
      await Promise.all(made.map(({ ended }) => ended))
      for (const { id } of made) {
        jobs.delete(id)
        await remove(id)
      }
      return made.length
    },
    async stop() {
      end.abort(new AuditError('busy', 'the server is stopping'))
      await Promise.all([...jobs.values()].map(({ ended }) => ended))
      for (const life of lives) life.cancel()
      for (const id of jobs.keys()) await remove(id)
    },
  }
}

type JobState =
  | { readonly kind: 'running'; readonly done: number; readonly total: number }
  | { readonly kind: 'done'; readonly sizeBytes: number; readonly details: JsonObject }
  | { readonly kind: 'failed'; readonly error: AuditError }

class Running implements Job {
  readonly id = randomBytes(12).toString('base64url').replaceAll(/[-_]/g, '0')
  readonly kind: string
  readonly by: string
  ended: Promise<void> = Promise.resolve()
  state: JobState = { kind: 'running', done: 0, total: 0 }
  readonly #startedAt: number
  readonly #files: Files
  readonly #path: string

  constructor(kind: string, by: string, startedAt: number, where: { files: Files; folder: string }) {
    this.kind = kind
    this.by = by
    this.#startedAt = startedAt
    this.#files = where.files
    this.#path = join(where.folder, this.id)
  }

  async run(work: JobWork, signal: AbortSignal): Promise<void> {
    const tell = (done: number, total: number): void => void (this.state = { kind: 'running', done, total })
    const details = await work({ files: this.#files, path: this.#path, tell, signal })
    const sizeBytes = (await this.#files.size(this.#path)) ?? 0
    this.state = { kind: 'done', sizeBytes, details }
  }

  fail(error: unknown): void {
    const known = error instanceof AuditError ? error : new AuditError('internal', 'internal error', { cause: error })
    this.state = { kind: 'failed', error: known }
  }

  answer(): JobAnswer {
    const { id, state } = this
    const made = { id, startedAt: formatMillis(this.#startedAt), until: formatMillis(this.#startedAt + LIFE_MS) }
    if (state.kind === 'running') return { ...made, state: 'running', done: state.done, total: state.total }
    if (state.kind === 'done') return { ...made, state: 'done', sizeBytes: state.sizeBytes, ...state.details }
    const { code, message, hint } = state.error
    return { ...made, state: 'failed', code, reason: message, ...(hint !== undefined && { hint }) }
  }

  read(from: number, length: number): Promise<Uint8Array> {
    return this.#files.readRange(this.#path, from, length)
  }
}
