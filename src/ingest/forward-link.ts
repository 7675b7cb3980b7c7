import { type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent, request as requestHttps } from 'node:https'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { AuditError } from '../domain/errors.ts'
import { BATCH_TYPE } from '../sources/forward-batch.ts'

/** How a forwarder reaches its writer. */
export interface WriterLink {
  /** The last number of an epoch that the writer has. */
  position(epoch: number, signal: AbortSignal): Promise<LinkAnswer>
  send(batch: readonly Uint8Array[], signal: AbortSignal): Promise<LinkAnswer>
  close(): void
}

export type LinkAnswer =
  /** Everything up to `n` is durable there. */
  | { readonly kind: 'taken'; readonly n: number }
  /** It has everything up to `n`, and the batch does not follow. */
  | { readonly kind: 'expects'; readonly n: number }
  /** Not now; `afterMs` where it says when. Nothing was taken. */
  | { readonly kind: 'wait'; readonly why: string; readonly afterMs?: number }
  /** It needs a person. Nothing was taken. */
  | { readonly kind: 'refused'; readonly why: string }

export interface WriterLinkOptions {
  /** `https://HOST:PORT/in/NAME`; plain HTTP on loopback only. */
  readonly to: string
  readonly token?: string
  /** PEM: who may sign the writer's certificate, and what is shown to it. */
  readonly ca?: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
}

const ANSWER_MS = 120_000
const MOST_ANSWER_BYTES = 64 * 1024
/** A writer inflates to at most 200 times what was sent. */
const MOST_RATIO = 100
const deflate = promisify(gzip)

export function createWriterLink({ to, token, ca, cert, key }: WriterLinkOptions): WriterLink {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 1,
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
  })
  const headers = { ...(token !== undefined && { authorization: `Bearer ${token}` }), accept: 'application/json' }

  async function ask(method: string, url: string, body: Body | undefined, signal: AbortSignal): Promise<LinkAnswer> {
    const sending = { method, headers: { ...headers, ...body?.headers }, signal, timeout: ANSWER_MS }
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const isPlain = url.startsWith('http:')
    const sent = isPlain ? requestHttp(url, sending, resolve) : requestHttps(url, { ...sending, agent }, resolve)
    sent.on('error', reject)
    sent.on('timeout', () => sent.destroy(new Error(`no answer for ${ANSWER_MS / 1000} s`)))
    sent.end(body?.bytes)
    return answerOf(await promise)
  }

  /** A writer that cannot be reached is told to us by its network, and is waited for. */
  async function askPatiently(...call: Parameters<typeof ask>): Promise<LinkAnswer> {
    try {
      return await ask(...call)
    } catch (error) {
      if (call[3].aborted) throw error
      return { kind: 'wait', why: `cannot reach ${to}: ${error instanceof Error ? reasonOf(error) : String(error)}` }
    }
  }

  return {
    position: (epoch, signal) => askPatiently('GET', `${to}?epoch=${epoch}`, undefined, signal),
    send: async (batch, signal) => askPatiently('POST', to, await bodyOf(batch), signal),
    close: () => agent.destroy(),
  }
}

interface Body {
  readonly bytes: Uint8Array
  readonly headers: Readonly<Record<string, string | number>>
}

async function bodyOf(batch: readonly Uint8Array[]): Promise<Body> {
  const plain = Buffer.concat(batch)
  // Level 1: a slow link gains most of what there is to gain, and a fast one does not wait.
  const small = await deflate(plain, { level: 1 })
  const isWorthIt = small.length < plain.length && plain.length / small.length < MOST_RATIO
  const bytes = isWorthIt ? small : plain
  const headers = { 'content-type': BATCH_TYPE, 'content-length': bytes.length }
  return { bytes, headers: { ...headers, ...(isWorthIt && { 'content-encoding': 'gzip' }) } }
}

async function answerOf(response: IncomingMessage): Promise<LinkAnswer> {
  const status = response.statusCode ?? 0
  const said = fieldsOf(await textOf(response))
  const n = said.get('n')
  const isNumber = typeof n === 'number' && Number.isSafeInteger(n) && n >= 0
  if (status === 200 && isNumber) return { kind: 'taken', n }
  if (status === 409 && isNumber) return { kind: 'expects', n }
  const why = [`it answers ${status}`, said.get('detail'), said.get('hint')].filter((each) => typeof each === 'string')
  const afterMs = Number(response.headers['retry-after']) * 1000
  const isLater = status === 429 || status >= 500 || status === 408
  if (!isLater) return { kind: 'refused', why: why.join('; ') }
  return { kind: 'wait', why: why.join('; '), ...(afterMs > 0 && { afterMs }) }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MOST_ANSWER_BYTES) {
      throw new AuditError('too_large', `its answer has more than ${MOST_ANSWER_BYTES} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function fieldsOf(text: string): ReadonlyMap<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text)
    return new Map(typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : [])
  } catch {
    // A proxy's page: the status says enough.
    return new Map()
  }
}

function reasonOf(error: Error): string {
  const code: unknown = Reflect.get(error, 'code')
  return error.message !== '' ? error.message : typeof code === 'string' ? code : error.name
}
