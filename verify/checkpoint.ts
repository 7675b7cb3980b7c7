import { fromBase64, toBase64 } from './base64.ts'
import { VerifyError } from './errors.ts'
import { HASH_BYTES } from './hash.ts'
import type { Crypto, Signer, VerifierKey } from './note.ts'
import { openNote } from './note.ts'
import type { TreeHead } from './consistency.ts'

/** C2SP tlog-checkpoint v1.0.0 (C2SP/C2SP@5ba5ee8): a log's name, size and root. */
export interface Checkpoint extends TreeHead {
  readonly origin: string
}

/** A checkpoint whose log signature was checked, with all who signed it. */
export interface SignedCheckpoint extends Checkpoint {
  readonly signers: readonly Signer[]
}

/** The text that is signed: three lines, no extensions. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  return `${checkpoint.origin}\n${checkpoint.size}\n${toBase64(checkpoint.root)}\n`
}

/** Reads a checkpoint's text (of a note, without signatures). Extension lines are passed over. Throws `malformed`. */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin, size, root, ...rest] = text.split('\n')
  const bad = (why: string): VerifyError => new VerifyError('malformed', `checkpoint: ${why}`)
  if (!origin || size === undefined || root === undefined) throw bad('it has fewer than three lines')
  if (rest.pop() !== '' || rest.includes('')) throw bad('it has an empty line')
  if (!/^(0|[1-9]\d*)$/.test(size) || !Number.isSafeInteger(Number(size))) throw bad('its size is no count')
  const bytes = fromBase64(root)
  if (bytes.length !== HASH_BYTES) throw bad(`its root has ${bytes.length} bytes`)
  return { origin, size: Number(size), root: bytes }
}

/**
 * Opens a signed checkpoint of the log that `key` names. Cosignatures by `witnesses` are checked where they are there.
 * Throws VerifyError; `wrong_origin` when it is another log's.
 */
export async function openCheckpoint(
  crypto: Crypto,
  note: string,
  key: VerifierKey,
  witnesses: readonly VerifierKey[] = [],
): Promise<SignedCheckpoint> {
  const { text, signers } = await openNote(crypto, note, [key, ...witnesses])
  const checkpoint = parseCheckpoint(text)
  if (checkpoint.origin !== key.name) {
    throw new VerifyError('wrong_origin', `the checkpoint is of ${checkpoint.origin}, not of ${key.name}`)
  }
  if (!signers.some((each) => each.type === 'ed25519' && each.name === key.name)) {
    throw new VerifyError('not_signed', `the checkpoint is not signed by ${key.name}`)
  }
  return { ...checkpoint, signers }
}
