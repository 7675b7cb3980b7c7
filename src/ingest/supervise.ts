import { AuditError } from '../domain/errors.ts'
import { type Clock, pause } from '../lib/clock.ts'
import type { Emit, Source } from '../sources/source.ts'
import type { SourceWatch } from './source-watch.ts'

export interface SuperviseDeps {
  readonly clock: Clock
  readonly log: (message: string) => void
  readonly signal: AbortSignal
  /** Is told when it begins and why it failed. */
  readonly watch?: Pick<SourceWatch, 'began' | 'failed'>
}

const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 60_000

/**
 * Keeps a follower or scraper working until `signal` aborts: one that fails is started again, later each time, and never
 * takes another one down. One of the four places where errors end.
 */
export async function superviseSource(
  name: string,
  open: () => Source,
  emit: Emit,
  deps: SuperviseDeps,
): Promise<void> {
  let waitMs = FIRST_PAUSE_MS
  while (!deps.signal.aborted) {
    const began = deps.clock.now()
    deps.watch?.began()
    const failure = await failureOf(open, emit, deps.signal)
    if (deps.signal.aborted) return
    // It has worked for a while, so this is a new failure and not the old one again.
    if (deps.clock.now() - began > LONGEST_PAUSE_MS) waitMs = FIRST_PAUSE_MS
    deps.watch?.failed(failure.replace(/,$/, ''))
    deps.log(`source ${name} ${failure} and starts again in ${waitMs / 1000} s`)
    await pause(deps.clock, waitMs, deps.signal)
    waitMs = Math.min(waitMs * 2, LONGEST_PAUSE_MS)
  }
}

async function failureOf(open: () => Source, emit: Emit, signal: AbortSignal): Promise<string> {
  try {
    await open().run(emit, signal)
    return 'ended'
  } catch (error) {
    return `failed: ${reasonOf(error)},`
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AuditError) return error.hint === undefined ? error.message : `${error.message} (${error.hint})`
  return error instanceof Error ? error.message : String(error)
}
