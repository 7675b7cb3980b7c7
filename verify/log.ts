import { toBase64 } from './base64.ts'
import { parseBundle } from './bundle.ts'
import type { SignedCheckpoint } from './checkpoint.ts'
import { openCheckpoint } from './checkpoint.ts'
import { createEdge } from './edge.ts'
import { VerifyError } from './errors.ts'
import { equalBytes, leafHash } from './hash.ts'
import { parseLeaf } from './leaf.ts'
import type { Crypto, VerifierKey } from './note.ts'
import { parseVerifierKey } from './note.ts'
import type { TlogPolicy } from './policy.ts'
import { judgeQuorum } from './policy.ts'
import { parseRootEntry } from './root-entry.ts'
import type { Tile } from './tiles.ts'
import { TILE_WIDTH, tileLevels, tilePath, tileWidth } from './tiles.ts'

/** Fetches a path below the log's prefix, inflated. Rejects for what is not there. */
export type FetchPath = (path: string) => Promise<Uint8Array>

export interface LogToVerify {
  /** The log's verifier key. Its name is the log's origin. */
  readonly vkey: string
  readonly fetch: FetchPath
  /**
   * `whodid`: every entry must be a leaf of version 1, receive times must not go back, and `log.vkey` and `log.json`
   * must be what the key makes them. `root`: the same for a root log, whose entries are checkpoints and keys of others.
   * `any`: just a tlog-tiles log.
   */
  readonly entries: 'whodid' | 'root' | 'any'
  /** Told of each entry, in order. */
  readonly onEntry?: (entry: Uint8Array, index: number) => void
  /** Who must have signed the checkpoint beside the log. Default: nobody. */
  readonly policy?: TlogPolicy
  /** Which of its checkpoints is believed. Default `checkpoint`. */
  readonly checkpoint?: 'checkpoint' | 'checkpoint.cosigned'
  /** Heads of it that are known from elsewhere, root by size: the log must continue each. */
  readonly earlier?: ReadonlyMap<number, Uint8Array>
}

export interface LogProgress {
  readonly checkpoint: SignedCheckpoint
  /** Entries read and hashed so far. The last progress has all of them, and everything else is checked by then. */
  readonly entries: number
  /** It says that all its entries were let go of, so only its signed end was checked: `log.pruned` says who decided it. */
  readonly pruned?: true
}

const AHEAD = 8
const text = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads a whole log and makes its tree anew from its entries: every hash in every tile of its newest checkpoint, the
 * root, and the log's signature. Throws VerifyError whose message names the first path that is wrong.
 */
export async function* verifyLog(crypto: Crypto, log: LogToVerify): AsyncGenerator<LogProgress, void> {
  const key = parseVerifierKey(crypto.sha256, log.vkey)
  const minimumIndex = log.entries === 'any' ? 0 : await verifyDescription(log, key.name)
  const checkpoint = await named(log.checkpoint ?? 'checkpoint', () => openOf(crypto, log, key))
  const beyond = [...(log.earlier?.keys() ?? [])].find((size) => size > checkpoint.size)
  if (beyond !== undefined) throw new VerifyError('mismatch', `it has ${checkpoint.size} leaves, and had ${beyond}`)
  if (minimumIndex > 0) {
    checkPruned(log, checkpoint, minimumIndex)
    yield { checkpoint, entries: 0, pruned: true }
    return
  }
  const full: { tile: Tile; hashes: Uint8Array }[] = []
  const edge = createEdge(crypto.sha256, (level, index, hashes) => {
    full.push({ tile: { level, index, width: TILE_WIDTH }, hashes: hashes.slice() })
  })
  let received = ''
  for await (const { path, width, bytes } of bundles(log, checkpoint.size)) {
    const entries = await named(path, () => parseBundle(bytes, width))
    for (const entry of entries) {
      if (log.entries === 'whodid') received = checkLeaf(path, entry, received)
      if (log.entries === 'root') await named(path, () => parseRootEntry(crypto.sha256, text.decode(entry)))
      log.onEntry?.(entry, edge.size)
      edge.push(leafHash(crypto.sha256, entry))
      const known = log.earlier?.get(edge.size)
      if (known !== undefined && !equalBytes(known, edge.root()))
        throw new VerifyError(
          'mismatch',
          `${path}: its first ${edge.size} leaves are not those that were signed before`,
        )
    }
    for (const { tile, hashes } of full.splice(0)) await verifyTile(log, tile, hashes)
    yield { checkpoint, entries: edge.size }
  }
  for (let level = 0; level < tileLevels(checkpoint.size); level++) {
    const hashes = edge.open(level)
    const index = Math.floor(checkpoint.size / TILE_WIDTH ** (level + 1))
    if (hashes.length > 0) await verifyTile(log, { level, index, width: hashes.length / 32 }, hashes)
  }
  if (!equalBytes(edge.root(), checkpoint.root)) {
    throw new VerifyError('mismatch', `checkpoint: its root ${toBase64(checkpoint.root)} is not that of its entries`)
  }
  yield { checkpoint, entries: edge.size }
}

