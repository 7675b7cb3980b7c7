import { z } from 'zod'

/** How far a file was read: everything before `offset` is durable. */
export interface FilePosition {
  /** Names the file in ids of its records: its fingerprint, numbered where another file begins with the same line. */
  readonly id: string
  /** SHA-256 of its first whole line, at most 4 KiB of it; hex. */
  readonly fingerprint: string
  readonly inode: string
  readonly path: string
  readonly offset: number
  /** It lies under no name any more; it may come back compressed. */
  readonly isGone?: true
  /** It was not there when we started: not mounted yet, or away for good. */
  readonly isAway?: true
}

const cursorSchema = z.object({
  v: z.literal(1),
  files: z.array(
    z.object({
      id: z.string(),
      fingerprint: z.string(),
      inode: z.string(),
      path: z.string(),
      offset: z.int().nonnegative(),
      isGone: z.literal(true).exactOptional(),
      isAway: z.literal(true).exactOptional(),
    }),
  ),
})

export function formatCursor(files: readonly FilePosition[]): string {
  return JSON.stringify({ v: 1, files })
}

/** Undefined for what is no cursor of ours: then files are read from their beginning, and repeats are found by id. */
export function parseCursor(text: string | undefined): readonly FilePosition[] | undefined {
  if (text === undefined) return []
  try {
    return cursorSchema.parse(JSON.parse(text)).files
  } catch {
    return undefined
  }
}
