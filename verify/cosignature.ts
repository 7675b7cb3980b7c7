import { VerifyError } from './errors.ts'
import { equalBytes } from './hash.ts'
import type { Crypto, NoteSignature, VerifierKey } from './note.ts'
import { formatSignature, parseSignature, verifySignature } from './note.ts'

// C2SP tlog-cosignature v1.0.1 (C2SP/C2SP@5ba5ee8), the Ed25519 variant: key type 0x04.

/** A signature line as a witness answers it: the body is the time and the signature over `cosignedText`. */
export function formatCosignature(key: VerifierKey, time: number, signature: Uint8Array): string {
  const bytes = new Uint8Array(8 + signature.length)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(time))
  bytes.set(signature, 8)
  return formatSignature({ name: key.name, id: key.id, bytes })
}

/** A cosignature that was checked. */
export interface Cosignature {
  readonly signature: NoteSignature
  /** When the witness signed, seconds since 1970. */
  readonly time: number
}

/**
 * What a witness answered to `add-checkpoint`: the signature by `key` over the text of the checkpoint that was sent.
 * Lines by other keys are passed over. Throws VerifyError: `malformed`, `too_large`, `not_signed`, `bad_signature`.
 */
export async function openCosignature(
  crypto: Crypto,
  text: string,
  answer: string,
  key: VerifierKey,
): Promise<Cosignature> {
  if (answer.length > MAX_ANSWER_CHARS) throw new VerifyError('too_large', `an answer of ${answer.length} characters`)
  if (!answer.endsWith('\n')) throw new VerifyError('malformed', 'an answer that is no signature line')
  for (const line of answer.slice(0, -1).split('\n')) {
    const signature = parseSignature(line)
    if (signature.name !== key.name || !equalBytes(signature.id, key.id)) continue
    const { time } = await verifySignature(crypto, text, signature, key)
    if (time !== undefined) return { signature, time }
  }
  throw new VerifyError('not_signed', `the answer has no cosignature by ${key.name}`)
}

const MAX_ANSWER_CHARS = 16 * 1024
