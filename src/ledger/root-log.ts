import type { RootEntry } from '../../verify/index.ts'
import { formatAbandonedEntry, formatKeyEntry, parseRootEntry } from '../../verify/index.ts'
import { generationOf, isRootOrigin } from '../domain/sealed.ts'
import { sha256 } from './sha256.ts'
import type { RootDeps, SigningLog } from './signing-log.ts'

/** Where the newest checkpoint of a log stands in the root log. */
export interface RootPlace {
  /** Index of the entry; -1: only its key stands there. */
  readonly entry: number
  /** Leaves that this checkpoint covers. */
  readonly size: number
}

/** What the root log of a node holds, by log, and what it should hold next. */
export interface RootBook {
  place(origin: string): RootPlace | undefined
  /** Entries that bring the root log of `size` entries up to what the logs have published. None: nothing changed. */
  due(size: number, logs: readonly SigningLog[]): readonly string[]
  /** Enters what stands in the log from index `first` on. */
  enter(first: number, entries: readonly Uint8Array[]): void
  /** As it is now, to be kept while more is entered. */
  snapshot(): ReadonlyMap<string, RootPlace>
}

/**
 * @param size how many entries the root log has, whose places may be known from before.
 */
export function createRootBook(deps: RootDeps, size: number): RootBook & { readonly known: number } {
  const saved = savedPlaces(deps.places.load(), deps.origin, size)
  const places = new Map<string, RootPlace>(saved?.places)

  return {
    known: saved?.size ?? 0,
    place: (origin) => places.get(origin),
    due(now, logs) {
      const begins = now === 0 ? endOfGeneration(deps, logs) : []
      return [...begins, ...logs.flatMap((each) => entriesOf(deps, each, places.get(each.log.origin)))]
    },
    enter(first, entries) {
      for (const [i, bytes] of entries.entries()) {
        const entry = readRootEntry(bytes)
        if (entry?.kind === 'key' && !places.has(entry.origin)) places.set(entry.origin, { entry: -1, size: 0 })
        if (entry?.kind !== 'checkpoint') continue
        places.set(entry.checkpoint.origin, { entry: first + i, size: entry.checkpoint.size })
      }
      deps.places.save({ origin: deps.origin, size: first + entries.length, places: [...places] })
    },
    snapshot: () => new Map(places),
  }
}

/** Undefined for what is no entry of a root log. */
export function readRootEntry(bytes: Uint8Array): RootEntry | undefined {
  try {
    return parseRootEntry(sha256, utf8.decode(bytes))
  } catch {
    return undefined
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Whether nothing may be signed for a log any more: it is of a life of the node that ended without closing it. */
export function isAbandoned({ log, published }: SigningLog, root: RootDeps | undefined): boolean {
  if (root === undefined || generationOf(log.origin) >= generationOf(root.origin)) return false
  // Closed and not signed to its end is not enough: it may have been closed on the old copy only.
  return isRootOrigin(log.origin) || !log.closed || published?.size !== log.size
}

/** What a new root log says first: which logs of the generation before end without having been closed, and where. */
function endOfGeneration(deps: RootDeps, logs: readonly SigningLog[]): readonly string[] {
  const left = logs.filter((each) => each.published !== undefined && isAbandoned(each, deps))
  const { before } = deps
  const root = before === undefined ? [] : [formatAbandonedEntry(before.origin, before.witnessed)]
  const others = left.filter(({ log }) => log.origin !== before?.origin)
  return [...root, ...others.map(({ log, published }) => formatAbandonedEntry(log.origin, published?.size ?? 0))]
}

function entriesOf(deps: RootDeps, each: SigningLog, place: RootPlace | undefined): readonly string[] {
  const { log, key, published } = each
  if (isRootOrigin(log.origin) || key === undefined || published === undefined) return []
  // An abandoned log stands in the root log of its own generation, and no more is added about it.
  if (isAbandoned(each, deps) || (place !== undefined && place.size >= published.size)) return []
  return [...(place === undefined ? [formatKeyEntry(key.vkey)] : []), published.note]
}

interface SavedPlaces {
  readonly size: number
  readonly places: readonly (readonly [string, RootPlace])[]
}

/** Undefined: they are not of this root log, or of more entries than it has, so they are read from it again. */
function savedPlaces(value: unknown, origin: string, size: number): SavedPlaces | undefined {
  if (value === undefined) return undefined
  // We saved it.
  const saved = value as SavedPlaces & { readonly origin: string }
  return saved.origin === origin && saved.size <= size ? saved : undefined
}
