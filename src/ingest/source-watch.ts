import { AuditError } from '../domain/errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Emit, Receiver, SourceStatus } from '../sources/source.ts'

/** How one source (or one way into it) stands since the server started. What it sent is in the books. */
export interface SourceStanding {
  readonly state: 'working' | 'waiting' | 'failed'
  /** Of this state; milliseconds since 1970. */
  readonly sinceMs: number
  /** Why it waits or failed: never contents of records. */
  readonly reason?: string
  /** What the source says of itself. */
  readonly status: SourceStatus
  /** Turned away before a record could be read, by reason: what the source says, and what its receiver refused. */
  readonly refused: Readonly<Record<string, number>>
}

/**
 * Watches one source from outside: it stands between source and writer, hears from the supervisor, and takes what the
 * source reports. A source that was told to wait is waiting until something of it is taken again.
 */
export class SourceWatch {
  readonly #clock: Pick<Clock, 'now'>
  #state: SourceStanding['state'] = 'working'
  #sinceMs: number
  #reason: string | undefined
  #status: SourceStatus = {}
  readonly #refused = new Map<string, number>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
    this.#sinceMs = clock.now()
  }

  get standing(): SourceStanding {
    const refused = new Map(Object.entries(this.#status.refused ?? {}))
    for (const [reason, count] of this.#refused) refused.set(reason, (refused.get(reason) ?? 0) + count)
    return {
      state: this.#state,
      sinceMs: this.#sinceMs,
      ...(this.#reason !== undefined && { reason: this.#reason }),
      status: this.#status,
      refused: Object.fromEntries(refused),
    }
  }

  /** What the source says of itself replaces what it said before. */
  report(status: SourceStatus): void {
    this.#status = status
  }

  began(): void {
    this.#enter('working')
  }

  failed(reason: string): void {
    this.#enter('failed', reason)
  }

  /** The way into the writer, watched. */
  emit(emit: Emit): Emit {
    return async (batch, options) => {
      try {
        const receipt = await emit(batch, options)
        this.#enter('working')
        return receipt
      } catch (error) {
        if (error instanceof AuditError && isWait(error)) this.#enter('waiting', error.message)
        throw error
      }
    }
  }

  /** Counts what a receiver turns away; what it was told to wait with is no refusal. */
  receiver(receiver: Receiver): Receiver {
    return {
      ...receiver,
      handle: async (request, emit, signal) => {
        try {
          const answer = await receiver.handle(request, emit, signal)
          const code = codeOf(answer.body)
          // A receipt of records that were all rejected is no problem document: they were read.
          if (answer.status >= 400 && code !== undefined) this.#refuse(code)
          return answer
        } catch (error) {
          if (error instanceof AuditError && !isWait(error)) this.#refuse(error.code)
          throw error
        }
      },
    }
  }

  #enter(state: SourceStanding['state'], reason?: string): void {
    if (state !== this.#state) this.#sinceMs = this.#clock.now()
    this.#state = state
    this.#reason = reason
  }

  #refuse(code: string): void {
    this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1)
  }
}

function isWait(error: AuditError): boolean {
  return error.code === 'busy'
}

/** Of a problem document: its codes are a closed list. */
function codeOf(body: unknown): string | undefined {
  const code: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'code') : undefined
  return typeof code === 'string' ? code : undefined
}
