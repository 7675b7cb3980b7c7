import { type FileHandle, open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { constants, createGunzip } from 'node:zlib'

/** What a reader of lines needs of a file. */
export interface OpenFile {
  /** Bytes of the content from `position` on; 0 at its end. */
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>
  close(): Promise<void>
}

const CHUNK_BYTES = 64 * 1024

/**
 * The content of a gzip file, as if it were a plain one. Inflated as it is read, so that a bomb costs time and no memory;
 * reading goes forward, and whoever goes back begins anew. A file that is still being written ends where it ends now. It is
 * open only while it is read.
 */
export class GzipFile implements OpenFile {
  readonly #path: () => string
  readonly #inode: string
  #content: Content | undefined
  #seenBytes = 0

  /** @param path Where it lies now. What lies there under another inode is not read. */
  constructor(path: () => string, inode: string) {
    this.#path = path
    this.#inode = inode
  }

  /** Size of the file itself when it was opened last: where it has another one now, there may be more to read. */
  get seenBytes(): number {
    return this.#seenBytes
  }

  async read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }> {
    if (this.#content === undefined || position < this.#content.position) {
      await this.close()
      this.#content = await Content.open(this.#path(), this.#inode)
      this.#seenBytes = this.#content?.sizeBytes ?? 0
    }
    const bytesRead = (await this.#content?.read(buffer.subarray(offset, offset + length), position)) ?? 0
    if (bytesRead === 0) await this.close()
    return { bytesRead }
  }

  async close(): Promise<void> {
    const content = this.#content
    this.#content = undefined
    await content?.close()
  }
}

/** Size of the content, as the last four bytes say it: modulo 2^32, and of the last member only. Undefined: it went away. */
export async function saidSize(path: string, sizeBytes: number): Promise<number | undefined> {
  const handle = await open(path, 'r').catch(() => undefined)
  if (handle === undefined) return undefined
  try {
    const trailer = Buffer.alloc(4)
    await handle.read(trailer, 0, 4, Math.max(0, sizeBytes - 4))
    return trailer.readUInt32LE(0)
  } finally {
    await handle.close()
  }
}

/** One way through the file. */
class Content {
  /** Where `#chunk` begins. */
  position = 0
  readonly sizeBytes: number
  readonly #handle: FileHandle
  readonly #inflating: Readable
  readonly #chunks: AsyncIterator<Buffer>
  #chunk: Buffer = Buffer.alloc(0)

  private constructor(handle: FileHandle, sizeBytes: number) {
    this.#handle = handle
    this.sizeBytes = sizeBytes
    const source = handle.createReadStream({ autoClose: false, highWaterMark: CHUNK_BYTES })
    // What breaks off is no error: the rest may not be written yet.
    const inflating = createGunzip({ chunkSize: CHUNK_BYTES, finishFlush: constants.Z_SYNC_FLUSH })
    source.on('error', (error) => inflating.destroy(error))
    this.#inflating = source.pipe(inflating)
    this.#chunks = this.#inflating[Symbol.asyncIterator]()
  }

  static async open(path: string, inode: string): Promise<Content | undefined> {
    const handle = await open(path, 'r').catch(() => undefined)
    if (handle === undefined) return undefined
    const { ino, size } = await handle.stat({ bigint: true })
    if (String(ino) === inode) return new Content(handle, Number(size))
    await handle.close()
    return undefined
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    while (position >= this.position + this.#chunk.length) {
      this.position += this.#chunk.length
      this.#chunk = Buffer.alloc(0)
      const next = await this.#next()
      if (next === undefined) return 0
      this.#chunk = next
    }
    return this.#chunk.copy(into, 0, position - this.position)
  }

  async close(): Promise<void> {
    this.#inflating.destroy()
    await this.#handle.close()
  }

  /** Undefined at the end, also where the file is broken: what came before is whole lines all the same. */
  async #next(): Promise<Buffer | undefined> {
    try {
      const { value, done } = await this.#chunks.next()
      return done === true ? undefined : value
    } catch {
      return undefined
    }
  }
}
