import { fromBase64, toBase64 } from './base64.ts'
import { VerifyError } from './errors.ts'
import { HASH_BYTES } from './hash.ts'

/** `c2sp.org/tlog-proof@v1` (C2SP/C2SP@5ba5ee8): a leaf's place, its path and the signed checkpoint. */
export interface TlogProof {
  readonly index: number
  /** Sibling hashes, the leaf's first. */
  readonly path: readonly Uint8Array[]
  /** The checkpoint's note, verbatim. */
  readonly checkpoint: string
  /** Not authenticated by anything. */
  readonly extra?: Uint8Array
}

const HEADER = 'c2sp.org/tlog-proof@v1\n'
const MAX_PROOF_CHARS = 128 * 1024

export function formatProof(proof: TlogProof): string {
  const extra = proof.extra === undefined ? '' : `extra ${toBase64(proof.extra)}\n`
  const path = proof.path.map((hash) => `${toBase64(hash)}\n`).join('')
  return `${HEADER}${extra}index ${proof.index}\n${path}\n${proof.checkpoint}`
}

/** Throws VerifyError `malformed` or `too_large`. The checkpoint in it is not opened. */
export function parseProof(text: string): TlogProof {
  const bad = (why: string): VerifyError => new VerifyError('malformed', `proof: ${why}`)
  if (text.length > MAX_PROOF_CHARS) throw new VerifyError('too_large', `a proof of ${text.length} characters`)
  if (!text.startsWith(HEADER)) throw bad('it does not begin with c2sp.org/tlog-proof@v1')
  const split = text.indexOf('\n\n')
  if (split < 0) throw bad('it holds no checkpoint')
  const lines = text.slice(HEADER.length, split).split('\n')
  const extra = lines[0]?.startsWith('extra ') === true ? fromBase64(lines.shift()!.slice(6)) : undefined
  const index = /^index (0|[1-9]\d*)$/.exec(lines.shift() ?? '')?.[1]
  if (index === undefined || !Number.isSafeInteger(Number(index))) throw bad('it has no index')
  const path = lines.map(fromBase64)
  if (path.length > 63) throw bad(`it has ${path.length} hashes`)
  if (path.some((hash) => hash.length !== HASH_BYTES)) throw bad('it has a hash of another length')
  const proof = { index: Number(index), path, checkpoint: text.slice(split + 2) }
  return extra === undefined ? proof : { ...proof, extra }
}
