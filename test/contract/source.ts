import { describe, expect, onTestFinished, test } from 'vitest'
import type { Receipt } from '../../src/domain/answers.ts'
import { AuditError } from '../../src/domain/errors.ts'
import type { Emit, EmitOptions, Source, SourceDeps, SourceRecord } from '../../src/sources/source.ts'
import type { ManualClock } from '../manual-clock.ts'
import { manualClock } from '../manual-clock.ts'

/** What a source is handed beside clock, cursor and log: it has no secrets, and nobody asks how it stands. */
export const quiet: Pick<SourceDeps, 'secret' | 'report' | 'lastNumber'> = {
  secret: (ref) => {
    throw new AuditError('invalid_config', `there is no secret ${JSON.stringify(ref)} here`)
  },
  report: () => undefined,
  lastNumber: () => 0,
}

/** The far side of a source that works by itself: a test writes there what the source is to bring. */
export interface FarSide {
  readonly open: (deps: SourceDeps) => Source
  /** Makes that many more records, in order, and gives their texts. */
  write(count: number): Promise<readonly string[]>
}

/** What came in, as `ingest/` would see it. */
export class Intake {
  readonly batches: { readonly records: readonly SourceRecord[]; readonly options: EmitOptions }[] = []
  /** Asked before a batch is taken; an error it gives is thrown to the source. */
  refuse: () => Error | undefined = () => undefined

  readonly emit: Emit = async (records, options = {}) => {
    const refusal = this.refuse()
    if (refusal !== undefined) throw refusal
    this.batches.push({ records, options })
    return receiptFor(records.length)
  }

  get records(): readonly SourceRecord[] {
    return this.batches.flatMap((batch) => batch.records)
  }

  get texts(): readonly string[] {
    return this.records.map((record) => Buffer.from(record.bytes).toString('utf8'))
  }

  get cursor(): string | undefined {
    return this.batches.at(-1)?.options.cursor
  }
}

export interface Running {
  readonly clock: ManualClock
  readonly messages: string[]
  /** Lets time pass until it is so. */
  until(isSo: () => boolean): Promise<void>
  /** Lets that much time pass, with everything the source does in it. */
  pass(ms: number): Promise<void>
  stop(): Promise<void>
}

/** Starts a source; it is stopped when the test ends. */
export function start(open: (deps: SourceDeps) => Source, intake: Intake, cursor?: string): Running {
  const clock = manualClock()
  const messages: string[] = []
  const abort = new AbortController()
  let failure: Error | undefined
  let hasEnded = false
  const source = open({ name: 'under-test', clock, cursor, log: (message) => messages.push(message), ...quiet })
  const ended = source
    .run(intake.emit, abort.signal)
    .catch((error: unknown) => (failure = error instanceof Error ? error : new Error(String(error))))
    .finally(() => (hasEnded = true))
  const step = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await new Promise((resolve) => setImmediate(resolve))
    if (failure !== undefined) throw failure
  }
  const stop = async (): Promise<void> => {
    abort.abort()
    await ended
    if (failure !== undefined) throw failure
  }
  onTestFinished(stop)
  return {
    clock,
    messages,
    stop,
    async until(isSo) {
      while (!isSo()) {
        if (hasEnded) throw new Error('the source ended by itself')
        await step(10)
      }
    },
    async pass(ms) {
      for (let passed = 0; passed < ms; passed += 10) await step(10)
    },
  }
}

/** What every source must do that works by itself. Its own test file calls this, then tests what is special to it. */
export function sourceContract(farSide: () => Promise<FarSide>): void {
  describe('as every source', () => {
    test('brings every record once, in order', async () => {
      const far = await farSide()
      const intake = new Intake()
      const running = start(far.open, intake)
      const first = await far.write(3)
      await running.until(() => intake.records.length >= 3)
      const more = await far.write(2)
      await running.until(() => intake.records.length >= 5)
      await running.pass(1000)
      expect(intake.texts).toEqual([...first, ...more])
    })

    test('goes on where it was when it is started again', async () => {
      const far = await farSide()
      const before = new Intake()
      const running = start(far.open, before)
      await far.write(3)
      await running.until(() => before.records.length >= 3)
      await running.stop()
      const missed = await far.write(2)

      const after = new Intake()
      const again = start(far.open, after, before.cursor)
      await again.until(() => after.records.length >= 2)
      await again.pass(1000)
      expect(after.texts).toEqual(missed)
    })

    test('repeats what was not acknowledged, under the same names', async () => {
      const far = await farSide()
      const broken = new Intake()
      const offered: SourceRecord[] = []
      const abort = new AbortController()
      const clock = manualClock()
      const source = far.open({ name: 'under-test', clock, cursor: undefined, log: () => undefined, ...quiet })
      const written = await far.write(2)
      const crash: Emit = async (records) => {
        offered.push(...records)
        abort.abort()
        throw new Error('the process ends here')
      }
      await source.run(crash, abort.signal)

      const running = start(far.open, broken)
      await running.until(() => broken.records.length >= 2)
      expect(broken.texts).toEqual(written)
      expect(offered.length).toBeGreaterThan(0)
      expect(broken.records.map(nameOf).slice(0, offered.length)).toEqual(offered.map(nameOf))
    })

    test('waits when it is told to, and then brings the same batch', async () => {
      const far = await farSide()
      const intake = new Intake()
      let asked = 0
      intake.refuse = () => (++asked <= 3 ? new AuditError('busy', 'full', { retryAfterMs: 5000 }) : undefined)
      const running = start(far.open, intake)
      const written = await far.write(2)
      await running.until(() => asked >= 1)
      await running.pass(4900)
      expect(asked).toBe(1)
      await running.until(() => intake.records.length >= 2)
      expect(intake.texts).toEqual(written)
    })

    test('ends with the error when its batch fails for another reason', async () => {
      const far = await farSide()
      await far.write(1)
      const clock = manualClock()
      const source = far.open({ name: 'under-test', clock, cursor: undefined, log: () => undefined, ...quiet })
      const failed = new AuditError('io_failed', 'the journal failed')
      const state = { hasEnded: false }
      const ended = source.run(() => Promise.reject(failed), new AbortController().signal)
      const refused = expect(ended.finally(() => (state.hasEnded = true))).rejects.toBe(failed)
      // Some wait a moment for what may belong to a record.
      while (!state.hasEnded) {
        clock.advance(10)
        await new Promise((resolve) => setImmediate(resolve))
      }
      await refused
    })

    test('seals a cursor with every batch', async () => {
      const far = await farSide()
      const intake = new Intake()
      const running = start(far.open, intake)
      await far.write(1)
      await running.until(() => intake.records.length >= 1)
      await far.write(1)
      await running.until(() => intake.records.length >= 2)
      expect(intake.batches.map((batch) => typeof batch.options.cursor)).toEqual(['string', 'string'])
    })
  })
}

function nameOf(record: SourceRecord): string | undefined {
  return record.naturalId ?? record.fallbackId
}

export function receiptFor(received: number): Receipt {
  return { received, kept: received, dropped: 0, duplicate: 0, rejected: 0, shed: 0, results: [] }
}