/**
 * `log.json` of a log, byte for byte: who may ask for its key asks here. Of a log that was let go of, `minimumIndex` is its
 * size (tlog-tiles, Pruning).
 */
export function formatLogDescription(vkey: string, minimumIndex = 0): string {
  const origin = vkey.slice(0, vkey.indexOf('+'))
  const [stream = '', period = ''] = origin.split('/').slice(-2)
  if (/^root(\.\d+)?$/.test(period)) return `${JSON.stringify({ origin, vkey, stream: 'root', minimumIndex })}\n`
  return `${JSON.stringify({ origin, vkey, stream, period, minimumIndex })}\n`
}

/** The checkpoint, signed by the log, and by as many witnesses as the policy asks for. */
async function openOf(crypto: Crypto, log: LogToVerify, key: VerifierKey): Promise<SignedCheckpoint> {
  const note = text.decode(await log.fetch(log.checkpoint ?? 'checkpoint'))
  const witnesses = log.policy?.witnesses.map((each) => each.key)
  const checkpoint = await openCheckpoint(crypto, note, key, witnesses)
  if (log.policy !== undefined && !judgeQuorum(log.policy, checkpoint.signers).met)
    throw new VerifyError('not_signed', 'it lacks the cosignatures that the policy asks for')
  return checkpoint
}

/** Answers its minimum index: the first entry that is still there. */
async function verifyDescription(log: LogToVerify, origin: string): Promise<number> {
  const read = async (path: string): Promise<string> => text.decode(await log.fetch(path))
  const vkey = await named('log.vkey', () => read('log.vkey'))
  const description = await named('log.json', () => read('log.json'))
  const minimumIndex = minimumIn(description)
  const expected = [
    ['log.vkey', vkey, `${log.vkey}\n`],
    ['log.json', description, formatLogDescription(log.vkey, minimumIndex)],
  ] as const
  for (const [path, found, content] of expected) {
    if (found !== content) throw new VerifyError('mismatch', `${path}: it is not that of ${origin} with the known key`)
  }
  return minimumIndex
}

/** The one number in it that may differ from log to log. */
function minimumIn(description: string): number {
  const number = Number(/"minimumIndex":(0|[1-9]\d{0,15})\}\n$/.exec(description)?.[1] ?? 0)
  return Number.isSafeInteger(number) ? number : 0
}

/** A log goes as a whole, and its end stays: what was known of it at that size must be that. */
function checkPruned(log: LogToVerify, checkpoint: SignedCheckpoint, minimumIndex: number): void {
  if (log.entries === 'root') throw new VerifyError('mismatch', 'log.json: a root log is never let go of')
  if (minimumIndex !== checkpoint.size)
    throw new VerifyError('mismatch', `log.json: minimum index ${minimumIndex} in a log of ${checkpoint.size} leaves`)
  const known = log.earlier?.get(checkpoint.size)
  if (known !== undefined && !equalBytes(known, checkpoint.root))
    throw new VerifyError('mismatch', 'checkpoint: its root is not the one that was signed before')
}

/** All bundles in order, a few of them asked for ahead. */
async function* bundles(
  log: LogToVerify,
  size: number,
): AsyncGenerator<{ path: string; width: number; bytes: Uint8Array }> {
  const count = Math.ceil(size / TILE_WIDTH)
  const waiting: Promise<Uint8Array>[] = []
  const tileAt = (index: number): Tile => ({ level: 'entries', index, width: tileWidth('entries', index, size) })
  let asked = 0
  for (let index = 0; index < count; index++) {
    while (asked < count && asked < index + AHEAD) {
      const answer = log.fetch(tilePath(tileAt(asked++)))
      // Failures are thrown below when their turn comes; until then nobody listens.
      answer.catch(() => {})
      waiting.push(answer)
    }
    const tile = tileAt(index)
    const path = tilePath(tile)
    yield { path, width: tile.width, bytes: await named(path, () => waiting.shift()!) }
  }
}

function checkLeaf(path: string, entry: Uint8Array, received: string): string {
  try {
    const leaf = parseLeaf(text.decode(entry))
    if (leaf.r >= received) return leaf.r
  } catch (error) {
    throw new VerifyError('malformed', `${path}: an entry is no leaf of version 1`, error)
  }
  throw new VerifyError('mismatch', `${path}: receive times go back`)
}

async function verifyTile(log: LogToVerify, tile: Tile, hashes: Uint8Array): Promise<void> {
  const path = tilePath(tile)
  const bytes = await named(path, () => log.fetch(path))
  if (!equalBytes(bytes, hashes)) throw new VerifyError('mismatch', `${path}: its hashes are not those of the entries`)
}

/** Adds the path to what is wrong with it; what failed without a name of ours is a thing that could not be read. */
async function named<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code = error instanceof VerifyError ? error.code : 'unreadable'
    throw new VerifyError(code, `${path}: ${error instanceof Error ? error.message : String(error)}`, error)
  }
}
