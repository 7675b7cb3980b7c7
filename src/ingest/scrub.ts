import { isRootOrigin } from '../domain/sealed.ts'
import { AuditError } from '../domain/errors.ts'
import type { AuditEvent } from '../domain/event.ts'
import { type Clock, pause } from '../lib/clock.ts'
import type { ScrubAnswer } from '../domain/answers.ts'
import { type Found, isThere, type ScrubDeps, scrubExtra, scrubLog, scrubStrays } from './scrub-log.ts'
import { scrubAlarm } from './trail.ts'

/** The store compared with the ledger, over and over (docs/scrub.md), and when somebody asks. */
export interface Scrub {
  /** Works until `signal` aborts. Failures of the engine are waited out. */
  run(signal: AbortSignal): Promise<void>
  /** Begins a run over one log, a part of one, or all, as fast as it goes; `busy` while another one is at work. */
  ask(which: ScrubWhich): void
  standing(): ScrubAnswer
  /** In words for an operator: what differs. */
  reasons(): readonly string[]
}

interface ScrubWhich {
  readonly log?: string
  readonly from?: number
  /** Exclusive. */
  readonly to?: number
}

export interface ScrubOptions extends ScrubDeps {
  /** Part of the time that the background pass works. 0: it never does. */
  readonly share: number
  readonly saved: { load(): unknown; save(value: unknown): void }
  readonly trail: (event: AuditEvent) => void
  readonly log: (message: string) => void
}

/** Where the background pass is, and what is known to differ: saved, so that a restart goes on. */
interface Kept {
  readonly at?: { readonly log: string; readonly index: number }
  readonly begunAt?: number
  readonly leaves: number
  readonly last?: { readonly begunAt: number; readonly endedAt: number; readonly leaves: number }
  readonly open: readonly (Found & { readonly since: number })[]
}

type Run = { -readonly [Key in keyof NonNullable<ScrubAnswer['run']>]: NonNullable<ScrubAnswer['run']>[Key] }

const EVERY_MS = 600_000
const RETRY_MS = 30_000
const SAVE_MS = 30_000
const MOST_OPEN = 1000
/** Of one pass: what is more is told as a count. */
const MOST_ALARMS = 100
const LONGEST_PAUSE_MS = 60_000

