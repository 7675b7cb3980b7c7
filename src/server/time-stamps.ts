import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Certificate, VerifyError, parsePem } from '../../verify/index.ts'
import { AuditError } from '../domain/errors.ts'
import type { AuditEvent } from '../domain/event.ts'
import { ledgerAlarm } from '../ingest/trail.ts'
import type { ClockWatch } from '../ledger/clock-watch.ts'
import { createStampFiles } from '../ledger/stamp-files.ts'
import { type TimeStamps, createTimeStamps } from '../ledger/time-stamps.ts'
import type { Clock } from '../lib/clock.ts'
import type { Files } from '../lib/files.ts'
import type { Closers } from './closers.ts'
import type { Config } from './config.ts'
import type { Foundation } from './foundation.ts'

export interface TimeStampsParts {
  readonly config: Config
  readonly foundation: Foundation
  readonly files: Files
  readonly clocks: ClockWatch
  readonly clock: Clock
  readonly log: (message: string) => void
  readonly trail: (event: AuditEvent) => void
  /** A time stamp could not be written: the process cannot go on. */
  readonly fatal: (error: unknown) => void
}

/** Beside everything else: an authority that hangs or lies holds up nobody. Undefined: none is configured. */
export function startTimeStamps(parts: TimeStampsParts, closers: Closers): TimeStamps | undefined {
  const { config, foundation, files, clocks, clock, log } = parts
  const { timestamps } = config.ledger
  if (timestamps === undefined) return undefined
  const { ledger } = foundation
  const authority = timestamps.ca === undefined ? undefined : readAuthority(timestamps.ca)
  const stamps = createTimeStamps({
    url: timestamps.url,
    everyMs: timestamps.everyMs,
    ...(authority !== undefined && { believed: authority.certificates, chain: authority.pem }),
    ...(timestamps.policy !== undefined && { policy: timestamps.policy }),
    root: () => ledger.root(),
    closed: () =>
      ledger.logs().flatMap(({ origin, state }) => {
        const note = state === 'closed' ? ledger.checkpoint(origin) : undefined
        return note === undefined ? [] : [{ origin, note }]
      }),
    stamps: createStampFiles(files, join(config.data, 'ledger')),
    clocks,
    fetch,
    clock,
    log,
    alarm(kind, message) {
      log(`${kind === 'back' ? '' : 'ALARM: '}${message}`)
      parts.trail(ledgerAlarm(`time-stamp-${kind}`, kind === 'back', message, clock.now()))
    },
  })
  const ended = new AbortController()
  const running = stamps.run(ended.signal)
  running.catch(parts.fatal)
  closers.push(async () => {
    ended.abort()
    await Promise.allSettled([running])
  })
  return stamps
}

function readAuthority(path: string): { certificates: readonly Certificate[]; pem: string } {
  const hint = 'ledger.timestamps.ca names a PEM file with the certificates that time stamps must lead to'
  let pem: string
  try {
    pem = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new AuditError('invalid_config', `cannot read ${path}`, { cause, hint })
  }
  try {
    const certificates = parsePem(pem)
    if (certificates.length > 0) return { certificates, pem }
  } catch (cause) {
    if (!(cause instanceof VerifyError)) throw cause
    throw new AuditError('invalid_config', `${path}: ${cause.message}`, { cause, hint })
  }
  throw new AuditError('invalid_config', `${path} holds no certificate`, { hint })
}
