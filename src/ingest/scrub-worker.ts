import { parentPort } from 'node:worker_threads'
import { compareStretch } from './scrub-compare.ts'
import type { ScrubAnswer, ScrubQuestion } from './scrub-thread.ts'

/** The thread that compares the store with the ledger: it holds nobody up. */
const port = parentPort
if (port === null) throw new Error('scrub-worker.ts runs as a worker thread')

port.on('message', (question: ScrubQuestion) => port.postMessage(answer(question)))

function answer({ id, task }: ScrubQuestion): ScrubAnswer {
  try {
    return { id, compared: compareStretch(task) }
  } catch (error) {
    return { id, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}
