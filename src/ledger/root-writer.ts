import type { HashReader } from '../../verify/index.ts'
import { parseBundle, parseCheckpoint, parseNote, proveInclusion, TILE_WIDTH, tileWidth } from '../../verify/index.ts'
import { formatMillis } from '../domain/time.ts'
import type { Log } from './log.ts'
import { flushLog, newLog } from './new-log.ts'
import { createRootBook } from './root-log.ts'
import type { RootBook, RootPlace } from './root-log.ts'
import { sha256 } from './sha256.ts'
import type { LedgerDeps, RootDeps, SigningLog } from './signing-log.ts'
import { folderOf, signLogs } from './signing-log.ts'

export interface RootHead {
  readonly origin: string
  readonly vkey: string
  readonly size: number
  readonly note: string
  /** The newest one with enough cosignatures, verbatim. */
  readonly cosigned?: { readonly size: number; readonly note: string }
}

export interface RootInclusion {
  /** Index in the root log. */
  readonly entry: number
  /** The entry: the log's checkpoint. Then the path of the leaf up to it. */
  readonly note: string
  readonly hashes: readonly Uint8Array[]
  /** A checkpoint of the root log, with cosignatures where there are any, and the path of the entry up to it. */
  readonly rootNote: string
  readonly rootHashes: readonly Uint8Array[]
}

/** The node's root log at work. Its calls that write must not overlap. */
export interface RootWriter {
  /** See `Ledger.enterRoot`. */
  enter(logs: readonly SigningLog[]): Promise<void>
  head(): RootHead | undefined
  saveCosigned(note: string): Promise<void>
  cosigned(): { readonly size: number; readonly at: string } | undefined
  proof(log: Log, index: number): Promise<RootInclusion | undefined>
}

/** The root log that `deps.root` names, taken out of the logs that were found, or new. Undefined: none is kept. */
export async function openRoot(deps: LedgerDeps, logs: Map<string, SigningLog>): Promise<RootWriter | undefined> {
  const { root } = deps
  if (root === undefined) return undefined
  const known = logs.get(root.origin)
  const own = known ?? { log: newLog(deps, root.origin), key: undefined, published: undefined }
  logs.set(root.origin, own)
  const book = createRootBook(root, own.log.size)
  // What was synced and not saved: a few entries after a crash, all of them where the cache is gone.
  if (book.known < own.log.size) await readEntries(own.log, book)
  return rootWriter(deps, root, own, book, await readCosigned(deps, root, own, book))
}

function rootWriter(
  deps: LedgerDeps,
  root: RootDeps,
  own: SigningLog,
  book: RootBook,
  saved: Cosigned | undefined,
): RootWriter {
  let cosigned = saved
  /** Places as they were at sizes that are published and have no cosignatures yet. */
  const published = new Map<number, ReadonlyMap<string, RootPlace>>()

  /** An entry that covers the leaf: under the cosigned checkpoint if one is, else under the newest. */
  function placeOf(log: Log, index: number): { place: RootPlace; size: number; note: string } | undefined {
    const seen = cosigned?.places.get(log.origin)
    if (cosigned !== undefined && seen !== undefined && seen.size > index) return { place: seen, ...cosigned }
    const place = book.place(log.origin)
    if (own.published === undefined || place === undefined || place.size <= index) return undefined
    return place.entry < own.published.size ? { place, ...own.published } : undefined
  }

  return {
    async enter(logs) {
      const due = book.due(own.log.size, logs)
      const first = own.log.size
      if (due.length > 0) {
        const entries = due.map((text) => Buffer.from(text))
        own.log.append(first, entries)
        // Its files are its truth: a crash before this is whole leaves entries that nobody was shown, and that stay or go.
        await flushLog(deps, own)
        book.enter(first, entries)
      }
      // Also what a crash left unsigned.
      if (own.log.flushed === (own.published?.size ?? 0)) return
      await signLogs(deps, [own], () => own.log.flushed)
      published.set(own.log.flushed, book.snapshot())
      const [oldest] = published.keys()
      if (published.size > MOST_WAITING && oldest !== undefined) published.delete(oldest)
    },
    head() {
      if (own.key === undefined || own.published === undefined) return undefined
      const seen = cosigned && { size: cosigned.size, note: cosigned.note }
      return { origin: root.origin, vkey: own.key.vkey, ...own.published, ...(seen && { cosigned: seen }) }
    },
    async saveCosigned(note) {
      const { size } = parseCheckpoint(parseNote(note).text)
      if (size > (own.published?.size ?? 0) || size < (cosigned?.size ?? 0)) return
      await deps.files.replace(cosignedPath(deps, root), Buffer.from(note))
      const places = published.get(size) ?? (size === cosigned?.size ? cosigned.places : placesBelow(book, size))
      cosigned = { size, note, places }
      for (const each of published.keys()) if (each < size) published.delete(each)
    },
    cosigned: () => cosigned && { size: cosigned.size, at: formatMillis(newestTime(cosigned.note) * 1000) },
    async proof(log, index) {
      const found = placeOf(log, index)
      if (found === undefined) return undefined
      const { place, size, note } = found
      return {
        entry: place.entry,
        note: await entryAt(own.log, place.entry),
        hashes: await prove(index, place.size, log.reader(place.size)),
        rootNote: note,
        rootHashes: await prove(place.entry, size, own.log.reader(size)),
      }
    },
  }
}

