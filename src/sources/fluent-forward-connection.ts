import type { Socket } from 'node:net'
import { AuditError } from '../domain/errors.ts'
import type { Clock } from '../lib/clock.ts'
import { pause } from '../lib/clock.ts'
import type { Budget } from './fluent-forward-buffer.ts'
import { holding, MessageBuffer } from './fluent-forward-buffer.ts'
import type { Handshake, HandshakeConfig } from './fluent-forward-handshake.ts'
import { acknowledgement, createHandshake } from './fluent-forward-handshake.ts'
import type { Message } from './fluent-forward-message.ts'
import { MESSAGE_LIMITS, readMessage } from './fluent-forward-message.ts'
import { BrokenMessage, jsonAt } from './fluent-forward-msgpack.ts'
import type { Routes } from './fluent-forward-records.ts'
import { createRouter, recordOf } from './fluent-forward-records.ts'
import type { Refusals } from './listener.ts'
import type { Emit, SourceRecord } from './source.ts'

export interface ConnectionDeps {
  readonly emit: Emit
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly routes: Routes
  /** Undefined: senders are known by their certificate, or are on this machine. */
  readonly handshake: HandshakeConfig | undefined
  readonly budget: Budget
  readonly refusals: Refusals
  /** Called when the sender is known, or its message was whole. */
  readonly welcome: () => void
}

const HANDSHAKE_MS = 10_000
const PING_LIMITS = { bytes: 4096, depth: 3 } as const
const BATCH_RECORDS = 1000
const BATCH_BYTES = 1 << 20
const RETRY_MS = 1000

/** One sender, message by message: the next is read when the one before is durable. Never throws. */
export async function serveConnection(socket: Socket, deps: ConnectionDeps): Promise<void> {
  const late = deps.clock.later(HANDSHAKE_MS, () => socket.destroy())
  const buffers = [new MessageBuffer(PING_LIMITS, deps.budget), new MessageBuffer(MESSAGE_LIMITS, deps.budget)] as const
  try {
    await talk(socket, buffers, deps, () => late.cancel())
    socket.end()
  } catch (error) {
    if (error instanceof Refused) deps.refusals.add(error.message)
    else if (isTheirs(error)) deps.refusals.add('protocol')
    else if (error instanceof AuditError && error.code === 'busy') deps.refusals.add('memory')
    // The message was not acknowledged: whoever waits for that sends it again.
    socket.destroy()
  } finally {
    late.cancel()
    for (const buffer of buffers) buffer.release()
  }
}

type Router = ReturnType<typeof createRouter>

/** A sender that is not let in; the message is the reason that is counted. */
class Refused extends Error {}

function isTheirs(error: unknown): boolean {
  if (error instanceof BrokenMessage) return true
  return error instanceof AuditError && ['bad_request', 'too_large', 'unsupported'].includes(error.code)
}

async function talk(
  socket: Socket,
  [pings, messages]: readonly [MessageBuffer, MessageBuffer],
  deps: ConnectionDeps,
  letIn: () => void,
): Promise<void> {
  let handshake = deps.handshake && createHandshake(deps.handshake)
  if (handshake === undefined) letIn()
  else await send(socket, handshake.hello)
  const route = createRouter(deps.routes)
  // Nothing more is read from the socket while this body works: the sender's own buffers fill, and it waits.
  for await (const part of socket) {
    const bytes = part as Buffer // No encoding is set.
    const waiting = handshake === undefined ? messages : pings
    waiting.add(bytes)
    if (handshake !== undefined) {
      const ping = pings.next()
      if (ping === undefined) continue
      await greet(socket, handshake, ping)
      handshake = undefined
      letIn()
      deps.welcome()
      messages.add(pings.rest())
    }
    for (;;) {
      const message = messages.next()
      if (message === undefined) break
      deps.welcome()
      await holding(deps.budget, message.length, () => work(socket, message, route, deps))
    }
  }
}

async function greet(socket: Socket, handshake: Handshake, ping: Uint8Array): Promise<void> {
  const { pong, refused } = handshake.answer(ping)
  await send(socket, pong)
  if (refused === undefined) return
  socket.end()
  throw new Refused(refused)
}

async function work(socket: Socket, bytes: Uint8Array, route: Router, deps: ConnectionDeps): Promise<void> {
  const message = await readMessage(bytes)
  if (message === undefined) return
  const inflated = message.entries[0]?.bytes
  const more = inflated === undefined || inflated === bytes ? 0 : inflated.length
  await holding(deps.budget, more, () => take(socket, message, route, deps))
}

async function take(
  socket: Socket,
  { tag, entries, chunk }: Message,
  route: Router,
  deps: ConnectionDeps,
): Promise<void> {
  const name = chunk === undefined ? undefined : `fluent:${jsonAt(chunk, 0).slice(1, LONGEST_CHUNK).replace(/"$/, '')}`
  const found = route(tag)
  let batch: SourceRecord[] = []
  let bytes = 0
  const flush = async (): Promise<void> => {
    if (batch.length > 0) await emitPatiently(batch, deps)
    batch = []
    bytes = 0
  }
  for (const [n, entry] of entries.entries()) {
    const record = recordOf(entry, tag, found, deps.routes, name && `${name}:${n}`)
    batch.push(record)
    bytes += record.bytes.length
    if (batch.length >= BATCH_RECORDS || bytes >= BATCH_BYTES) await flush()
  }
  await flush()
  // A crash before this line repeats the message: its records have the same names.
  if (chunk !== undefined) await send(socket, acknowledgement(chunk))
}

const LONGEST_CHUNK = 200

async function emitPatiently(batch: readonly SourceRecord[], { emit, clock, signal }: ConnectionDeps): Promise<void> {
  for (;;) {
    try {
      await emit(batch, { signal })
      return
    } catch (error) {
      if (signal.aborted || !(error instanceof AuditError) || error.code !== 'busy') throw error
      await pause(clock, error.details.retryAfterMs ?? RETRY_MS, signal)
      signal.throwIfAborted()
    }
  }
}

/** Resolves when it was handed to the system: a sender that reads no answers is not read from either. */
function send(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}
