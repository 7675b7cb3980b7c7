import { parentPort, workerData } from 'node:worker_threads'
import { AuditError } from '../domain/errors.ts'
import { openRejectedRecords, type RejectedRecords, type RejectedRecordsOptions } from '../state/rejected-records.ts'
import type { DeskAnswer, DeskQuestion } from './rejected-desk.ts'

/** The thread that holds the database of rejected records: its commits and deletions hold nobody up. */
const port = parentPort
if (port === null) throw new Error('rejected-worker.ts runs as a worker thread')
// Given by openRejectedDesk, in this process.
const options = workerData as RejectedRecordsOptions

let records: RejectedRecords | undefined

port.on('message', (question: DeskQuestion) => port.postMessage(answer(question)))

/** What could not be opened is tried again at the next question: a full disk may have room by then. */
function answer({ id, call, args }: DeskQuestion): DeskAnswer {
  try {
    records ??= openRejectedRecords(options)
    const called: (...args: readonly never[]) => unknown = records[call]
    // The desk's types tie arguments to calls.
    return { id, value: called(...(args as readonly never[])) }
  } catch (error) {
    if (error instanceof AuditError) {
      const { hint } = error
      return { id, error: { code: error.code, message: error.message, ...(hint !== undefined && { hint }) } }
    }
    return { id, error: { code: 'io_failed', message: error instanceof Error ? error.message : String(error) } }
  }
}
