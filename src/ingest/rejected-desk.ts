import { Worker } from 'node:worker_threads'
import { AuditError, type ErrorCode } from '../domain/errors.ts'
import type { RejectedRecords, RejectedRecordsOptions } from '../state/rejected-records.ts'

type Calls = Omit<RejectedRecords, 'close'>

/** The rejected records that are kept, in a thread of their own: the same calls, answered later. */
export type RejectedDesk = {
  readonly [Name in keyof Calls]: (...args: Parameters<Calls[Name]>) => Promise<ReturnType<Calls[Name]>>
} & { close(): Promise<void> }

export interface DeskQuestion {
  readonly id: number
  readonly call: keyof RejectedRecords
  readonly args: readonly unknown[]
}

export interface DeskAnswer {
  readonly id: number
  readonly value?: unknown
  readonly error?: { readonly code: ErrorCode; readonly message: string; readonly hint?: string }
}

/** A thread that ends takes its questions with it (`io_failed`); the next question starts another one. */
export function openRejectedDesk(options: RejectedRecordsOptions): RejectedDesk {
  const asked = new Map<number, PromiseWithResolvers<unknown>>()
  let questions = 0
  let worker: Worker | undefined

  function start(): Worker {
    const file = import.meta.url.endsWith('.ts') ? './rejected-worker.ts' : './rejected-worker.js'
    const started = new Worker(new URL(file, import.meta.url), { workerData: options })
    // Its end follows, and says it to all who wait.
    started.on('error', () => undefined)
    started.on('message', ({ id, value, error }: DeskAnswer) => {
      const waiting = asked.get(id)
      asked.delete(id)
      if (error === undefined) waiting?.resolve(value)
      else
        waiting?.reject(new AuditError(error.code, error.message, error.hint === undefined ? {} : { hint: error.hint }))
    })
    started.on('exit', () => {
      if (worker === started) worker = undefined
      for (const each of asked.values())
        each.reject(new AuditError('io_failed', 'the thread of rejected records ended'))
      asked.clear()
    })
    return started
  }

  function ask<Name extends keyof RejectedRecords>(
    call: Name,
    ...args: Parameters<RejectedRecords[Name]>
  ): Promise<ReturnType<RejectedRecords[Name]>> {
    const question: DeskQuestion = { id: ++questions, call, args }
    const answered = Promise.withResolvers<unknown>()
    asked.set(question.id, answered)
    worker ??= start()
    worker.postMessage(question)
    // The thread calls the very function whose type this is.
    return answered.promise as Promise<ReturnType<RejectedRecords[Name]>>
  }

  return {
    readUpTo: () => ask('readUpTo'),
    add: (...args) => ask('add', ...args),
    list: (...args) => ask('list', ...args),
    get: (...args) => ask('get', ...args),
    take: (...args) => ask('take', ...args),
    settle: (...args) => ask('settle', ...args),
    discard: (...args) => ask('discard', ...args),
    discardHolding: (...args) => ask('discardHolding', ...args),
    totals: () => ask('totals'),
    async close() {
      const last = worker
      if (last === undefined) return
      // One that never came to open it has nothing to close.
      await ask('close').catch(() => undefined)
      await last.terminate()
    },
  }
}
