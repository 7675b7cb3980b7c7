import { openCheckpoint } from '../../../verify/checkpoint.ts'
import { VerifyError } from '../../../verify/errors.ts'
import type { Verdict } from '../../../verify/event-proof.ts'
import { leafHash } from '../../../verify/hash.ts'
import { verifyInclusion } from '../../../verify/inclusion.ts'
import type { Crypto, Signer } from '../../../verify/note.ts'
import { parseVerifierKey } from '../../../verify/note.ts'
import { parseProof } from '../../../verify/proof.ts'
import type { ProofAnswer, RootProof, WitnessAnswer } from '../../domain/answers.ts'

/** The witnesses that a server says it has: their keys are what cosignatures are checked with. */
export type Witness = Pick<WitnessAnswer['witnesses'][number], 'name' | 'vkey'>

/** Who of the witnesses signed a checkpoint, checked here. `time`: seconds since 1970. */
export interface Cosigned {
  readonly of: number
  readonly by: readonly { readonly name: string; readonly time: number }[]
}

/** What the way from an event to the root log came to. */
export interface RootCheck {
  readonly verdict: Verdict
  readonly origin: string
  /** Which entry of the root log the checkpoint is, and of how many. */
  readonly entry: number
  readonly size: number
  readonly cosigned: Cosigned
}

/**
 * Checks that an event lies under a checkpoint of its log which is itself an entry of the signed root log, and who
 * cosigned that. Never throws for what the proofs hold.
 */
export async function checkRoot(
  crypto: Crypto,
  answer: ProofAnswer,
  root: RootProof,
  witnesses: readonly Witness[],
): Promise<RootCheck> {
  const nobody: Cosigned = { of: witnesses.length, by: [] }
  const seen = { origin: '', entry: root.entry, size: 0, cosigned: nobody }
  try {
    const text = new TextEncoder()
    const event = parseProof(root.event)
    const own = await openCheckpoint(crypto, event.checkpoint, parseVerifierKey(crypto.sha256, answer.vkey))
    if (event.index !== answer.index) throw new VerifyError('mismatch', `its way to the root log is of ${event.index}`)
    const leaf = leafHash(crypto.sha256, text.encode(answer.leaf))
    verifyInclusion(crypto.sha256, leaf, event.index, own.size, event.path, own.root)
    const proof = parseProof(root.proof)
    if (proof.index !== root.entry) throw new VerifyError('mismatch', `the proof is of entry ${proof.index}`)
    const known = keysOf(crypto, witnesses)
    const key = parseVerifierKey(crypto.sha256, root.vkey)
    const top = await openCheckpoint(crypto, proof.checkpoint, key, known)
    const entry = leafHash(crypto.sha256, text.encode(event.checkpoint))
    verifyInclusion(crypto.sha256, entry, proof.index, top.size, proof.path, top.root)
    const cosigned = cosignedBy(crypto, top.signers, witnesses)
    return { verdict: { kind: 'yes' }, origin: top.origin, entry: root.entry, size: top.size, cosigned }
  } catch (error) {
    if (error instanceof VerifyError) return { ...seen, verdict: { kind: 'no', reason: error.message } }
    throw error
  }
}

export function keysOf({ sha256 }: Crypto, witnesses: readonly Witness[]): ReturnType<typeof parseVerifierKey>[] {
  return witnesses.map(({ vkey }) => parseVerifierKey(sha256, vkey))
}

/** Which of the witnesses are among those whose signatures were checked. Two may have one name: the key decides. */
export function cosignedBy(crypto: Crypto, signers: readonly Signer[], witnesses: readonly Witness[]): Cosigned {
  const by = witnesses.flatMap(({ name, vkey }) => {
    const { publicKey } = parseVerifierKey(crypto.sha256, vkey)
    const found = signers.find(
      (each) => each.type === 'cosignature' && each.publicKey.every((byte, at) => byte === publicKey[at]),
    )
    return found?.time === undefined ? [] : [{ name, time: found.time }]
  })
  return { of: witnesses.length, by }
}
