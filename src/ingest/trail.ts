import type { AuditEvent } from '../domain/event.ts'
import type { Format } from '../formats/format.ts'
import { TRAIL_FORMAT } from './seal.ts'

/** Our own trail: what whodid itself did and was asked, as events of stream `whodid`. */
export const trailFormat: Format = {
  name: TRAIL_FORMAT,
  version: 1,
  decode(bytes) {
    // Written by the server itself, in this process.
    const event = JSON.parse(new TextDecoder().decode(bytes)) as AuditEvent
    return { kind: 'events', events: [{ event }] }
  },
}

/** Told once a batch: each of its conflicting events is marked as well. `now` is in milliseconds since 1970. */
export function conflictAlarm(source: string, count: number, now: number): AuditEvent {
  return {
    '@timestamp': new Date(now).toISOString(),
    event: {
      kind: 'alert',
      dataset: 'whodid.intake',
      action: 'conflict',
      outcome: 'unknown',
      category: ['configuration'],
    },
    user: { kind: 'system', name: 'whodid' },
    audit: { resource: [{ type: 'source', name: source }] },
    message: `source ${source} sent ${count} known ids with other content: both were kept and are marked whodid.conflict`,
  }
}
