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
