import { parseCheckpoint } from '../../../verify/checkpoint.ts'
import { proveConsistency } from '../../../verify/consistency.ts'
import type { Earlier, EventVerdicts } from '../../../verify/event-proof.ts'
import { verifyEvent } from '../../../verify/event-proof.ts'
import { toBase64, toHex } from '../../../verify/base64.ts'
import { VerifyError } from '../../../verify/errors.ts'
import { parseLeaf } from '../../../verify/leaf.ts'
import type { Crypto } from '../../../verify/note.ts'
import { parseNote } from '../../../verify/note.ts'
import { parseProof } from '../../../verify/proof.ts'
import { tileHashReader, tilePath } from '../../../verify/tiles.ts'
import type { ProofAnswer } from '../../domain/answers.ts'
import { mergeEvent } from '../../domain/blocks.ts'
import { AuditError } from '../../domain/errors.ts'
import type { AuditEvent } from '../../domain/event.ts'
import type { BlockName, Blocks } from '../../domain/sealed.ts'
import { parseOrigin } from '../../domain/sealed.ts'
import { browserCrypto } from '../../../verify/html/crypto.ts'
import type { Pin } from './pin.ts'
import { readPin, writePin } from './pin.ts'
import type { RootCheck, Witness } from './root-check.ts'
import { checkRoot } from './root-check.ts'

/** What the checks of one event came to, each by itself. */
export interface ProofReport {
  readonly answer: ProofAnswer
  readonly verdicts: EventVerdicts
  /** The way up to the root log and who witnessed it; absent until the event's checkpoint stands there. */
  readonly root: RootCheck | undefined
  /** How many witnesses there are, as the server says. */
  readonly witnesses: number
  /** The event, put together from the very texts whose hashes were checked. Absent where they are no event. */
  readonly event: AuditEvent | undefined
  readonly pin: Pin | undefined
  /** Why the kept checkpoint could not be compared, where it could not. */
  readonly notCompared: string | undefined
  readonly leafHash: string
  /** Of its log's checkpoint, base64. */
  readonly rootHash: string
  readonly keyId: string
  /** For each step from the leaf up: on which side the sibling stands. */
  readonly sides: readonly ('left' | 'right')[]
  readonly by: 'browser' | 'page'
  /** Milliseconds since 1970. */
  readonly at: number
  readonly tookMs: number
}

/** Fetches a file below a log's C2SP prefix. */
export type FetchLogFile = (origin: string, path: string) => Promise<Uint8Array>

/**
 * Checks one event in this browser: bytes, inclusion, signature, and consistency with the checkpoint that this browser
 * verified last, which it keeps per log; and the way up to the witnessed root log. Throws `io_failed` and the like where the log's files cannot be read.
 */
export async function checkEvent(
  answer: ProofAnswer,
  fetchLogFile: FetchLogFile,
  witnesses: readonly Witness[] = [],
): Promise<ProofReport> {
  const started = performance.now()
  const crypto = await browserCrypto()
  const pin = readPin(answer.log)
  const compared = pin === undefined ? {} : await comparison(crypto, answer, pin, fetchLogFile)
  const verdicts = await verifyEvent(crypto, answer, {
    ...(pin !== undefined && { vkey: pin.vkey }),
    ...(compared.earlier !== undefined && { earlier: compared.earlier }),
  })
  const root = answer.root && (await checkRoot(crypto, answer, answer.root, witnesses))
  const at = Date.now()
  const { checkpoint, leaf, signed, consistent, included } = verdicts
  if (checkpoint !== undefined && signed.kind === 'yes' && included.kind === 'yes' && consistent.kind !== 'no') {
    const note = parseProof(answer.proof).checkpoint
    writePin(answer.log, { vkey: answer.vkey, checkpoint: note, size: checkpoint.size, at: new Date(at).toISOString() })
  }
  return {
    answer,
    verdicts,
    root,
    witnesses: witnesses.length,
    event: leaf === undefined ? undefined : eventFrom(answer),
    pin,
    notCompared: compared.problem,
    leafHash: verdicts.leafHash === undefined ? '' : toHex(verdicts.leafHash),
    rootHash: checkpoint === undefined ? '' : toBase64(checkpoint.root),
    keyId: /\+([0-9a-f]{8})\+/.exec(answer.vkey)?.[1] ?? '',
    sides: checkpoint === undefined ? [] : sidesOf(answer.index, checkpoint.size, verdicts.path?.length ?? 0),
    by: crypto.by,
    at,
    tookMs: performance.now() - started,
  }
}

interface Comparison {
  readonly earlier?: Earlier
  readonly problem?: string
}

/** Makes the proof from the log's own tiles; what the tiles hold is then checked against both signed roots. */
async function comparison(
  crypto: Crypto,
  answer: ProofAnswer,
  pin: Pin,
  fetchLogFile: FetchLogFile,
): Promise<Comparison> {
  const size = sizeIn(answer)
  if (size === undefined) return {}
  const larger = Math.max(size, pin.size)
  const read = tileHashReader(crypto.sha256, larger, (tile) => fetchLogFile(answer.log, tilePath(tile)))
  try {
    const proof = await proveConsistency(crypto.sha256, Math.min(size, pin.size), larger, read)
    return { earlier: { checkpoint: pin.checkpoint, proof } }
  } catch (error) {
    // The other checks stand by themselves, so a file that cannot be read must not hide them.
    if (error instanceof AuditError || error instanceof VerifyError) return { problem: error.message }
    throw error
  }
}

/** The size that the proof's checkpoint names; undefined where it cannot be read, which the checks then say. */
function sizeIn(answer: ProofAnswer): number | undefined {
  try {
    return parseCheckpoint(parseNote(parseProof(answer.proof).checkpoint).text).size
  } catch {
    return undefined
  }
}

function eventFrom(answer: ProofAnswer): AuditEvent | undefined {
  try {
    const leaf = parseLeaf(answer.leaf)
    const text = (name: BlockName): string | undefined => answer.blocks.find((each) => each.block === name)?.json
    const blocks: Blocks = [text('actor'), text('place'), text('target'), text('body'), text('original')]
    return mergeEvent(leaf, blocks, { log: answer.log, index: answer.index, stream: parseOrigin(answer.log).stream })
  } catch {
    // Texts that are no JSON are shown by the verdict, not as an event.
    return undefined
  }
}

/** RFC 9162 section 2.1.3.2, looked at for its directions only. */
function sidesOf(index: number, size: number, length: number): readonly ('left' | 'right')[] {
  const sides: ('left' | 'right')[] = []
  let at = index
  let last = size - 1
  for (let step = 0; step < length; step += 1) {
    if (at % 2 === 1 || at === last) {
      sides.push('left')
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2)
        last = Math.floor(last / 2)
      }
    } else {
      sides.push('right')
    }
    at = Math.floor(at / 2)
    last = Math.floor(last / 2)
  }
  return sides
}
