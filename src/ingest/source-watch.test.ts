import { expect, test } from 'vitest'
import { receiptFor } from '../../test/contract/source.ts'
import { manualClock } from '../../test/manual-clock.ts'
import { AuditError } from '../domain/errors.ts'
import type { Emit, Receiver, ReceiverRequest } from '../sources/source.ts'
import { SourceWatch } from './source-watch.ts'

const REQUEST: ReceiverRequest = { method: 'POST', path: '', query: '', headers: new Map(), body: new Uint8Array() }

function aWatch() {
  const clock = manualClock()
  return { clock, watch: new SourceWatch(clock), start: clock.now() }
}

test('who is told to wait is waiting, with the reason, since it was told first and until something is taken', async () => {
  const { clock, watch, start } = aWatch()
  let refusal: AuditError | undefined = new AuditError('busy', 'the journal is full')
  const emit = watch.emit(async (batch) => {
    if (refusal !== undefined) throw refusal
    return receiptFor(batch.length)
  })
  await expect(emit([])).rejects.toBe(refusal)
  clock.advance(5000)
  await expect(emit([])).rejects.toBe(refusal)
  expect(watch.standing).toMatchObject({ state: 'waiting', sinceMs: start, reason: 'the journal is full' })

  refusal = undefined
  await emit([])
  expect(watch.standing).toEqual({ state: 'working', sinceMs: start + 5000, status: {}, refused: {} })
})

test('what fails in another way is no waiting: the supervisor tells of it', async () => {
  const { watch } = aWatch()
  const emit: Emit = watch.emit(() => Promise.reject(new AuditError('io_failed', 'broken')))
  await expect(emit([])).rejects.toThrow('broken')
  expect(watch.standing.state).toBe('working')
  watch.failed('cannot read')
  expect(watch.standing).toMatchObject({ state: 'failed', reason: 'cannot read' })
  watch.began()
  expect(watch.standing).not.toHaveProperty('reason')
})

test('a receiver’s refusals are counted by their code, beside those that the source counts itself', async () => {
  const { watch } = aWatch()
  const answers: (() => Promise<{ status: number; body?: unknown }>)[] = [
    async () => ({ status: 422, body: { code: 'bad_request' } }),
    () => Promise.reject(new AuditError('too_large', 'large')),
    () => Promise.reject(new AuditError('busy', 'later')),
    async () => ({ status: 422, body: { received: 1, rejected: 1 } }),
    async () => ({ status: 200, body: { code: 'fine' } }),
  ]
  const receiver: Receiver = { handle: () => (answers.shift() ?? (async () => ({ status: 200 })))() }
  const watched = watch.receiver(receiver)
  const emit: Emit = async () => receiptFor(0)
  const signal = new AbortController().signal
  for (let n = 0; n < 5; n++) await watched.handle(REQUEST, emit, signal).catch(() => undefined)
  watch.report({ connections: 2, refused: { too_large: 3, tls: 1 } })
  expect(watch.standing.refused).toEqual({ bad_request: 1, too_large: 4, tls: 1 })
})