export function createScrub(options: ScrubOptions): Scrub {
  const { clock, share, saved, log: say } = options
  // We saved it.
  let kept = (saved.load() as Kept | undefined) ?? { leaves: 0, open: [] }
  let savedAt = clock.now()
  let run: Run | undefined
  let asked: ScrubWhich | undefined
  let wake = (): void => undefined
  let alarms = 0

  function keep(change: Partial<Kept>, now: 'now' | 'later' = 'later'): void {
    kept = { ...kept, ...change }
    if (now === 'later' && clock.now() - savedAt < SAVE_MS) return
    savedAt = clock.now()
    saved.save(kept)
  }

  /** What a stretch showed replaces what was known of it; only what is new is told. */
  function learn(log: string, from: number, to: number, found: readonly Found[]): void {
    const known = new Map(kept.open.map((each) => [nameOf(each), each]))
    for (const each of kept.open) {
      if (each.log === log && each.index >= from && each.index < to) known.delete(nameOf(each))
    }
    const before = new Set(kept.open.map(nameOf))
    const now = clock.now()
    const news = found.filter((each) => !before.has(nameOf(each)))
    for (const each of found) {
      const since = kept.open.find((one) => nameOf(one) === nameOf(each))?.since ?? now
      if (known.size < MOST_OPEN) known.set(nameOf(each), { ...each, since })
    }
    for (const each of news) alarm(each, news.length)
    if (news.length > 0 || known.size !== kept.open.length) keep({ open: [...known.values()].toSorted(byPlace) }, 'now')
  }

  function alarm(found: Found, count: number): void {
    alarms += 1
    if (alarms > MOST_ALARMS) {
      if (alarms === MOST_ALARMS + 1) say(`more than ${MOST_ALARMS} differences in one pass: the rest is only counted`)
      return
    }
    say(`the store is not what the ledger says: ${foundText(found)}${count > 1 ? `, one of ${count}` : ''}`)
    options.trail(scrubAlarm(found, foundText(found), clock.now()))
  }

  async function compareLog(
    log: string,
    which: { from: number; to: number; whole: boolean },
    signal: AbortSignal,
    pass: Pass,
  ): Promise<void> {
    for await (const stretch of scrubLog(options, log, which, signal)) {
      learn(log, stretch.from, stretch.to, stretch.found)
      pass.done(stretch.to - stretch.from, stretch.found.length, stretch.readAgain, { log, index: stretch.to })
      if (!pass.yields) continue
      await restUntilAsked(Math.min(LONGEST_PAUSE_MS, stretch.tookMs * (1 / share - 1)), signal)
      if (asked !== undefined) return
    }
    if (!which.whole || signal.aborted || !isThere(options, log)) return
    const extra = await scrubExtra(options, log, which.to, signal)
    const news = extra.filter((each) => !kept.open.some((one) => nameOf(one) === nameOf(each)))
    for (const each of news) learn(log, each.index, each.index, [each])
    pass.done(0, news.length, 0)
  }

  /** The background pass gives way to what somebody asks. */
  async function restUntilAsked(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    wake = () => woken.abort()
    if (asked === undefined) await pause(clock, ms, AbortSignal.any([signal, woken.signal]))
    wake = () => undefined
  }

  function sizes(): readonly { readonly log: string; readonly size: number }[] {
    return options.ledger
      .logs()
      .filter(({ origin, state }) => !isRootOrigin(origin) && state !== 'pruned')
      .map(({ origin, size }) => ({ log: origin, size }))
      .toSorted((a, b) => (a.log < b.log ? -1 : 1))
  }

  async function cycle(signal: AbortSignal): Promise<void> {
    const logs = sizes()
    await options.whenStored(signal)
    if (kept.begunAt === undefined) {
      alarms = 0
      keep({ begunAt: clock.now(), leaves: 0 })
    }
    for (const { log, size } of logs) {
      const { at } = kept
      if (at !== undefined && log < at.log) continue
      const from = at?.log === log ? Math.min(at.index, size) : 0
      await compareLog(log, { from, to: size, whole: true }, signal, {
        yields: true,
        done: (leaves, _found, _readAgain, place) =>
          keep({ leaves: kept.leaves + leaves, ...(place && { at: place }) }),
      })
      if (signal.aborted || asked !== undefined) return
    }
    learnStrays(await scrubStrays(options, signal))
    if (signal.aborted) return
    const { begunAt = clock.now(), leaves, open } = kept
    kept = { leaves: 0, open, last: { begunAt, endedAt: clock.now(), leaves } }
    keep({}, 'now')
  }

  function learnStrays(found: readonly Found[]): void {
    for (const each of found) learn(each.log, each.index, each.index + 1, [each])
  }

  async function answer(which: ScrubWhich, signal: AbortSignal): Promise<void> {
    const logs = sizes().filter(({ log }) => which.log === undefined || log === which.log)
    const ranges = logs.map(({ log, size }) => {
      const [from, to] = [Math.min(which.from ?? 0, size), Math.min(which.to ?? size, size)]
      return { log, from, to: Math.max(from, to), whole: from === 0 && to === size }
    })
    alarms = 0
    const now: Run = {
      state: 'running',
      begunAt: isoOf(clock.now()),
      leaves: 0,
      of: ranges.reduce((sum, { from, to }) => sum + to - from, 0),
      readAgain: 0,
      differences: 0,
    }
    run = now
    const pass: Pass = {
      yields: false,
      done(leaves, found, readAgain) {
        now.leaves += leaves
        now.differences += found
        now.readAgain += readAgain
      },
    }
    try {
      await options.whenStored(signal)
      for (const { log, ...range } of ranges) await compareLog(log, range, signal, pass)
      if (which.log === undefined) {
        const strays = await scrubStrays(options, signal)
        learnStrays(strays)
        now.differences += strays.length
      }
      now.state = signal.aborted ? 'failed' : 'done'
    } catch (error) {
      now.state = 'failed'
      now.reason = messageOf(error)
    }
    now.endedAt = isoOf(clock.now())
  }

  return {
    async run(signal) {
      while (!signal.aborted) {
        const which = asked
        if (which !== undefined) {
          await answer(which, signal)
          asked = undefined
          continue
        }
        try {
          const due = (kept.last?.endedAt ?? -Infinity) + EVERY_MS
          const isDue = share > 0 && (kept.begunAt !== undefined || clock.now() >= due)
          if (isDue) await cycle(signal)
          else await restUntilAsked(share > 0 ? Math.min(EVERY_MS, due - clock.now()) : EVERY_MS, signal)
        } catch (error) {
          if (signal.aborted) return
          say(`the store could not be compared with the ledger: ${messageOf(error)}`)
          await restUntilAsked(RETRY_MS, signal)
        }
      }
    },
    ask(which) {
      if (asked !== undefined) throw new AuditError('busy', 'a scrub is at work already', { retryAfterMs: 5000 })
      asked = which
      run = { state: 'running', begunAt: isoOf(clock.now()), leaves: 0, of: 0, readAgain: 0, differences: 0 }
      wake()
    },
    standing: () => standingOf(kept, run, share, sizes(), clock),
    reasons() {
      const [first] = kept.open
      if (first === undefined) return []
      const more = kept.open.length > 1 ? `, and ${kept.open.length - 1} more` : ''
      return [`the store is not what the ledger says: ${foundText(first)}${more}`]
    },
  }
}

