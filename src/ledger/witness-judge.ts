import type { AddCheckpoint, SignedCheckpoint, VerifierKey } from '../../verify/index.ts'
import {
  equalBytes,
  formatNote,
  openCheckpoint,
  parseAddCheckpoint,
  parseCheckpoint,
  parseNote,
  toHex,
  verifyConsistency,
  VerifyError,
} from '../../verify/index.ts'
import { nodeCrypto } from './node-crypto.ts'
import { sha256 } from './sha256.ts'
import type { WitnessBook } from './witness-book.ts'
import type { WitnessKey } from './witness-key.ts'

/** An HTTP answer of a witness. */
export interface WitnessAnswered {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422
  readonly body: string
  readonly contentType: string
}

/** A C2SP witness (tlog-witness v1.0.0) of the logs that it was told of. */
export interface Witness {
  /** `POST add-checkpoint`. */
  add(body: string): Promise<WitnessAnswered>
  /** `GET <hex sha256(origin)>/checkpoint`: what it signed last. */
  monitor(hash: string): WitnessAnswered
}

export interface WitnessDeps {
  readonly key: WitnessKey
  readonly book: WitnessBook
  /** A log may have more than one. */
  readonly logs: readonly VerifierKey[]
  /** Seconds since 1970. */
  readonly now: () => number
}

export function createWitness({ key, book, logs, now }: WitnessDeps): Witness {
  const origins = new Map(logs.map(({ name }) => [toHex(sha256(Buffer.from(name))), name]))

  async function add(body: string): Promise<WitnessAnswered> {
    const request = attempt(() => parseAddCheckpoint(body))
    const claimed = request && attempt(() => parseCheckpoint(parseNote(request.checkpoint).text))
    if (request === undefined || claimed === undefined) return refused(400, 'this is no add-checkpoint request')
    const keys = logs.filter(({ name }) => name === claimed.origin)
    if (keys.length === 0) return refused(404, 'unknown log')
    const checkpoint = await signedBy(keys, request.checkpoint)
    if (checkpoint === undefined) return refused(403, 'no signature by a known key of this log')
    if (request.old > checkpoint.size) return refused(400, 'the old size is above the new one')
    return judge(request, checkpoint)
  }

  // Without a pause between looking and storing: whatever else is asked for at the same time comes before or after it.
  function judge(request: AddCheckpoint, checkpoint: SignedCheckpoint): WitnessAnswered {
    const { origin, size, root } = checkpoint
    const last = book.last(origin)
    if (request.old !== (last?.size ?? 0)) {
      return { status: 409, body: `${last?.size ?? 0}\n`, contentType: 'text/x.tlog.size' }
    }
    if (!continues(last, checkpoint, request.proof))
      return refused(422, 'what was signed before is no beginning of this')
    const { text, signatures } = parseNote(request.checkpoint)
    const line = key.cosign(text, now())
    const byLog = signatures.filter((each) =>
      logs.some(({ name, id }) => name === origin && each.name === name && equalBytes(each.id, id)),
    )
    // A crash before this line: nothing was signed for anyone. After it: the client asks again and is told this size.
    book.save(origin, { size, root, note: `${formatNote({ text, signatures: byLog })}${line}` })
    return { status: 200, body: line, contentType: PLAIN }
  }

  return {
    add,
    monitor(hash) {
      const origin = origins.get(hash)
      const last = origin === undefined ? undefined : book.last(origin)
      return last === undefined ? refused(404, 'nothing') : { status: 200, body: last.note, contentType: PLAIN }
    },
  }
}

const PLAIN = 'text/plain; charset=utf-8'

function refused(status: 400 | 403 | 404 | 422, why: string): WitnessAnswered {
  return { status, body: `${why}\n`, contentType: PLAIN }
}

/** Undefined: by none of them, or one of them does not fit. */
async function signedBy(keys: readonly VerifierKey[], note: string): Promise<SignedCheckpoint | undefined> {
  for (const key of keys) {
    try {
      return await openCheckpoint(nodeCrypto, note, key)
    } catch (error) {
      if (!(error instanceof VerifyError)) throw error
    }
  }
  return undefined
}

function continues(
  last: { readonly size: number; readonly root: Uint8Array } | undefined,
  next: SignedCheckpoint,
  proof: readonly Uint8Array[],
): boolean {
  const older = last ?? { size: 0, root: sha256(new Uint8Array(0)) }
  return attempt(() => (verifyConsistency(sha256, older, next, proof), true)) === true
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof VerifyError) return undefined
    throw error
  }
}
