import { fromBase64Url, toBase64Url } from './base64.ts'
import type { Block } from './blocks.ts'
import { blockHash, BLOCKS, commitment } from './blocks.ts'
import type { Checkpoint, SignedCheckpoint } from './checkpoint.ts'
import { openCheckpoint, parseCheckpoint } from './checkpoint.ts'
import { verifyConsistency } from './consistency.ts'
import { VerifyError } from './errors.ts'
import { equalBytes, HASH_BYTES, leafHash } from './hash.ts'
import { verifyInclusion } from './inclusion.ts'
import type { Leaf } from './leaf.ts'
import { parseLeaf } from './leaf.ts'
import type { Crypto } from './note.ts'
import { parseNote, parseVerifierKey } from './note.ts'
import { parseProof } from './proof.ts'
import type { TlogProof } from './proof.ts'

/** What a server says to prove one event: `GET /v1/events/{id}/proof?format=json`. */
export interface EventProof {
  readonly leaf: string
  readonly log: string
  readonly index: number
  readonly proof: string
  readonly vkey: string
  readonly blocks: readonly { readonly block: string; readonly json: string; readonly salt: string }[]
  /** B of each block, base64url, in the order of BLOCKS. */
  readonly commitments: readonly string[]
}

export type Verdict =
  | { readonly kind: 'yes' }
  /** `reason` is one sentence that names what is wrong. */
  | { readonly kind: 'no'; readonly reason: string }
  /** Nothing to compare with. */
  | { readonly kind: 'unknown' }

export interface EventVerdicts {
  /** Blocks shown → their hashes → commitment → leaf. */
  readonly unchanged: Verdict
  /** Leaf → path → the checkpoint's root. */
  readonly included: Verdict
  /** The checkpoint is signed by the log's key. */
  readonly signed: Verdict
  /** The checkpoint continues one that was seen before; `unknown` when none was given. */
  readonly consistent: Verdict
  /** What was read on the way, for who wants to show it; absent where it could not be read. */
  readonly leaf?: Leaf
  readonly leafHash?: Uint8Array
  readonly path?: readonly Uint8Array[]
  readonly checkpoint?: Checkpoint
  /** Blocks whose text was shown and fits, and blocks that exist but were not shown. */
  readonly shown: readonly Block[]
  readonly hidden: readonly Block[]
}

/** A checkpoint that the caller kept, and the proof from the smaller to the larger of the two. */
export interface Earlier {
  /** The note, as it was when it was verified. */
  readonly checkpoint: string
  readonly proof: readonly Uint8Array[]
}

/**
 * Checks one event, each part by itself: one wrong part leaves the others judged. Never throws for what the proof
 * holds. `options.vkey` is a key known by another way; without it the proof's own is believed.
 */
export async function verifyEvent(
  crypto: Crypto,
  event: EventProof,
  options: { readonly vkey?: string; readonly earlier?: Earlier } = {},
): Promise<EventVerdicts> {
  const seen: { leaf?: Leaf; path?: readonly Uint8Array[]; checkpoint?: Checkpoint } = {}
  const leafBytes = new TextEncoder().encode(event.leaf)
  const hash = leafHash(crypto.sha256, leafBytes)
  const blocks = { shown: [] as Block[], hidden: [] as Block[] }
  const unchanged = judge(() => {
    seen.leaf = parseLeaf(event.leaf)
    Object.assign(blocks, checkBlocks(crypto, event, seen.leaf))
  })
  const included = judge(() => {
    const proof = parseProof(event.proof)
    seen.path = proof.path
    seen.checkpoint = parseCheckpoint(parseNote(proof.checkpoint).text)
    checkIncluded(crypto, event, hash, proof, seen.checkpoint)
  })
  let signedCheckpoint: SignedCheckpoint | undefined
  const signed = await judgeLater(async () => {
    signedCheckpoint = await openOwn(crypto, event, parseProof(event.proof).checkpoint, options.vkey)
  })
  const { earlier } = options
  const consistent: Verdict =
    earlier === undefined
      ? { kind: 'unknown' }
      : await judgeLater(async () => {
          const now = signedCheckpoint
          if (now === undefined) throw new VerifyError('not_signed', 'the new checkpoint is not signed')
          verifyGrowth(crypto, await openOwn(crypto, event, earlier.checkpoint, options.vkey), now, earlier.proof)
        })
  return { unchanged, included, signed, consistent, ...seen, leafHash: hash, ...blocks }
}

