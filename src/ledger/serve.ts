import { hashesAt, parseTilePath, TILE_WIDTH } from '../../verify/index.ts'
import type { Tile } from '../../verify/index.ts'
import type { Files } from '../lib/files.ts'
import type { Log } from './log.ts'

/** What a path below a log answers. */
export interface ServedFile {
  readonly body: Uint8Array
  readonly contentType: string
  /** `short`: it changes with each checkpoint. */
  readonly cache: 'short' | 'immutable'
  /** The body is gzip, to be said as content encoding (tlog-tiles allows it without asking). */
  readonly gzip: boolean
}

/**
 * C2SP tlog-tiles v0.1.0 paths of one log, whose newest published checkpoint has `published` leaves. All is read from
 * the files, never from memory, so whoever verifies the log verifies what is on the disk. Undefined: no such thing.
 */
export async function serveLog(
  files: Files,
  folder: string,
  log: Log,
  published: number,
  path: string,
): Promise<ServedFile | undefined> {
  const small = SMALL_FILES.get(path) ?? typeOfAnchor(path)
  if (small !== undefined) {
    const body = await files.read(`${folder}/${path}`)
    return body && { body, contentType: small, cache: 'short', gzip: false }
  }
  const tile = parseTilePath(path)
  if (tile === undefined || !isPublished(tile, published)) return undefined
  return tile.level === 'entries' ? serveBundle(log, tile) : asFile(await log.tile(tile))
}

const SMALL_FILES: ReadonlyMap<string, string> = new Map([
  ['checkpoint', 'text/plain; charset=utf-8'],
  ['checkpoint.cosigned', 'text/plain; charset=utf-8'],
  ['log.json', 'application/json; charset=utf-8'],
  ['log.vkey', 'text/plain; charset=utf-8'],
])

const ANCHOR = /^anchors\/(?:chain\.pem|\d{1,16}\.(?:checkpoint|tsr))$/

/** Time stamps: docs/time-stamps.md. */
function typeOfAnchor(path: string): string | undefined {
  if (!ANCHOR.test(path)) return undefined
  if (path.endsWith('.tsr')) return 'application/timestamp-reply'
  return path.endsWith('.pem') ? 'application/x-pem-file' : 'text/plain; charset=utf-8'
}

async function serveBundle(log: Log, tile: Tile): Promise<ServedFile> {
  if (tile.width < TILE_WIDTH) return asFile(await log.bundle(tile.index, tile.width))
  return { ...asFile(await log.member(tile.index)), gzip: true }
}

/** A partial tile is served as long as it was or is one of some checkpoint: also when the full one exists. */
function isPublished(tile: Tile, published: number): boolean {
  const level = tile.level === 'entries' ? 0 : tile.level
  return tile.index * TILE_WIDTH + tile.width <= hashesAt(level, published)
}

function asFile(body: Uint8Array): ServedFile {
  return { body, contentType: 'application/octet-stream', cache: 'immutable', gzip: false }
}
