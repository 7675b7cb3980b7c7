import { NOTHING } from '../domain/accounting.ts'
import type { Receipt, ShedFor } from '../domain/answers.ts'
import type { AuditEvent } from '../domain/event.ts'
import type { Clock } from '../lib/clock.ts'
import type { EmitOptions, SourceRecord } from '../sources/source.ts'
import { numbersOf, receiptOf } from './batch.ts'
import type { PayloadHeader } from './payload.ts'
import { shedAlarm } from './trail.ts'
import type { Turns } from './turns.ts'

/** Gives up what a source sent beyond its limits, where it asks for that: all that is left of a record is that it came. */
export interface Shedder {
  /** Resolves once the count is durable, and never before. Throws `busy` where even that has no room. */
  shed(source: ShedSource, batch: readonly SourceRecord[], options: EmitOptions, why: ShedFor): Promise<Receipt>
  /** Tells our own trail how much was given up: once a minute and source, or at once. */
  tell(now: number, when: 'due' | 'at once'): Promise<void>
}

interface ShedSource {
  readonly name: string
  readonly way?: string
}

export interface ShedderDeps {
  readonly turns: Turns
  readonly append: (header: PayloadHeader) => Promise<void>
  /** Receive time, in the order in which frames are asked for. */
  readonly receive: () => number
  readonly trail: (event: AuditEvent) => Promise<void>
  readonly clock: Clock
}

interface Waiting {
  readonly count: { records: number; isWritten: boolean }
  readonly durable: Promise<void>
}

interface Untold {
  records: number
  bytes: number
  readonly reasons: Set<ShedFor>
  toldMs: number
}

const MINUTE_MS = 60_000

export function createShedder({ turns, append, receive, trail, clock }: ShedderDeps): Shedder {
  /** Counts that have no frame yet: many small batches share one. */
  const waiting = new Map<string, Waiting>()
  const untold = new Map<string, Untold>()

  function count({ name, way }: ShedSource, batch: readonly SourceRecord[], { cursor }: EmitOptions): Promise<void> {
    const key = `${name}\n${way ?? ''}`
    const numbers = numbersOf(batch)
    // What stands for what came before it must not overtake that.
    const mayShare = cursor === undefined && numbers.length === 0
    const open = mayShare ? waiting.get(key) : undefined
    if (open !== undefined) {
      open.count.records += batch.length
      return open.durable
    }
    const received = receive()
    const mine = { records: batch.length, isWritten: false }
    const durable = turns.enqueue(async () => {
      mine.isWritten = true
      if (waiting.get(key)?.count === mine) waiting.delete(key)
      const header: PayloadHeader = {
        source: name,
        received,
        accounting: { ...NOTHING, received: mine.records, shed: mine.records },
        ...(way !== undefined && { way }),
        ...(numbers.length > 0 && { numbers }),
        ...(cursor !== undefined && { cursor }),
      }
      return { durable: append(header) }
    })
    // Where nobody waits for a turn, it came at once.
    if (mayShare && !mine.isWritten) waiting.set(key, { count: mine, durable })
    return durable
  }

  return {
    async shed(source, batch, options, why) {
      await count(source, batch, options)
      const said = untold.get(source.name) ?? { records: 0, bytes: 0, reasons: new Set<ShedFor>(), toldMs: -Infinity }
      untold.set(source.name, said)
      said.records += batch.length
      said.bytes += batch.reduce((sum, { bytes }) => sum + bytes.length, 0)
      said.reasons.add(why)
      return receiptOf(batch.map(() => ({ shed: why })))
    },
    async tell(now, when) {
      for (const [source, said] of untold) {
        if (said.records === 0 || (when === 'due' && now - said.toldMs < MINUTE_MS)) continue
        const alarm = shedAlarm(source, said, clock.now())
        untold.set(source, { records: 0, bytes: 0, reasons: new Set(), toldMs: now })
        await trail(alarm)
      }
    },
  }
}
