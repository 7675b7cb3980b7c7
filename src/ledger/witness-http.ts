import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { MAX_ADD_CHECKPOINT_BYTES } from '../../verify/index.ts'
import type { Clock } from '../lib/clock.ts'
import type { Witness, WitnessAnswered } from './witness-judge.ts'

export interface WitnessHttpOptions {
  readonly witness: Witness
  readonly clock: Clock
  /** Requests a second from one address that are answered, over a minute; beyond it 429. */
  readonly rate: number
  readonly log: (message: string) => void
}

type Reply = Omit<WitnessAnswered, 'status'> & { readonly status: number }

/** The two paths of a witness. Bodies and their number are bounded; whoever asks is not believed anything. */
export function witnessListener({ witness, clock, rate, log }: WitnessHttpOptions): RequestListener {
  /** By address, what it may still ask. */
  const credits = new Map<string, { left: number; at: number }>()

  function isAllowed(address: string): boolean {
    const now = clock.now()
    const most = rate * BURST_SECONDS
    const known = credits.get(address) ?? { left: most, at: now }
    const left = Math.min(most, known.left + (Math.max(0, now - known.at) / 1000) * rate)
    // At the end again, so that the first one is the one that was silent for longest.
    credits.delete(address)
    credits.set(address, { left: Math.max(0, left - 1), at: now })
    const [oldest] = credits.keys()
    if (credits.size > MOST_ADDRESSES && oldest !== undefined) credits.delete(oldest)
    return left >= 1
  }

  async function answer(request: IncomingMessage): Promise<Reply> {
    const path = (request.url ?? '').split('?', 1)[0] ?? ''
    if (!isAllowed(request.socket.remoteAddress ?? '')) return say(429, 'too many requests')
    if (request.method === 'POST' && path === '/add-checkpoint') {
      const body = await boundedBody(request)
      return body === undefined ? say(413, `more than ${MAX_ADD_CHECKPOINT_BYTES} bytes`) : witness.add(body)
    }
    const hash = /^\/([0-9a-f]{64})\/checkpoint$/.exec(path)?.[1]
    if (request.method === 'GET' && hash !== undefined) return witness.monitor(hash)
    if (request.method === 'GET' && path === '/healthz') return say(200, 'ok')
    return say(404, 'there is only POST /add-checkpoint and GET /HASH/checkpoint')
  }

  return (request, response) => {
    answer(request).then(
      (reply) => send(response, reply),
      (error: unknown) => {
        log(`could not answer: ${error instanceof Error ? error.message : String(error)}`)
        send(response, say(500, 'internal error'))
      },
    )
  }
}

const BURST_SECONDS = 60
const MOST_ADDRESSES = 10_000

function say(status: number, body: string): Reply {
  return { status, body: `${body}\n`, contentType: 'text/plain; charset=utf-8' }
}

function send(response: ServerResponse, { status, body, contentType }: Reply): void {
  const headers = {
    'content-type': contentType,
    'cache-control': 'no-store',
    ...(status === 429 && { 'retry-after': '1' }),
    // The rest of what was refused unread is not waited for.
    ...(status === 413 && { connection: 'close' }),
  }
  response.writeHead(status, headers).end(body)
}

/** Undefined: it is too large. One that does not say how large it is loses its connection then. */
async function boundedBody(request: IncomingMessage): Promise<string | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_ADD_CHECKPOINT_BYTES) return undefined
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request) {
    // Without an encoding a request gives buffers.
    const bytes = part as Buffer
    size += bytes.length
    if (size > MAX_ADD_CHECKPOINT_BYTES) return undefined
    parts.push(bytes)
  }
  return Buffer.concat(parts).toString()
}