interface Pass {
  /** It rests between stretches, and ends when somebody asks. */
  readonly yields: boolean
  done(leaves: number, found: number, readAgain: number, at?: { readonly log: string; readonly index: number }): void
}

function standingOf(
  kept: Kept,
  run: Run | undefined,
  share: number,
  logs: readonly { readonly log: string; readonly size: number }[],
  clock: Clock,
): ScrubAnswer {
  const { at, begunAt, leaves, last } = kept
  const now = clock.now()
  const of = logs.reduce((sum, { size }) => sum + size, 0)
  // By the rate of this pass, or else of the last one.
  const [done, tookMs] =
    begunAt !== undefined && leaves > 0
      ? [leaves, now - begunAt]
      : [last?.leaves ?? 0, last === undefined ? 0 : last.endedAt - last.begunAt]
  return {
    share,
    of,
    ...(begunAt !== undefined && { pass: { begunAt: isoOf(begunAt), leaves, ...(at && { at }) } }),
    ...(last !== undefined && {
      last: { begunAt: isoOf(last.begunAt), endedAt: isoOf(last.endedAt), leaves: last.leaves },
    }),
    ...(done > 0 && tookMs > 0 && { cycleSeconds: Math.ceil((tookMs / 1000) * (of / done)) }),
    differences: kept.open.map(({ since, ...found }) => ({ ...found, since: isoOf(since), text: foundText(found) })),
    ...(run !== undefined && { run: { ...run } }),
  }
}

/** What differs, in words: its place and its columns. */
function foundText({ log, index, kind, columns }: Found): string {
  switch (kind) {
    case 'missing':
      return `row ${index} of ${log} is missing`
    case 'repeated':
      return `row ${index} of ${log} is one too many`
    case 'differs':
      return `row ${index} of ${log} differs in ${columns.join(', ')}`
  }
}

function nameOf({ log, index, kind, columns }: Found): string {
  return [log, index, kind, ...columns].join(' ')
}

function byPlace(a: Found, b: Found): number {
  return a.log === b.log ? a.index - b.index : a.log < b.log ? -1 : 1
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString()
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
