import { join } from 'node:path'
import { z } from 'zod'
import { AuditError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/event.ts'
import type { Files } from '../lib/files.ts'

/** What a backup says of itself (docs/backup.md, What lies in it). */
export interface BackupManifest {
  readonly format: typeof MANIFEST_FORMAT
  /** When it was begun, RFC 3339. */
  readonly at: string
  /** Of the program that made it. */
  readonly version: string
  readonly install: string
  readonly node: string
  readonly generation: number
  readonly keys: 'none' | 'plain' | 'wrapped'
  /** Whether the rows of the embedded engine are in it. */
  readonly engine: 'none' | 'embedded'
  /** Leaves of each log that are signed. */
  readonly logs: readonly { readonly origin: string; readonly size: number }[]
  readonly files: readonly BackupFile[]
}

export interface BackupFile {
  /** Below the backup's folder. */
  readonly path: string
  readonly sizeBytes: number
  /** Hex. */
  readonly sha256: string
}

export const MANIFEST = 'manifest.json'
export const MANIFEST_FORMAT = 'whodid-backup@v1'

const size = z.int().nonnegative()
/** No dots that lead out, nothing absolute. */
const path = z.string().regex(/^(state\.db|(ledger|journal|engine|keys)(\/[\w+-][\w.+-]*){1,8})$/)
const manifest: z.ZodType<BackupManifest> = z.strictObject({
  format: z.literal(MANIFEST_FORMAT),
  at: z.string(),
  version: z.string(),
  install: z.string(),
  node: z.string(),
  generation: z.int().positive(),
  keys: z.enum(['none', 'plain', 'wrapped']),
  engine: z.enum(['none', 'embedded']),
  logs: z.array(z.strictObject({ origin: z.string(), size })),
  files: z.array(z.strictObject({ path, sizeBytes: size, sha256: z.string().regex(/^[0-9a-f]{64}$/) })),
})

/** For who asked for it, and for our trail. */
export function summaryOf({ at, keys, engine, logs, files }: BackupManifest): JsonObject {
  const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return { at, keys, engine, logs: logs.length, files: files.length, bytes }
}

/** Throws `not_found` where there is none, `damaged` for what is no manifest. */
export async function readManifest(files: Files, folder: string): Promise<BackupManifest> {
  const bytes = await files.read(join(folder, MANIFEST))
  if (bytes === undefined) {
    const hint = 'it is written last: a backup without it did not come to its end'
    throw new AuditError('not_found', `${folder} holds no ${MANIFEST}`, { hint })
  }
  try {
    return manifest.parse(JSON.parse(Buffer.from(bytes).toString()))
  } catch (cause) {
    throw new AuditError('damaged', `${join(folder, MANIFEST)} is no manifest of a backup`, { cause })
  }
}
