import { hash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'

import {
  formatBundle,
  formatProof,
  type HashReader,
  parseBundle,
  proveInclusion,
  TILE_WIDTH,
  type Tile,
  tileHashReader,
  tilePath,
  tileWidth,
} from '../../verify/index.ts'
import { AuditError } from '../domain/errors.ts'
import type { ApiDeps } from './deps.ts'

/** One log as its files are, up to one checkpoint, which all that is read of it goes by. */
export interface LogReader {
  readonly origin: string
  readonly size: number
  /** The signed note, verbatim. */
  readonly note: string
  /** `c2sp.org/tlog-proof@v1` of that note in the root log; undefined: it stands in none. */
  readonly root: string | undefined
  /** `u16be length || leaf` of leaves from..to, a bundle at a time. */
  entries(from: number, to: number): AsyncIterable<Uint8Array>
  /** `c2sp.org/tlog-proof@v1` of one leaf. */
  proof(index: number): Promise<string>
}

const INFLATED_BYTES = 16 * 1024 * 1024
const inflate = promisify(gunzip)

export function createLogReader(
  ledger: Pick<ApiDeps['ledger'], 'serve'>,
  origin: string,
  { size, note, root }: Pick<LogReader, 'size' | 'note'> & { readonly root?: string },
): LogReader {
  async function read(path: string): Promise<Uint8Array> {
    const file = await ledger.serve(origin, path)
    if (file === undefined) throw new AuditError('damaged', `${path} of log ${origin} is missing`)
    return file.gzip ? inflate(file.body, { maxOutputLength: INFLATED_BYTES }) : file.body
  }
  const reader: HashReader = tileHashReader(sha256, size, (tile: Tile) => read(tilePath(tile)))

  return {
    origin,
    size,
    note,
    root,
    async *entries(from, to) {
      for (let index = Math.floor(from / TILE_WIDTH); index * TILE_WIDTH < to; index++) {
        const width = tileWidth('entries', index, size)
        const bundle = parseBundle(await read(tilePath({ level: 'entries', index, width })), width)
        const first = index * TILE_WIDTH
        yield formatBundle(bundle.slice(Math.max(0, from - first), to - first))
      }
    },
    proof: async (index) => {
      const path = await proveInclusion(sha256, index, size, reader)
      return formatProof({ index, path, checkpoint: note })
    },
  }
}

function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer')
}
