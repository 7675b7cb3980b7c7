import type { SignedCheckpoint } from '../../../verify/checkpoint.ts'
import { openCheckpoint } from '../../../verify/checkpoint.ts'
import { proveConsistency } from '../../../verify/consistency.ts'
import { VerifyError } from '../../../verify/errors.ts'
import { verifyEvent, verifyGrowth } from '../../../verify/event-proof.ts'
import { leafHash } from '../../../verify/hash.ts'
import { proveInclusion, verifyInclusion } from '../../../verify/inclusion.ts'
import { parseBundle } from '../../../verify/bundle.ts'
import { parseLeaf } from '../../../verify/leaf.ts'
import type { Crypto } from '../../../verify/note.ts'
import { parseVerifierKey } from '../../../verify/note.ts'
import { TILE_WIDTH, tileHashReader, tilePath, tileWidth } from '../../../verify/tiles.ts'
import type { LogInfo, ProofAnswer } from '../../domain/answers.ts'
import type { Pin } from '../proof/pin.ts'
import type { Cosigned, Witness } from '../proof/root-check.ts'
import { checkRoot, cosignedBy, keysOf } from '../proof/root-check.ts'

/** What is to be checked, and what this browser knows already. */
export interface QuickWish {
  readonly logs: readonly LogInfo[]
  readonly witnesses: readonly Witness[]
  /** By origin. */
  readonly pins: ReadonlyMap<string, Pin>
}

/** How it is read; all of it over the network of the page. Undefined: there is no such event for this reader. */
export interface QuickReads {
  file(origin: string, path: string): Promise<Uint8Array>
  proof(id: string, log: string, index: number): Promise<ProofAnswer | undefined>
  /** A whole number of 0..below-1. */
  readonly random: (below: number) => number
}

/** Of so many that were looked at, these were as they should be; faults say what was not. */
export interface Tally {
  readonly checked: number
  readonly faults: readonly string[]
}

export interface QuickReport {
  readonly signed: Tally
  readonly consistent: Tally
  /** Logs that this browser had never seen, or of which nothing is left to compare. */
  readonly notCompared: number
  readonly included: Tally
  readonly unchanged: Tally
  readonly rooted: Tally
  /** Events among the random leaves whose checkpoint is not in the root log yet. */
  readonly notRooted: number
  /** Of the root log's cosigned checkpoint; absent where no witness is configured or none has signed. */
  readonly cosigned: Cosigned | undefined
  readonly witnessFault: string | undefined
  /** Checkpoints that were verified, to be kept. */
  readonly pins: readonly (readonly [string, Pin])[]
  readonly tookMs: number
}

const RANDOM_LEAVES = 20

type Noted = { checked: number; faults: string[] }
type Opened = readonly [LogInfo, SignedCheckpoint]

/**
 * A quick look at a whole ledger: every log's signature, its growth since this browser looked last, the witnesses of the
 * root log, and 20 leaves at random, each up to the signed root and, where it is an event, down to its text.
 */
export async function quickCheck(
  crypto: Crypto,
  wish: QuickWish,
  reads: QuickReads,
  tell: (done: number, of: number) => void,
): Promise<QuickReport> {
  const started = performance.now()
  const at = new Date().toISOString()
  const [signed, consistent, included, unchanged, rooted] = [tally(), tally(), tally(), tally(), tally()]
  const of = wish.logs.length + RANDOM_LEAVES + 1
  const opened: Opened[] = []
  const pins: (readonly [string, Pin])[] = []
  let notCompared = 0
  for (const [done, log] of wish.logs.entries()) {
    tell(done, of)
    const pin = wish.pins.get(log.origin)
    const found = await judged(signed, log.origin, () => openNewest(crypto, log, pin, reads))
    if (found === undefined) continue
    opened.push([log, found.checkpoint])
    const grew = pin && log.state !== 'pruned'
    const fits = grew
      ? await judged(consistent, log.origin, () => checkGrowth(crypto, log, pin, found.checkpoint, reads))
      : ((notCompared += 1), true)
    const { size } = found.checkpoint
    if (fits === true) pins.push([log.origin, { vkey: log.vkey, checkpoint: found.note, size, at }])
  }
  const root = wish.logs.find(({ stream, state }) => stream === 'root' && state === 'open')
  const witnesses = await lookAtWitnesses(crypto, root, wish.witnesses, reads)
  let notRooted = 0
  const chosen = chooseLeaves(opened, reads.random)
  for (const [done, { log, checkpoint, index }] of chosen.entries()) {
    tell(wish.logs.length + 1 + done, of)
    const name = `leaf ${index} of ${log.origin}`
    const leaf = await judged(included, name, () => readLeaf(crypto, log, checkpoint, index, reads))
    if (leaf === undefined || log.stream === 'root') continue
    const { id } = parseLeaf(leaf)
    const answer = await judged(unchanged, name, () => checkText(crypto, log, index, leaf, id, reads))
    if (typeof answer !== 'object') {
      if (answer === 'none') unchanged.checked -= 1
      continue
    }
    if (answer.root === undefined) notRooted += 1
    else {
      const { root: way } = answer
      await judged(rooted, name, async () => throwFault((await checkRoot(crypto, answer, way, [])).verdict))
    }
  }
  tell(of, of)
  return {
    signed,
    consistent,
    notCompared,
    included,
    unchanged,
    rooted,
    notRooted,
    ...witnesses,
    pins,
    tookMs: performance.now() - started,
  }
}

