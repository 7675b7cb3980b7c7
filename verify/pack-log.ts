import type { CountedLog, Stretch } from './accounting.ts'
import { parseBundle } from './bundle.ts'
import { type SignedCheckpoint, openCheckpoint } from './checkpoint.ts'
import { VerifyError } from './errors.ts'
import { equalBytes, leafHash, type Sha256 } from './hash.ts'
import { verifyInclusion } from './inclusion.ts'
import { type Leaf, parseLeaf } from './leaf.ts'
import { type Crypto, type VerifierKey, formatNote, parseNote, parseVerifierKey } from './note.ts'
import type { Disclosed } from './pack-blocks.ts'
import { decoded } from './pack-lines.ts'
import type { PackLog } from './pack-manifest.ts'
import { judgeQuorum, type QuorumJudgement, type TlogPolicy } from './policy.ts'
import { parseProof } from './proof.ts'
import { verifyRange } from './range.ts'

/** Reads a member of the pack as text. Throws VerifyError `unreadable`, naming it, where there is none. */
export type ReadMember = (name: string) => Uint8Array

/** Who vouches for a log's checkpoint. */
export interface Vouched {
  readonly checkpoint: SignedCheckpoint
  /** The note, verbatim. */
  readonly note: string
  readonly vkey: string
  /** Whether the key is one of the policy, or the log is vouched for by a root log that is. */
  readonly by: 'policy' | 'root' | 'nobody'
  readonly quorum: QuorumJudgement
  /** The root log's name, where it has the checkpoint. */
  readonly root?: string
}

/** A log of a pack, as far as it could be opened. */
export interface OpenedLog extends CountedLog {
  readonly entry: PackLog
  readonly vouched: Vouched
  readonly disclosed: readonly Disclosed[]
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export const folderOf = (origin: string): string => `logs/${origin}`

/**
 * Opens a log's checkpoint: its own signature, those of witnesses, and where the pack has it, the root log's proof of
 * it. Throws VerifyError.
 */
export async function openPackedCheckpoint(
  crypto: Crypto,
  origin: string,
  policy: TlogPolicy,
  read: ReadMember,
  has: (name: string) => boolean,
): Promise<Vouched> {
  const folder = folderOf(origin)
  const vkey = textOf(read, `${folder}/log.vkey`).replace(/\n$/, '')
  const key = parseVerifierKey(crypto.sha256, vkey)
  if (key.name !== origin) throw new VerifyError('wrong_origin', `log.vkey is the key of ${key.name}`)
  const witnesses = policy.witnesses.map((each) => each.key)
  const note = textOf(read, `${folder}/checkpoint`)
  const checkpoint = await openCheckpoint(crypto, note, key, witnesses)
  const isNamed = policy.logs.some((each) => each.vkey === vkey)
  const own = judgeQuorum(policy, checkpoint.signers)
  const rootMember = `${folder}/root.tlog-proof`
  const root = has(rootMember)
    ? await openRoot(crypto, ownNote(note, key), textOf(read, rootMember), policy)
    : undefined
  if (root === undefined) return { checkpoint, note, vkey, by: isNamed ? 'policy' : 'nobody', quorum: own }
  const quorum = { met: own.met || root.quorum.met, seenBy: [...own.seenBy, ...root.quorum.seenBy] }
  return { checkpoint, note, vkey, by: isNamed ? 'policy' : 'root', quorum, root: root.origin }
}

/** All leaves of a log that the pack has, each stretch proved by the paths of its first and last leaf. Throws VerifyError. */
export function openStretches(
  sha256: Sha256,
  log: PackLog,
  checkpoint: SignedCheckpoint,
  note: string,
  read: ReadMember,
): readonly Stretch[] {
  const folder = folderOf(log.origin)
  let received = ''
  return log.ranges.map(({ from, to }) => {
    const name = `${folder}/leaves/${from}-${to}`
    const entries = parseBundle(read(name), to - from)
    const hashes = entries.map((entry) => leafHash(sha256, entry))
    const pathOf = (index: number, hash: Uint8Array): readonly Uint8Array[] => {
      const proof = parseProof(textOf(read, `${folder}/proofs/${index}.tlog-proof`))
      if (proof.index !== index) throw new VerifyError('mismatch', `proof ${index} is of leaf ${proof.index}`)
      if (proof.checkpoint !== note) throw new VerifyError('mismatch', `proof ${index} has another checkpoint`)
      verifyInclusion(sha256, hash, index, checkpoint.size, proof.path, checkpoint.root)
      return proof.path
    }
    const paths = { first: pathOf(from, hashes[0]!), last: pathOf(to - 1, hashes.at(-1)!) }
    verifyRange(sha256, hashes, from, checkpoint, paths)
    const leaves = entries.map((entry, n) => {
      const leaf = leafOf(entry, from + n)
      if (leaf.r < received) throw new VerifyError('mismatch', `leaf ${from + n} was received before the one before it`)
      received = leaf.r
      return leaf
    })
    return { from, leaves }
  })
}

function leafOf(entry: Uint8Array, index: number): Leaf {
  try {
    return parseLeaf(decoded(utf8, entry))
  } catch (error) {
    throw new VerifyError('malformed', `leaf ${index} is no leaf of version 1`, error)
  }
}

/** The note with the log's own signature alone: what the root log has of it. */
export function ownNote(note: string, key: VerifierKey): string {
  const { text, signatures } = parseNote(note)
  return formatNote({
    text,
    signatures: signatures.filter((each) => each.name === key.name && equalBytes(each.id, key.id)),
  })
}

/** Undefined: the policy knows no key of that root log, so it vouches for nothing. */
async function openRoot(
  crypto: Crypto,
  entry: string,
  proofText: string,
  policy: TlogPolicy,
): Promise<{ origin: string; quorum: QuorumJudgement } | undefined> {
  const proof = parseProof(proofText)
  const name = parseNote(proof.checkpoint).text.split('\n', 1)[0] ?? ''
  const key = policy.logs.find((each) => each.key.name === name)?.key
  if (key === undefined) return undefined
  const witnesses = policy.witnesses.map((each) => each.key)
  const checkpoint = await openCheckpoint(crypto, proof.checkpoint, key, witnesses)
  const hash = leafHash(crypto.sha256, new TextEncoder().encode(entry))
  verifyInclusion(crypto.sha256, hash, proof.index, checkpoint.size, proof.path, checkpoint.root)
  return { origin: checkpoint.origin, quorum: judgeQuorum(policy, checkpoint.signers) }
}

export function textOf(read: ReadMember, name: string): string {
  const bytes = read(name)
  try {
    return decoded(utf8, bytes)
  } catch (error) {
    throw new VerifyError('malformed', `${name} is no UTF-8`, error)
  }
}
