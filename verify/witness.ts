import { fromBase64, toBase64 } from './base64.ts'
import { VerifyError } from './errors.ts'
import { HASH_BYTES } from './hash.ts'

// C2SP tlog-witness v1.0.0 (C2SP/C2SP@5ba5ee8).

/** Body of `POST add-checkpoint`. */
export interface AddCheckpoint {
  /** Size of the checkpoint that the witness signed last; 0: none. */
  readonly old: number
  /** From `old` to the checkpoint's size. */
  readonly proof: readonly Uint8Array[]
  /** The signed checkpoint, verbatim. */
  readonly checkpoint: string
}

const MAX_HASHES = 63
/** Of a body; larger ones are refused unread. */
export const MAX_ADD_CHECKPOINT_BYTES = 64 * 1024

export function formatAddCheckpoint({ old, proof, checkpoint }: AddCheckpoint): string {
  return `old ${old}\n${proof.map((hash) => `${toBase64(hash)}\n`).join('')}\n${checkpoint}`
}

/** Throws VerifyError `malformed` or `too_large`. The checkpoint in it is not opened. */
export function parseAddCheckpoint(body: string): AddCheckpoint {
  const bad = (why: string): VerifyError => new VerifyError('malformed', `add-checkpoint: ${why}`)
  if (body.length > MAX_ADD_CHECKPOINT_BYTES) throw new VerifyError('too_large', `a body of ${body.length} characters`)
  const split = body.indexOf('\n\n')
  if (split < 0) throw bad('it holds no checkpoint')
  const [first = '', ...hashes] = body.slice(0, split).split('\n')
  const old = /^old (0|[1-9]\d{0,15})$/.exec(first)?.[1]
  if (old === undefined || !Number.isSafeInteger(Number(old))) throw bad('it does not begin with an old size')
  if (hashes.length > MAX_HASHES) throw bad(`it has ${hashes.length} hashes`)
  const proof = hashes.map(fromBase64)
  if (proof.some((hash) => hash.length !== HASH_BYTES)) throw bad('it has a hash of another length')
  return { old: Number(old), proof, checkpoint: body.slice(split + 2) }
}

/** Body of an answer with status 409: the size that the witness signed last. Undefined: it is no size. */
export function parseKnownSize(body: string): number | undefined {
  const size = /^(0|[1-9]\d{0,15})\n$/.exec(body)?.[1]
  return size === undefined || !Number.isSafeInteger(Number(size)) ? undefined : Number(size)
}
