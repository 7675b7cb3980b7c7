import type { WitnessAnswer } from '../domain/answers.ts'
import type { AuditEvent } from '../domain/event.ts'
import { witnessAlarm } from '../ingest/trail.ts'
import type { ClockWatch } from '../ledger/clock-watch.ts'
import { createWitnessRounds } from '../ledger/witness-rounds.ts'
import { type Clock, pause } from '../lib/clock.ts'
import type { Closers } from './closers.ts'
import type { Foundation } from './foundation.ts'
import { refusalOf } from './root-plan.ts'

/** The witnesses of the root log, as this server deals with them. */
export interface Witnesses {
  /** Undefined: none are configured. */
  standing(): WitnessAnswer | undefined
  /** What is not as it should be, in words for an operator. None of it stops intake. */
  reasons(): readonly string[]
}

export interface WitnessesDeps {
  readonly foundation: Foundation
  readonly clock: Clock
  readonly log: (message: string) => void
  readonly trail: (event: AuditEvent) => void
  readonly clocks: Pick<ClockWatch, 'heard'>
  /** The process cannot go on: this disk is an old copy. */
  readonly fatal: (error: unknown) => void
}

const COMPARE_MS = 10_000

/** Beside everything else: a witness that hangs or lies holds up nobody. */
export function startWitnesses(deps: WitnessesDeps, closers: Closers): Witnesses {
  const { foundation, clock, log } = deps
  const { root, ledger, state } = foundation
  const { policy } = root
  if (policy === undefined) return { standing: () => undefined, reasons: () => [] }
  let heldSince = root.held ? new Date(clock.now()).toISOString() : undefined
  const rounds = createWitnessRounds({
    policy,
    root: () => ledger.root(),
    consistency: (origin, from, to) => ledger.consistency(origin, from, to),
    saveCosigned: (note) => ledger.saveCosigned(note),
    fetch,
    clock,
    log,
    // Its time is cut to the second.
    onTime: (name, time, sent, received) => deps.clocks.heard(`witness ${name}`, time * 1000, 1000, sent, received),
    alarm(kind, message) {
      log(`${kind === 'quorum-back' ? '' : 'ALARM: '}${message}`)
      deps.trail(witnessAlarm(kind, message, clock.now()))
    },
  })

  /** Until the witnesses have said what they know, nothing is signed. */
  async function compared(signal: AbortSignal): Promise<void> {
    while (heldSince !== undefined && !signal.aborted) {
      const found = await root.compare(signal)
      if (signal.aborted) return
      const refusal = refusalOf(root, state, found)
      if (refusal !== undefined) throw refusal
      if (found.kind === 'same') {
        heldSince = undefined
        ledger.release()
        log('the witnesses know nothing that is not here: logs are signed from here on')
      } else await pause(clock, COMPARE_MS, signal)
    }
  }

  const ended = new AbortController()
  const running = compared(ended.signal).then(() => rounds.run(ended.signal))
  running.catch(deps.fatal)
  closers.push(async () => {
    ended.abort()
    await Promise.allSettled([running])
  })
  return {
    standing: () => ({ ...rounds.standing(), ...(heldSince !== undefined && { unwitnessedSince: heldSince }) }),
    reasons: () => [
      ...(heldSince === undefined ? [] : [`unwitnessed since ${heldSince}: nothing is signed until witnesses answer`]),
      ...rounds.reasons(),
    ],
  }
}
