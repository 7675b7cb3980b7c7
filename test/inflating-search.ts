import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'

/**
 * Files under a folder that hold one of these texts: as they are, and inflated, also where they are made of gzip members
 * or of blocks as the engine compresses them. Names are those of the files below the folder.
 */
export function filesHolding(folder: string, texts: readonly string[]): readonly string[] {
  const names = filesIn(folder)
  return names.filter((name) => holds(name, texts)).map((name) => name.slice(folder.length + 1))
}

/** What goes while it is listed holds nothing. */
function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((each) => {
      const name = join(folder, each.name)
      return each.isDirectory() ? filesIn(name) : each.isFile() ? [name] : []
    })
  } catch {
    return []
  }
}

function holds(name: string, texts: readonly string[]): boolean {
  const bytes = read(name)
  return [bytes, ...inflated(bytes)].some((each) => texts.some((text) => each.includes(text)))
}

/** Gone since it was listed: it holds nothing. */
function read(name: string): Buffer {
  try {
    return readFileSync(name)
  } catch {
    return Buffer.alloc(0)
  }
}

function inflated(bytes: Buffer): readonly Buffer[] {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return [gunzipSync(bytes)]
  return engineBlocks(bytes)
}

const HEADER = 25

/** Blocks of the engine: 16 bytes of checksum, method, size with these nine bytes, size before. May stand anywhere in a file. */
function engineBlocks(bytes: Buffer): readonly Buffer[] {
  const blocks: Buffer[] = []
  for (let at = 0; at + HEADER <= bytes.length;) {
    const size = bytes.readUInt32LE(at + 17)
    const plain = bytes.readUInt32LE(at + 21)
    if (!isMethod(bytes[at + 16]) || size < 9 || at + 16 + size > bytes.length || plain > 64 << 20) {
      at += 1
      continue
    }
    const opened = decompress(bytes.subarray(at + 16, at + 16 + size))
    if (opened === undefined) at += 1
    else {
      blocks.push(opened)
      at += 16 + size
    }
  }
  return blocks
}

const NONE = 0x02
const LZ4 = 0x82
const ZSTD = 0x90
const SEVERAL = 0x91

function isMethod(method: number | undefined): boolean {
  return method === NONE || method === LZ4 || method === ZSTD || method === SEVERAL
}

/** Undefined: it was no block. What a column of numbers is made with (delta, bits turned round) holds no text. */
function decompress(block: Buffer): Buffer | undefined {
  const plain = block.readUInt32LE(5)
  const data = block.subarray(9)
  try {
    if (block[0] === NONE) return data.length === plain ? data : undefined
    if (block[0] === ZSTD) return zstdDecompressSync(data)
    if (block[0] === LZ4) return lz4(data, plain)
    return several(data)
  } catch {
    return undefined
  }
}

/** Codecs one after the other: their number, their names, then a block of the last one. */
function several(data: Buffer): Buffer | undefined {
  const count = data[0] ?? 0
  return data[count] !== undefined && isMethod(data[count]) ? decompress(data.subarray(1 + count)) : undefined
}

/** https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md */
function lz4(data: Buffer, plain: number): Buffer | undefined {
  const out = Buffer.alloc(plain)
  let [at, to] = [0, 0]
  const length = (first: number): number => {
    if (first < 15) return first
    let all = first
    for (let more = 255; more === 255; all += more) more = data[at++] ?? 0
    return all
  }
  while (at < data.length) {
    const token = data[at++] ?? 0
    const literals = length(token >> 4)
    if (at + literals > data.length || to + literals > plain) return undefined
    data.copy(out, to, at, at + literals)
    at += literals
    to += literals
    if (at >= data.length) break
    const back = data.readUInt16LE(at)
    at += 2
    const matched = 4 + length(token & 15)
    if (back === 0 || back > to || to + matched > plain) return undefined
    for (let n = 0; n < matched; n++, to++) out[to] = out[to - back] ?? 0
  }
  return to === plain ? out : undefined
}
