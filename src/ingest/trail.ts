import type { AuditEvent } from '../domain/event.ts'
import type { WitnessAlarm } from '../ledger/witness-rounds.ts'
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

/** Told of the root log's witnesses. */
export function witnessAlarm(kind: WitnessAlarm, message: string, now: number): AuditEvent {
  return {
    '@timestamp': new Date(now).toISOString(),
    event: {
      kind: 'alert',
      dataset: 'whodid.ledger',
      action: `witness-${kind}`,
      outcome: kind === 'quorum-back' ? 'success' : 'failure',
      category: ['configuration'],
    },
    user: { kind: 'system', name: 'whodid' },
    message,
  }
}

/** Told once of each row that is not what the ledger says. `now` is in milliseconds since 1970. */
export function scrubAlarm(
  found: { readonly log: string; readonly index: number; readonly columns: readonly string[] },
  text: string,
  now: number,
): AuditEvent {
  return {
    '@timestamp': new Date(now).toISOString(),
    event: {
      kind: 'alert',
      dataset: 'whodid.ledger',
      action: 'scrub-difference',
      outcome: 'failure',
      category: ['database'],
    },
    user: { kind: 'system', name: 'whodid' },
    audit: {
      resource: [{ type: 'leaf', name: `${found.log}/${found.index}` }],
    },
    message: `the store is not what the ledger says: ${text}`,
  }
}

/** Told of time stamps and clocks. `now` is in milliseconds since 1970. */
export function ledgerAlarm(action: string, isWell: boolean, message: string, now: number): AuditEvent {
  return {
    '@timestamp': new Date(now).toISOString(),
    event: {
      kind: 'alert',
      dataset: 'whodid.ledger',
      action,
      outcome: isWell ? 'success' : 'failure',
      category: ['configuration'],
    },
    user: { kind: 'system', name: 'whodid' },
    message,
  }
}

/** Told once a minute and source, with what was given up since the last time. `now` is in milliseconds since 1970. */
export function shedAlarm(
  source: string,
  shed: { readonly records: number; readonly bytes: number; readonly reasons: ReadonlySet<string> },
  now: number,
): AuditEvent {
  const { records, bytes, reasons } = shed
  return {
    '@timestamp': new Date(now).toISOString(),
    event: { kind: 'alert', dataset: 'whodid.intake', action: 'shed', outcome: 'unknown', category: ['configuration'] },
    user: { kind: 'system', name: 'whodid' },
    audit: { resource: [{ type: 'source', name: source }] },
    message: `${records} records (${bytes} bytes) of source ${source} were given up beyond its limits: ${[...reasons].join(', ')}`,
  }
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
