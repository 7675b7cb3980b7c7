import { Worker } from 'node:worker_threads'
import { AuditError } from '../domain/errors.ts'
import type { Compared, ScrubTask } from './scrub-compare.ts'

export interface ScrubQuestion {
  readonly id: number
  readonly task: ScrubTask
}

export type ScrubAnswer =
  | { readonly id: number; readonly compared: Compared }
  | { readonly id: number; readonly failure: string }

export interface ScrubThread {
  /** Throws `internal` where the thread fails, `busy` where it ends: the next question starts another one. */
  compare(task: ScrubTask): Promise<Compared>
  close(): Promise<void>
}

const HEAP_MB = 512

/** A thread of its own, so that comparing takes no time of those that seal. */
export function createScrubThread(): ScrubThread {
  const asked = new Map<number, PromiseWithResolvers<Compared>>()
  let questions = 0
  let worker: Worker | undefined

  function start(): Worker {
    const file = import.meta.url.endsWith('.ts') ? './scrub-worker.ts' : './scrub-worker.js'
    const started = new Worker(new URL(file, import.meta.url), { resourceLimits: { maxOldGenerationSizeMb: HEAP_MB } })
    // Its end follows, and says it to all who wait.
    started.on('error', () => undefined)
    started.on('message', (answer: ScrubAnswer) => {
      const waiting = asked.get(answer.id)
      asked.delete(answer.id)
      if ('compared' in answer) waiting?.resolve(answer.compared)
      else waiting?.reject(new AuditError('internal', `rows could not be compared: ${answer.failure}`))
    })
    started.on('exit', () => {
      if (worker === started) worker = undefined
      for (const each of asked.values()) each.reject(new AuditError('busy', 'the thread that compares rows ended'))
      asked.clear()
    })
    started.unref()
    return started
  }

  return {
    compare(task) {
      const question: ScrubQuestion = { id: ++questions, task }
      const answered = Promise.withResolvers<Compared>()
      asked.set(question.id, answered)
      worker ??= start()
      worker.postMessage(question)
      return answered.promise
    },
    async close() {
      await worker?.terminate()
    },
  }
}
