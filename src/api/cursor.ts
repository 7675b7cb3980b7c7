import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

import { AuditError } from '../domain/errors.ts'
import type { RowKey } from '../store/reads.ts'

/** Where the next page goes on, and what its run looks at. */
export interface Cursor {
  readonly order: 'newest' | 'oldest'
  readonly after: RowKey
  readonly asOf: number
  /** What relative times of the query and the range were resolved with, milliseconds since 1970. */
  readonly nowMs: number
}

/** Seals cursors (docs/api.md, `GET /v1/events`): nobody can read or make one, or use it with another query. */
export interface CursorSeal {
  /** `run` is everything that a page must have in common with the first: query, range, caller. */
  seal(cursor: Cursor, run: string): string
  /** Throws `bad_request` for what is no cursor of this server or belongs to another run. */
  open(text: string, run: string): Cursor
}

/** @param key 32 bytes. */
export function createCursorSeal(key: Uint8Array): CursorSeal {
  return {
    seal(cursor, run) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      cipher.setAAD(hashRun(run))
      const sealed = [nonce, cipher.update(encode(cursor)), cipher.final(), cipher.getAuthTag()]
      return Buffer.concat(sealed).toString('base64url')
    },
    open(text, run) {
      const bytes = Buffer.from(text, 'base64url')
      if (bytes.byteLength !== NONCE_BYTES + PLAIN_BYTES + TAG_BYTES) throw refused(undefined)
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES))
      decipher.setAAD(hashRun(run))
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
      try {
        return decode(Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]))
      } catch (cause) {
        throw refused(cause)
      }
    },
  }
}

const NONCE_BYTES = 12
const TAG_BYTES = 16
const PLAIN_BYTES = 33

function hashRun(run: string): Uint8Array {
  return createHash('sha256').update('whodid cursor v1\0').update(run).digest()
}

function encode(cursor: Cursor): Uint8Array {
  const bytes = Buffer.alloc(PLAIN_BYTES)
  bytes.writeUInt8(cursor.order === 'newest' ? 0 : 1, 0)
  bytes.writeDoubleBE(cursor.after.timeUs, 1)
  bytes.writeDoubleBE(cursor.after.feed, 9)
  bytes.writeDoubleBE(cursor.asOf, 17)
  bytes.writeDoubleBE(cursor.nowMs, 25)
  return bytes
}

function decode(bytes: Buffer): Cursor {
  return {
    order: bytes.readUInt8(0) === 0 ? 'newest' : 'oldest',
    after: { timeUs: bytes.readDoubleBE(1), feed: bytes.readDoubleBE(9) },
    asOf: bytes.readDoubleBE(17),
    nowMs: bytes.readDoubleBE(25),
  }
}

function refused(cause: unknown): AuditError {
  const hint = 'ask again without a cursor; a cursor is good for the same query, range and caller only'
  return new AuditError('bad_request', 'this cursor does not belong to this query', { cause, hint })
}
