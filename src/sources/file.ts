import { z } from 'zod'
import type { Clock } from '../lib/clock.ts'
import { pause } from '../lib/clock.ts'
import { configuredFormat } from '../formats/formats.ts'
import type { FormatConfig, SourceBase } from './config.ts'
import { formatConfig, sourceBase } from './config.ts'
import { emitPatiently } from './emit-patiently.ts'
import type { FilePosition } from './file-cursor.ts'
import { formatCursor, parseCursor } from './file-cursor.ts'
import type { Line, Lines } from './file-lines.ts'
import type { Followed } from './followed-files.ts'
import { FollowedFiles } from './followed-files.ts'
import type { Emit, Source, SourceDeps, SourceRecord } from './source.ts'

export interface FileConfig extends SourceBase, FormatConfig {
  readonly kind: 'file'
  /** Paths and glob patterns. The server makes them absolute: they are relative to the configuration's file. */
  readonly paths: readonly string[]
}

export const fileConfig: z.ZodType<FileConfig> = z.strictObject({
  ...sourceBase,
  kind: z.literal('file'),
  paths: z.array(z.string().min(1)).min(1, 'names at least one file'),
  ...formatConfig,
})

const POLL_MS = 250
/** How long a file that lost its name may still be written to by who has it open. */
const LINGER_MS = 10_000
const BATCH_RECORDS = 1000
const BATCH_BYTES = 1 << 20

/**
 * Follows files that grow by whole lines, a record a line. They are looked at every 250 ms; a line without its end is
 * waited for. The cursor (how far each file was read) is sealed with each batch, so a restart repeats nothing, and a
 * record that comes twice all the same has the same id: file and offset.
 */
export function createFile(config: FileConfig, deps: SourceDeps): Source {
  return {
    async run(emit, signal) {
      const format = configuredFormat(config.format, config.options)
      const files = new FollowedFiles({
        patterns: config.paths,
        joiner: format.joiner?.bind(format),
        known: positionsOf(deps),
        now: () => deps.clock.now(),
        log: deps.log,
      })
      try {
        while (!signal.aborted) {
          await files.scan()
          deps.report({ lag: { bytes: bytesBehind(files) } })
          const isBehind = await forwardAll(files, config, emit, deps.clock, signal)
          deps.report({ lag: { bytes: bytesBehind(files) } })
          if (!isBehind) await pause(deps.clock, POLL_MS, signal)
        }
      } catch (error) {
        // Whatever a batch in flight made of the signal: it was not acknowledged, so it comes again.
        if (!signal.aborted) throw error
      } finally {
        await files.close()
      }
    },
  }
}

function positionsOf(deps: SourceDeps): readonly FilePosition[] {
  const known = parseCursor(deps.cursor)
  if (known === undefined) deps.log(`${deps.name}: its cursor cannot be read, so its files are read from the beginning`)
  return known ?? []
}

function bytesBehind({ files }: FollowedFiles): number {
  return files.reduce((sum, { sizeBytes, offset }) => sum + Math.max(0, sizeBytes - offset), 0)
}

/** One batch of each file, so that none waits for another. True while there is more to read. */
async function forwardAll(
  files: FollowedFiles,
  config: FormatConfig,
  emit: Emit,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  let isBehind = false
  for (const file of files.files) {
    if (signal.aborted) return false
    const { lines, atEnd } = await linesOf(file, clock.now())
    const over = file.isCut || (atEnd && isOver(file, clock.now()))
    const batch = over && !file.isCut ? [...lines, ...file.lines.rest()] : lines
    const end = batch.at(-1)?.end
    if (end !== undefined) {
      const cursor = formatCursor(
        files.positions.map((each) => (each.id === file.id ? { ...each, offset: end } : each)),
      )
      await emitPatiently(emit, recordsOf(batch, file, config), cursor, clock, signal)
      // A crash before this line repeats the batch: its records have the same ids.
      file.offset = end
    }
    if (over) await files.forget(file)
    isBehind ||= !atEnd
  }
  return isBehind
}

async function linesOf(file: Followed, now: number): Promise<Lines> {
  if (file.isCut) return { lines: file.lines.held(), atEnd: true }
  // Cheaper than a read that finds nothing, four times a second for every file.
  if (file.lines.isDrained && file.sizeBytes <= file.lines.position) {
    return { lines: file.lines.whenQuiet(now), atEnd: true }
  }
  return file.lines.next(BATCH_RECORDS, BATCH_BYTES, now)
}

function isOver(file: Followed, now: number): boolean {
  return file.goneAt !== undefined && now - file.goneAt >= LINGER_MS
}

function recordsOf(lines: readonly Line[], file: Followed, { format, options }: FormatConfig): readonly SourceRecord[] {
  const given = options === undefined ? { format } : { format, options }
  return lines.map(({ bytes, start }) => ({ bytes, ...given, fallbackId: `${file.id}:${start}` }))
}
