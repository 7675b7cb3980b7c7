import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { AuditError } from '../domain/errors.ts'
import type { Clock } from '../lib/clock.ts'
import { pause } from '../lib/clock.ts'
import type { Refusals } from './listener.ts'
import type { Emit, RecordOrigin, SourceRecord } from './source.ts'
import { SyslogFrames } from './syslog-frames.ts'

/** What all messages of a listener have in common. */
export interface SyslogRoute {
  readonly format: string
  readonly options?: SourceRecord['options']
  /** False: nobody vouches for what is sent here. */
  readonly authenticated: boolean
}

export interface SyslogDeps {
  readonly emit: Emit
  /** Aborts when nothing more may be waited for. */
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly route: SyslogRoute
  readonly refusals: Refusals
  /** Called when a message was whole. */
  readonly welcome: () => void
  /** Bytes of unfinished messages, over all connections. */
  readonly held: { bytes: number }
}

/** Of unfinished messages over all connections: beyond it a connection with one is closed. */
const MOST_HELD_BYTES = 64 << 20
const BATCH_RECORDS = 1000
const RETRY_MS = 1000

/**
 * One sender. The next part is read from its connection only when the messages before are durable: while they cannot be
 * taken its buffers fill, and it waits. Syslog has no acknowledgement, so what lies in those buffers when a connection
 * breaks is the sender's to send again, or lost. Never throws.
 */
export async function serveSyslog(socket: Socket, deps: SyslogDeps): Promise<void> {
  const frames = new SyslogFrames()
  const origin = originOf(peerOf(socket), deps.route)
  let held = 0
  try {
    // What was read is taken also while everything stops; the listener ends the reading.
    for await (const part of socket) {
      // No encoding is set.
      const whole = frames.push(part as Buffer)
      if (whole.length > 0) deps.welcome()
      await take(whole, origin, deps)
      deps.held.bytes += frames.heldBytes - held
      held = frames.heldBytes
      const why = frames.isBroken ? 'framing' : held > 0 && deps.held.bytes > MOST_HELD_BYTES ? 'memory' : undefined
      if (why === undefined) continue
      deps.refusals.add(why)
      return
    }
    const last = frames.last()
    if (last !== undefined) await take([last], origin, deps)
    else if (frames.heldBytes > 0) deps.refusals.add('incomplete')
  } catch (error) {
    if (error instanceof AuditError) deps.refusals.add(error.code)
    else if (frames.heldBytes > 0) deps.refusals.add('incomplete')
  } finally {
    deps.held.bytes -= held
    socket.destroy()
  }
}

async function take(frames: readonly Uint8Array[], origin: RecordOrigin, deps: SyslogDeps): Promise<void> {
  for (let first = 0; first < frames.length; first += BATCH_RECORDS) {
    await emitPatiently(recordsOf(frames.slice(first, first + BATCH_RECORDS), origin, deps.route), deps)
  }
}

export function recordsOf(
  frames: readonly Uint8Array[],
  origin: RecordOrigin,
  { format, options }: SyslogRoute,
): readonly SourceRecord[] {
  return frames.map((bytes) => ({ bytes, format, origin, ...(options !== undefined && { options }) }))
}

/** Waits as long as it is told to wait: the sender waits with it. Gives up only when everything stops. */
export async function emitPatiently(
  records: readonly SourceRecord[],
  { emit, clock, signal }: Pick<SyslogDeps, 'emit' | 'clock' | 'signal'>,
): Promise<void> {
  for (;;) {
    try {
      await emit(records)
      return
    } catch (error) {
      if (signal.aborted || !(error instanceof AuditError) || error.code !== 'busy') throw error
      await pause(clock, error.details.retryAfterMs ?? RETRY_MS, signal)
    }
  }
}

/** Who sent it, as we know it ourselves: what the message says of its host is a claim. */
export function originOf(peer: string, { authenticated }: SyslogRoute): RecordOrigin {
  return authenticated ? { way: peer } : { way: peer, authenticated: false }
}

const LONGEST_NAME = 200

/** `NAME/ADDRESS` of a client with a certificate, else `ADDRESS`. */
function peerOf(socket: Socket): string {
  const address = plainAddress(socket.remoteAddress ?? '')
  if (!(socket instanceof TLSSocket) || !socket.authorized) return address
  const name = /^CN=(.+)$/m.exec(socket.getPeerX509Certificate()?.subject ?? '')?.[1]
  return name === undefined ? address : `${name.slice(0, LONGEST_NAME)}/${address}`
}

/** A listener on `::` sees IPv4 as `::ffff:192.0.2.1`. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address
}