interface Cosigned {
  readonly size: number
  readonly note: string
  /** What stands in the root log up to this size. */
  readonly places: ReadonlyMap<string, RootPlace>
}

const MOST_WAITING = 64

function cosignedPath(deps: LedgerDeps, root: RootDeps): string {
  return `${folderOf(deps, root.origin)}/checkpoint.cosigned`
}

/** It was checked before it was written; one that does not fit this log is of another life of it, and is not used. */
async function readCosigned(
  deps: LedgerDeps,
  root: RootDeps,
  own: SigningLog,
  book: RootBook,
): Promise<Cosigned | undefined> {
  const bytes = await deps.files.read(cosignedPath(deps, root))
  if (bytes === undefined || own.published === undefined) return undefined
  const note = Buffer.from(bytes).toString()
  try {
    const { origin, size } = parseCheckpoint(parseNote(note).text)
    if (origin !== root.origin || size > own.published.size) return undefined
    return { size, note, places: placesBelow(book, size) }
  } catch {
    return undefined
  }
}

/** Those of the newest places that a smaller root log has already. */
function placesBelow(book: RootBook, size: number): ReadonlyMap<string, RootPlace> {
  return new Map([...book.snapshot()].filter(([, { entry }]) => entry < size))
}

async function readEntries(log: Log, book: RootBook & { readonly known: number }): Promise<void> {
  for (let index = Math.floor(book.known / TILE_WIDTH); index * TILE_WIDTH < log.size; index++) {
    const width = tileWidth('entries', index, log.size)
    const first = Math.max(book.known, index * TILE_WIDTH)
    const entries = parseBundle(await log.bundle(index, width), width)
    book.enter(first, entries.slice(first - index * TILE_WIDTH))
  }
}

async function entryAt(log: Log, index: number): Promise<string> {
  const bundle = Math.floor(index / TILE_WIDTH)
  const width = tileWidth('entries', bundle, log.flushed)
  const entry = parseBundle(await log.bundle(bundle, width), width)[index % TILE_WIDTH]
  return Buffer.from(entry ?? []).toString()
}

function prove(index: number, size: number, read: HashReader): Promise<readonly Uint8Array[]> {
  return proveInclusion(sha256, index, size, read)
}

/** Of the cosignatures in a note whose signatures were checked: seconds since 1970; 0 without any. */
function newestTime(note: string): number {
  const times = parseNote(note).signatures.flatMap(({ bytes }) => {
    if (bytes.length !== COSIGNATURE_BYTES) return []
    return [Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0))]
  })
  return Math.max(0, ...times)
}

/** A time and an Ed25519 signature. */
const COSIGNATURE_BYTES = 8 + 64
