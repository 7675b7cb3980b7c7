import { Worker } from 'node:worker_threads'
import { AuditError } from '../domain/errors.ts'
import type { KeysFor, SealedSlice, Slice, SliceRecord } from './seal.ts'
import type { Tombstone } from '../state/erasures.ts'
import type { RulesRevision } from './rules-in-force.ts'
import { type Answer, type FrameBytes, KNOWN_REVISIONS, type SealTask, type Task, type WorkerSeed } from './tasks.ts'

/** Two threads that seal and make rows, so that the event loop only moves bytes. */
export interface SealWorkers {
  /** @param rules those that the slice names, if it names any. */
  seal(slice: Slice, rules?: RulesRevision): Promise<SealedSlice>
  /** One Native block of the store from frames of one log, without what lies below index `from`. */
  rows(frames: readonly FrameBytes[], from: number): Promise<Uint8Array>
  /** From the next slice on nothing comes back of those who were erased, and keys are asked for anew. */
  forget(tombstones: readonly Tombstone[]): void
  close(): Promise<void>
}

export interface SealWorkersOptions {
  readonly dedupeKey: Uint8Array
  /** Of those who were erased before. */
  readonly tombstones?: readonly Tombstone[]
  readonly keysFor: KeysFor
  readonly threads?: number
  readonly log: (message: string) => void
}

interface Pending {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
  readonly bytes: number
}

interface Thread {
  worker: Worker
  readonly pending: Map<number, Pending>
  /** Revisions of the rules that it knows, oldest first. */
  revisions: number[]
  bytes: number
}

const HEAP_MB = 512
/** Most of what sealing makes dies at once: a large young generation leaves the collector little to copy. */
const YOUNG_MB = 64

export function createSealWorkers(options: SealWorkersOptions): SealWorkers {
  let tasks = 0
  let closing = false
  let { tombstones = [] } = options
  const threads = Array.from({ length: options.threads ?? 2 }, () => startThread())

  function startThread(): Thread {
    const thread: Thread = { worker: spawn(options, tombstones), pending: new Map(), revisions: [], bytes: 0 }
    listen(thread)
    return thread
  }

  function listen(thread: Thread): void {
    thread.worker.on('message', (answer: Answer) => void receive(thread, answer))
    thread.worker.on('error', (error) => options.log(`a seal thread failed: ${String(error)}`))
    thread.worker.on('exit', () => {
      failAll(thread)
      if (closing) return
      options.log('a seal thread ended; starting another one')
      thread.worker = spawn(options, tombstones)
      thread.revisions = []
      listen(thread)
    })
  }

  async function keysOrReason({ question, log, day, wanted }: Answer & { kind: 'keys' }): Promise<Task> {
    try {
      return { kind: 'keys', question, keys: await options.keysFor(log, day, wanted) }
    } catch (error) {
      // Full disk of the key store: what needs the keys is not taken, all else goes on.
      const code = error instanceof AuditError ? error.code : 'internal'
      return { kind: 'no-keys', question, code, message: error instanceof Error ? error.message : String(error) }
    }
  }

  async function receive(thread: Thread, answer: Answer): Promise<void> {
    if (answer.kind === 'keys') {
      post(thread, await keysOrReason(answer))
      return
    }
    const pending = thread.pending.get(answer.id)
    if (pending === undefined) return
    thread.pending.delete(answer.id)
    thread.bytes -= pending.bytes
    if (answer.kind === 'failed') pending.reject(new AuditError(answer.code, answer.message))
    else pending.resolve(answer)
  }

  function run(task: Task & { id: number }, bytes: number, rules?: RulesRevision): Promise<Answer> {
    const thread = threads.reduce((least, each) => (each.bytes < least.bytes ? each : least))
    thread.bytes += bytes
    if (rules !== undefined) teach(thread, rules)
    return new Promise((resolve, reject) => {
      thread.pending.set(task.id, { resolve, reject, bytes })
      post(thread, task)
    })
  }

  return {
    async seal(slice, rules) {
      const task = sealTask(++tasks, slice)
      const answer = await run(task, task.bytes.length + 1, rules)
      if (answer.kind !== 'sealed') throw new AuditError('internal', `a seal thread answered ${answer.kind}`)
      return answer.sealed
    },
    async rows(frames, from) {
      const bytes = frames.reduce((sum, each) => sum + each.payload.length, 1)
      const answer = await run({ kind: 'rows', id: ++tasks, frames, from }, bytes)
      if (answer.kind !== 'rows') throw new AuditError('internal', `a seal thread answered ${answer.kind}`)
      return answer.block
    },
    forget(all) {
      tombstones = all
      for (const thread of threads) post(thread, { kind: 'erased', tombstones })
    },
    async close() {
      closing = true
      await Promise.all(threads.map((thread) => thread.worker.terminate()))
    },
  }
}

function spawn(options: SealWorkersOptions, tombstones: readonly Tombstone[]): Worker {
  const seed: WorkerSeed = { dedupeKey: options.dedupeKey, tombstones }
  return new Worker(
    new URL(import.meta.url.endsWith('.ts') ? './seal-worker.ts' : './seal-worker.js', import.meta.url),
    {
      workerData: seed,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: YOUNG_MB },
    },
  )
}

function post(thread: Thread, task: Task): void {
  // The records of a slice were copied for it; frames are shared with others and stay.
  const moved = task.kind === 'seal' ? [task.bytes.buffer] : []
  thread.worker.postMessage(task, moved)
}

/** Also one that began anew, or a revision that it let go: a slice may wait for long, or be sealed a second time. */
function teach(thread: Thread, { revision, set }: RulesRevision): void {
  if (thread.revisions.includes(revision)) return
  thread.revisions = [...thread.revisions, revision].slice(-KNOWN_REVISIONS)
  post(thread, { kind: 'rules', revision, rules: set })
}

function failAll(thread: Thread): void {
  for (const { reject } of thread.pending.values()) {
    reject(new AuditError('busy', 'a seal thread ended while it worked', { retryAfterMs: 1000 }))
  }
  thread.pending.clear()
  thread.bytes = 0
}

/** Copies the records into one buffer: they are views of a request's body, which may be much larger than the slice. */
function sealTask(id: number, { records, ...slice }: Slice): SealTask {
  const spans = new Uint32Array(records.length * 2)
  const bytes = new Uint8Array(records.reduce((sum, each) => sum + each.bytes.length, 0))
  let at = 0
  for (const [n, record] of records.entries()) {
    bytes.set(record.bytes, at)
    spans.set([at, record.bytes.length], n * 2)
    at += record.bytes.length
  }
  return {
    kind: 'seal',
    id,
    slice,
    bytes,
    spans,
    ...(records.some(isNamed) && { known: records.map(knownOf) }),
  }
}

function isNamed({ naturalId, fallbackId, sequence, collectedMs }: SliceRecord): boolean {
  return [naturalId, fallbackId, sequence, collectedMs].some((each) => each !== undefined)
}

/** What the slice says for all its records is not sent again with each. */
function knownOf({ naturalId, fallbackId, sequence, collectedMs }: SliceRecord): Omit<SliceRecord, 'bytes'> {
  return {
    ...(naturalId !== undefined && { naturalId }),
    ...(fallbackId !== undefined && { fallbackId }),
    ...(sequence !== undefined && { sequence }),
    ...(collectedMs !== undefined && { collectedMs }),
  }
}
