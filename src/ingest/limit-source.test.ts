import { expect, test } from 'vitest'
import { Intake } from '../../test/contract/source.ts'
import { manualClock } from '../../test/manual-clock.ts'
import { AuditError } from '../domain/errors.ts'
import type { SourceLimits } from '../sources/config.ts'
import { limitSource } from './limit-source.ts'

function aWay(limits: SourceLimits) {
  const clock = manualClock()
  const intake = new Intake()
  const lines: string[] = []
  const emit = limitSource('noisy', intake.emit, limits, { clock, log: (line) => void lines.push(line) })
  const send = (count: number, bytes = 10) =>
    emit(Array.from({ length: count }, () => ({ bytes: Buffer.alloc(bytes), format: 'ecs' })))
  const refusal = async (sent: Promise<unknown>): Promise<AuditError> => {
    const error = await sent.then(
      () => undefined,
      (reason: unknown) => reason,
    )
    if (!(error instanceof AuditError)) throw new Error('it was taken')
    return error
  }
  return { clock, intake, lines, send, refusal }
}

test('what comes within the rate is taken', async () => {
  const { clock, intake, send } = aWay({ recordsPerSecond: 100, bytesPerSecond: 10_000 })
  for (let second = 0; second < 10; second++) {
    await send(100)
    clock.advance(1000)
  }
  expect(intake.records).toHaveLength(1000)
})

test('beyond it the sender is told how long to wait, and then it goes on', async () => {
  const { clock, intake, send, refusal } = aWay({ recordsPerSecond: 100 })
  await send(350)
  const refused = await refusal(send(1))
  expect(refused.code).toBe('busy')
  expect(refused.message).toBe('source noisy sends more than 100 records a second')
  expect(refused.details.retryAfterMs).toBe(2500)
  clock.advance(2500)
  expect((await refusal(send(1))).details.retryAfterMs).toBe(1)
  clock.advance(10)
  await send(1)
  expect(intake.records).toHaveLength(351)
})

test('bytes are counted as records are', async () => {
  const { clock, send, refusal } = aWay({ bytesPerSecond: 1000 })
  await send(1, 3000)
  expect((await refusal(send(1))).details.retryAfterMs).toBe(2000)
  clock.advance(2001)
  await send(1)
})

test('no more batches wait at a time than are allowed, and one that failed makes room', async () => {
  const clock = manualClock()
  const waiting: PromiseWithResolvers<never>[] = []
  const emit = limitSource(
    'noisy',
    () => {
      const one = Promise.withResolvers<never>()
      waiting.push(one)
      return one.promise
    },
    { connections: 2 },
    { clock, log: () => undefined },
  )
  const first = emit([])
  const second = emit([])
  await expect(emit([])).rejects.toMatchObject({ code: 'busy', details: { retryAfterMs: 1000 } })
  waiting[0]?.reject(new Error('the journal failed'))
  await expect(first).rejects.toThrow('the journal failed')
  void emit([])
  expect(waiting).toHaveLength(3)
  second.catch(() => undefined)
})

test('it is said once a minute', async () => {
  const { clock, lines, send, refusal } = aWay({ recordsPerSecond: 1 })
  await send(1000)
  for (let n = 0; n < 100; n++) await refusal(send(1))
  expect(lines).toEqual(['source noisy is told to wait: it sends more than 1 records a second'])
  clock.advance(60_000)
  await refusal(send(1))
  expect(lines).toHaveLength(2)
})

test('where the source says so, what is too much is given up and not waited with', async () => {
  const clock = manualClock()
  const intake = new Intake()
  const lines: string[] = []
  const shed: string[] = []
  const emit = limitSource(
    'noisy',
    intake.emit,
    { recordsPerSecond: 10 },
    {
      clock,
      log: (line) => void lines.push(line),
      async shed(batch, _options, why) {
        shed.push(...batch.map(() => why))
        return { received: 0, kept: 0, dropped: 0, duplicate: 0, rejected: 0, shed: batch.length, results: [] }
      },
    },
  )
  const record = { bytes: Buffer.alloc(1), format: 'ecs' }
  await emit(Array.from({ length: 10 }, () => record))
  expect(await emit([record, record])).toMatchObject({ shed: 2 })
  clock.advance(1000)
  await emit([record])

  expect([intake.records.length, shed]).toEqual([11, ['recordsPerSecond', 'recordsPerSecond']])
  expect(lines).toEqual(['source noisy has records given up: it sends more than 10 records a second'])
})
