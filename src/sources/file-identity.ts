import { hash } from 'node:crypto'
import type { OpenFile } from './gzip-file.ts'

const FIRST_LINE_BYTES = 4096
const LF = 0x0a

/**
 * What a file is known by: SHA-256 of its first whole line, or of its first 4 KiB where that line is longer; hex.
 * Undefined while that is not written yet.
 */
export async function fingerprintOf(handle: Pick<OpenFile, 'read'>): Promise<string | undefined> {
  const buffer = Buffer.alloc(FIRST_LINE_BYTES)
  let filled = 0
  while (filled < FIRST_LINE_BYTES) {
    const { bytesRead } = await handle.read(buffer, filled, FIRST_LINE_BYTES - filled, filled)
    if (bytesRead === 0) break
    filled += bytesRead
    if (buffer.subarray(0, filled).includes(LF)) break
  }
  const newline = buffer.subarray(0, filled).indexOf(LF)
  if (newline < 0 && filled < FIRST_LINE_BYTES) return undefined
  return hash('sha256', buffer.subarray(0, newline < 0 ? filled : newline + 1), 'hex')
}

/** `name`, or `name~2`, `name~3` … where it is taken: files that begin alike are told apart. */
export function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}~${number}`
    if (!taken.has(candidate)) return candidate
  }
}