function tally(): Noted {
  return { checked: 0, faults: [] }
}

/** Counts a check, and notes as a fault what it says against what was read; what could not be read at all goes on. */
async function judged<T>(into: Noted, name: string, work: () => Promise<T>): Promise<T | undefined> {
  into.checked += 1
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error
    into.faults.push(`${name}: ${error.message}`)
    return undefined
  }
}

function throwFault(verdict: { readonly kind: string; readonly reason?: string }): true {
  if (verdict.kind === 'no') throw new VerifyError('mismatch', verdict.reason ?? '')
  return true
}

async function openNewest(
  crypto: Crypto,
  { origin, vkey }: LogInfo,
  pin: Pin | undefined,
  reads: QuickReads,
): Promise<{ note: string; checkpoint: SignedCheckpoint }> {
  if (pin !== undefined && pin.vkey !== vkey)
    throw new VerifyError('mismatch', 'its key is not the one that this browser knows')
  const note = decoded(await reads.file(origin, 'checkpoint'))
  const key = parseVerifierKey(crypto.sha256, vkey)
  if (key.name !== origin) throw new VerifyError('wrong_origin', `the key is of ${key.name}`)
  return { note, checkpoint: await openCheckpoint(crypto, note, key) }
}

async function checkGrowth(
  crypto: Crypto,
  { origin, vkey }: LogInfo,
  pin: Pin,
  now: SignedCheckpoint,
  reads: QuickReads,
): Promise<true> {
  const before = await openCheckpoint(crypto, pin.checkpoint, parseVerifierKey(crypto.sha256, vkey))
  const [less, more] = [Math.min(before.size, now.size), Math.max(before.size, now.size)]
  const read = tileHashReader(crypto.sha256, more, (tile) => reads.file(origin, tilePath(tile)))
  verifyGrowth(crypto, before, now, await proveConsistency(crypto.sha256, less, more, read))
  return true
}

async function lookAtWitnesses(
  crypto: Crypto,
  root: LogInfo | undefined,
  witnesses: readonly Witness[],
  reads: QuickReads,
): Promise<Pick<QuickReport, 'cosigned' | 'witnessFault'>> {
  if (witnesses.length === 0 || root?.cosigned === undefined) return { cosigned: undefined, witnessFault: undefined }
  try {
    const note = decoded(await reads.file(root.origin, 'checkpoint.cosigned'))
    const key = parseVerifierKey(crypto.sha256, root.vkey)
    const { signers } = await openCheckpoint(crypto, note, key, keysOf(crypto, witnesses))
    return { cosigned: cosignedBy(crypto, signers, witnesses), witnessFault: undefined }
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error
    return { cosigned: undefined, witnessFault: error.message }
  }
}

interface Chosen {
  readonly log: LogInfo
  readonly checkpoint: SignedCheckpoint
  readonly index: number
}

/** Each leaf of the ledger as likely as any other; of logs whose leaves are still there. */
function chooseLeaves(opened: readonly Opened[], random: QuickReads['random']): readonly Chosen[] {
  const there = opened.filter(([log, { size }]) => log.state !== 'pruned' && size > 0)
  const total = there.reduce((sum, [, { size }]) => sum + size, 0)
  const places = new Set<number>()
  if (total <= RANDOM_LEAVES) for (let at = 0; at < total; at += 1) places.add(at)
  else while (places.size < RANDOM_LEAVES) places.add(random(total))
  return [...places].map((place) => {
    let index = place
    const found = there.find(([, { size }]) => index < size || ((index -= size), false))
    if (found === undefined) throw new RangeError(`there is no leaf ${place} of ${total}`)
    return { log: found[0], checkpoint: found[1], index }
  })
}

async function readLeaf(
  crypto: Crypto,
  { origin }: LogInfo,
  { size, root }: SignedCheckpoint,
  index: number,
  reads: QuickReads,
): Promise<string> {
  const bundle = Math.floor(index / TILE_WIDTH)
  const width = tileWidth('entries', bundle, size)
  const bytes = await reads.file(origin, tilePath({ level: 'entries', index: bundle, width }))
  const entry = parseBundle(bytes, width)[index % TILE_WIDTH] ?? new Uint8Array()
  const read = tileHashReader(crypto.sha256, size, (tile) => reads.file(origin, tilePath(tile)))
  const path = await proveInclusion(crypto.sha256, index, size, read)
  verifyInclusion(crypto.sha256, leafHash(crypto.sha256, entry), index, size, path, root)
  return decoded(entry)
}

/** The event as the server shows it must be the one that this leaf seals. `none`: it is not shown to this reader. */
async function checkText(
  crypto: Crypto,
  { origin, vkey }: LogInfo,
  index: number,
  leaf: string,
  id: string,
  reads: QuickReads,
): Promise<ProofAnswer | 'none'> {
  const answer = await reads.proof(id, origin, index)
  if (answer === undefined) return 'none'
  if (answer.leaf !== leaf) throw new VerifyError('mismatch', 'the event has another leaf than the log')
  const { unchanged, included, signed } = await verifyEvent(crypto, answer, { vkey })
  for (const verdict of [unchanged, included, signed]) throwFault(verdict)
  return answer
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new VerifyError('malformed', 'it is no text', error)
  }
}
