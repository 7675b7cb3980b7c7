import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { AuditError } from '../domain/errors.ts'
import type { RecordOrigin, SourceDeps } from './source.ts'
import type { Emit } from './source.ts'
import type { SyslogRoute } from './syslog-connection.ts'
import { emitPatiently, originOf, plainAddress, recordsOf } from './syslog-connection.ts'

export interface UdpListener {
  readonly host: string
  readonly port: number
  readonly route: SyslogRoute
  /** Whether a sender may come. */
  readonly isAllowed: (address: string) => boolean
}

/** Of datagrams that wait to be taken. There is no way to tell a sender to wait: what comes beyond it is counted. */
const QUEUE_BYTES = 16 << 20
/** Of memory that a datagram takes beside its bytes: the smallest ones are the most. */
const DATAGRAM_BYTES = 512
/** Of the kernel; it may give less. */
const RECEIVE_BYTES = 4 << 20
const BATCH_RECORDS = 1000

/**
 * Takes datagrams until `signal` aborts, a message each (RFC 5426), then those that came before.
 *
 * @throws AuditError `port_in_use` or `io_failed`, naming the address.
 */
export async function receiveDatagrams(
  listener: UdpListener,
  emit: Emit,
  deps: SourceDeps,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return
  const socket = createSocket({ type: isIPv6(listener.host) ? 'udp6' : 'udp4', recvBufferSize: RECEIVE_BYTES })
  const queue: Datagram[] = []
  const refused = new Map<string, number>()
  let queuedBytes = 0
  let wake = (): void => undefined
  const report = (): void => deps.report({ listens: shown(socket), refused: Object.fromEntries(refused) })
  const refuse = (reason: string): void => {
    const before = refused.get(reason) ?? 0
    refused.set(reason, before + 1)
    if (before === 0) deps.log(`${deps.name}: a datagram was turned away: ${reason}`)
    report()
  }
  socket.on('message', (bytes: Buffer, { address }: RemoteInfo) => {
    const peer = plainAddress(address)
    if (!listener.isAllowed(peer)) return refuse('not_allowed')
    if (queuedBytes + bytes.length + DATAGRAM_BYTES > QUEUE_BYTES) return refuse('queue_full')
    if (bytes.length === 0) return undefined
    queuedBytes += bytes.length + DATAGRAM_BYTES
    queue.push({ bytes, peer })
    return wake()
  })
  await bound(socket, listener)
  report()
  const stop = (): void => {
    socket.close()
    wake()
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    while (!signal.aborted || queue.length > 0) {
      if (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      const batch = queue.splice(0, BATCH_RECORDS)
      queuedBytes -= batch.reduce((sum, { bytes }) => sum + bytes.length + DATAGRAM_BYTES, 0)
      const records = [...Map.groupBy(batch, ({ peer }) => peer)].flatMap(([peer, datagrams]) => {
        const origin: RecordOrigin = originOf(peer, listener.route)
        return recordsOf(
          datagrams.map(({ bytes }) => bytes),
          origin,
          listener.route,
        )
      })
      if (records.length > 0) await emitPatiently(records, { emit, clock: deps.clock, signal })
    }
  } catch (error) {
    // Told to wait while everything stops: nobody waits for a datagram.
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', stop)
    if (!signal.aborted) socket.close()
  }
}

interface Datagram {
  readonly bytes: Buffer
  readonly peer: string
}

async function bound(socket: Socket, { host, port }: UdpListener): Promise<void> {
  socket.bind({ address: host, port })
  try {
    await once(socket, 'listening')
  } catch (cause) {
    const isInUse = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
    const hint = isInUse
      ? 'another program listens there: choose another port'
      : 'HOST must be an address of this machine'
    const message = isInUse ? `UDP port ${host}:${port} is in use` : `cannot listen on UDP ${host}:${port}`
    throw new AuditError(isInUse ? 'port_in_use' : 'io_failed', message, { hint, cause })
  }
  // One datagram that cannot be read is no reason to end.
  socket.on('error', () => undefined)
}

function shown(socket: Socket): string {
  const { address, port, family } = socket.address()
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`
}