/** Two checkpoints of one log, in any order, with the proof from the smaller to the larger. Throws VerifyError. */
export function verifyGrowth(
  crypto: Pick<Crypto, 'sha256'>,
  a: Checkpoint,
  b: Checkpoint,
  proof: readonly Uint8Array[],
): void {
  if (a.origin !== b.origin) throw new VerifyError('wrong_origin', `checkpoints of ${a.origin} and ${b.origin}`)
  const [older, newer] = a.size <= b.size ? [a, b] : [b, a]
  verifyConsistency(crypto.sha256, older, newer, proof)
}

function checkBlocks(crypto: Crypto, event: EventProof, leaf: Leaf): { shown: Block[]; hidden: Block[] } {
  if (event.commitments.length !== BLOCKS.length) throw new VerifyError('malformed', 'an event has five block hashes')
  const hashes = event.commitments.map((text) => {
    const hash = fromBase64Url(text)
    if (hash.length !== HASH_BYTES) throw new VerifyError('malformed', `a block hash of ${hash.length} bytes`)
    return hash
  })
  const shown = new Set<Block>()
  for (const each of event.blocks) {
    const b = BLOCKS.findIndex((name) => name === each.block)
    const name = BLOCKS[b]
    if (name === undefined || shown.has(name))
      throw new VerifyError('malformed', `block ${each.block} is unknown or twice`)
    const hash = blockHash(crypto.sha256, checkedSalt(each.salt), each.json)
    if (!equalBytes(hash, hashes[b]!)) throw new VerifyError('mismatch', `block ${name} is not what was sealed`)
    shown.add(name)
  }
  if (toBase64Url(commitment(crypto.sha256, hashes)) !== leaf.c) {
    throw new VerifyError('mismatch', 'the block hashes are not those that the leaf commits to')
  }
  const there = BLOCKS.filter((_, b) => hashes[b]!.some((byte) => byte !== 0))
  return { shown: [...shown], hidden: there.filter((name) => !shown.has(name)) }
}

function checkedSalt(text: string): Uint8Array {
  const salt = fromBase64Url(text)
  if (salt.length !== HASH_BYTES) throw new VerifyError('malformed', `a salt of ${salt.length} bytes`)
  return salt
}

function checkIncluded(
  crypto: Crypto,
  event: EventProof,
  hash: Uint8Array,
  proof: TlogProof,
  checkpoint: Checkpoint,
): void {
  if (proof.index !== event.index) throw new VerifyError('mismatch', `the proof is of leaf ${proof.index}`)
  if (checkpoint.origin !== event.log) throw new VerifyError('wrong_origin', `the proof is of log ${checkpoint.origin}`)
  verifyInclusion(crypto.sha256, hash, proof.index, checkpoint.size, proof.path, checkpoint.root)
}

async function openOwn(
  crypto: Crypto,
  event: EventProof,
  note: string,
  known: string | undefined,
): Promise<SignedCheckpoint> {
  if (known !== undefined && known !== event.vkey) {
    throw new VerifyError('mismatch', `the server's key of ${event.log} is not the one known for it`)
  }
  const key = parseVerifierKey(crypto.sha256, event.vkey)
  if (key.name !== event.log) throw new VerifyError('wrong_origin', `the key is of ${key.name}, not of ${event.log}`)
  return openCheckpoint(crypto, note, key)
}

function judge(check: () => void): Verdict {
  try {
    check()
    return { kind: 'yes' }
  } catch (error) {
    return refusal(error)
  }
}

async function judgeLater(check: () => Promise<void>): Promise<Verdict> {
  try {
    await check()
    return { kind: 'yes' }
  } catch (error) {
    return refusal(error)
  }
}

function refusal(error: unknown): Verdict {
  if (error instanceof VerifyError) return { kind: 'no', reason: error.message }
  throw error
}
