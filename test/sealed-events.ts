import { createHash } from 'node:crypto'
import { cutEvent } from '../src/domain/blocks.ts'
import type { AuditEvent } from '../src/domain/event.ts'
import type { SealedEvent } from '../src/domain/sealed.ts'
import { leafLine } from '../src/store/row.ts'

export interface SealedOptions {
  readonly feed: number
  readonly index?: number
  readonly log?: string
  readonly receivedAt?: string
  readonly source?: string
  readonly sequence?: { readonly epoch: number; readonly n: number }
  readonly conflict?: boolean
}

export const TEST_LOG = 'test/n1/default/2026-11'

/** An event as the ledger would seal it, with an id and a commitment made from its feed number. */
export function aSealed(event: Partial<AuditEvent>, options: SealedOptions): SealedEvent {
  const { feed, receivedAt = '2026-11-20T10:00:00.000Z', sequence } = options
  const whole = { '@timestamp': '2026-11-20T09:59:59.000Z', event: {}, ...event }
  const { header, blocks } = cutEvent(whole, receivedAt)
  const leaf = leafLine({
    ...header,
    r: receivedAt,
    s: options.source ?? 'api',
    ...(sequence && { e: sequence.epoch, n: sequence.n }),
    id: idOf(feed),
    c: createHash('sha256').update(`commitment ${feed}`).digest('base64url'),
  })
  return {
    feed,
    log: options.log ?? TEST_LOG,
    index: options.index ?? feed,
    leaf,
    blocks,
    actorKey: 1,
    targetKey: 0,
    conflict: options.conflict ?? false,
  }
}

/** The id that `aSealed` gives the event of a feed number. */
export function idOf(feed: number): string {
  return createHash('sha256').update(`id ${feed}`).digest().subarray(0, 16).toString('base64url')
}
