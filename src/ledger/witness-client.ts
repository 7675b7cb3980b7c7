import type { Cosignature, PolicyWitness } from '../../verify/index.ts'
import {
  formatAddCheckpoint,
  openCosignature,
  parseKnownSize,
  parseNote,
  toHex,
  VerifyError,
} from '../../verify/index.ts'
import type { AddCheckpoint } from '../../verify/index.ts'
import { nodeCrypto } from './node-crypto.ts'
import { sha256 } from './sha256.ts'

/** What a witness made of a checkpoint (C2SP tlog-witness v1.0.0). */
export type WitnessReply =
  | { readonly kind: 'signed'; readonly cosignature: Cosignature }
  /** It signed another size last than we said. */
  | { readonly kind: 'knows'; readonly size: number }
  /** It holds a checkpoint that this one does not continue. */
  | { readonly kind: 'fork'; readonly reason: string }
  /** It does not know the log. */
  | { readonly kind: 'unknown' }
  /** It will not sign this, or not now, or could not be reached. */
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs?: number }

export interface WitnessAccess {
  readonly fetch: typeof fetch
  /** Milliseconds since 1970: a cosignature of the future is refused. */
  readonly now: () => number
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Asks a witness to sign a checkpoint. Never throws for what the witness does; nothing it says is believed unchecked. */
export async function addCheckpoint(
  access: WitnessAccess,
  witness: PolicyWitness,
  request: AddCheckpoint,
): Promise<WitnessReply> {
  try {
    const answer = await call(access, `${prefixOf(witness)}/add-checkpoint`, formatAddCheckpoint(request))
    return answer.status === 200 ? await signedReply(access, witness, request, answer.body) : replyOf(answer)
  } catch (error) {
    return { kind: 'failed', reason: reasonOf(error) }
  }
}

/**
 * The size of the checkpoint that a witness holds of a log, as its monitoring address tells; 0: none. Undefined: it could
 * not be asked. Nothing in it is checked but its form.
 */
export async function knownSize(
  access: WitnessAccess,
  witness: PolicyWitness,
  origin: string,
): Promise<number | undefined> {
  try {
    const path = `${toHex(sha256(Buffer.from(origin)))}/checkpoint`
    const { status, body } = await call(access, `${prefixOf(witness)}/${path}`)
    if (status === 404) return 0
    if (status !== 200) return undefined
    const [named, size = ''] = parseNote(body).text.split('\n')
    return named === origin ? parseKnownSize(`${size}\n`) : undefined
  } catch {
    return undefined
  }
}

interface Answer {
  readonly status: number
  readonly body: string
  readonly retryAfterMs?: number
}

const MAX_ANSWER_BYTES = 16 * 1024

async function call({ fetch, timeoutMs, signal }: WitnessAccess, url: string, body?: string): Promise<Answer> {
  const response = await fetch(url, {
    ...(body !== undefined && { method: 'POST', body, headers: { 'content-type': 'text/plain; charset=utf-8' } }),
    redirect: 'error',
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  })
  const after = Number(response.headers.get('retry-after') ?? NaN)
  return {
    status: response.status,
    body: await boundedText(response),
    ...(after > 0 && { retryAfterMs: Math.min(after, 3600) * 1000 }),
  }
}

async function boundedText(response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    size += part.length
    if (size > MAX_ANSWER_BYTES)
      throw new VerifyError('too_large', `it answers with more than ${MAX_ANSWER_BYTES} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}

async function signedReply(
  { now }: WitnessAccess,
  witness: PolicyWitness,
  request: AddCheckpoint,
  body: string,
): Promise<WitnessReply> {
  const { text } = parseNote(request.checkpoint)
  const cosignature = await openCosignature(nodeCrypto, text, body, witness.key)
  if (cosignature.time * 1000 <= now() + MOST_AHEAD_MS) return { kind: 'signed', cosignature }
  return { kind: 'failed', reason: 'its clock is more than an hour ahead of ours' }
}

const MOST_AHEAD_MS = 3_600_000

function replyOf({ status, body, retryAfterMs }: Answer): WitnessReply {
  if (status === 404) return { kind: 'unknown' }
  if (status === 409) {
    const size = parseKnownSize(body)
    // Older witnesses answer so where two roots have one size.
    return size === undefined ? { kind: 'fork', reason: 'it holds another root of this size' } : { kind: 'knows', size }
  }
  if (status === 422) return { kind: 'fork', reason: 'what it holds is no beginning of our log' }
  const known = REASONS.get(status)
  const reason = `it answers ${status}${known === undefined ? '' : `: ${known}`}`
  return { kind: 'failed', reason, ...(retryAfterMs !== undefined && { retryAfterMs }) }
}

const REASONS: ReadonlyMap<number, string> = new Map([
  [400, 'it does not understand our request'],
  [403, 'it knows another key for our root log'],
  [429, 'we ask too often'],
])

function prefixOf({ url = '' }: PolicyWitness): string {
  return url.replace(/\/+$/, '')
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return 'it did not answer in time'
  // fetch says only that it failed; the cause says why.
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message
}
