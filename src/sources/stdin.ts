import type { Readable } from 'node:stream'
import { z } from 'zod'
import { configuredFormat } from '../formats/formats.ts'
import { pause } from '../lib/clock.ts'
import type { FormatConfig, SourceBase } from './config.ts'
import { formatConfig, sourceBase } from './config.ts'
import { emitPatiently } from './emit-patiently.ts'
import { FileLines, type Line } from './file-lines.ts'
import { JoinedLines } from './joined-lines.ts'
import type { Source, SourceDeps, SourceRecord } from './source.ts'

export interface StdinConfig extends SourceBase, FormatConfig {
  readonly kind: 'stdin'
}

export const stdinConfig: z.ZodType<StdinConfig> = z.strictObject({
  ...sourceBase,
  kind: z.literal('stdin'),
  ...formatConfig,
})

const POLL_MS = 250
const BATCH_RECORDS = 1000
const BATCH_BYTES = 1 << 20

/**
 * Reads the server's own standard input, a record a line, to its end. More is read only once what was read is durable, so
 * whoever writes waits. A pipe cannot be read twice: what was read and not acknowledged when the process dies is lost.
 */
export function createStdin(config: StdinConfig, deps: SourceDeps, input: Readable = process.stdin): Source {
  return {
    async run(emit, signal) {
      const format = configuredFormat(config.format, config.options)
      const joiner = format.joiner?.bind(format)
      const pipe = readPipe(input)
      const lines = new JoinedLines(new FileLines(pipe, 0, joiner !== undefined), joiner?.())
      const take = async (records: readonly Line[]): Promise<void> => {
        if (records.length > 0) await emitPatiently(emit, recordsOf(records, config), undefined, deps.clock, signal)
      }
      try {
        while (!signal.aborted && !pipe.hasEnded()) {
          const now = deps.clock.now()
          if (pipe.isWaiting()) await take((await lines.next(BATCH_RECORDS, BATCH_BYTES, now)).lines)
          else {
            await take(lines.whenQuiet(now))
            await pause(deps.clock, POLL_MS, signal)
          }
        }
        if (signal.aborted) return
        // Lines of a last chunk that was larger than a batch.
        for (let atEnd = false; !atEnd;) {
          const read = await lines.next(BATCH_RECORDS, BATCH_BYTES, deps.clock.now())
          ;({ atEnd } = read)
          await take(read.lines)
        }
        await take(lines.rest())
        deps.log(`${deps.name}: standard input has ended`)
        await ended(signal)
      } catch (error) {
        // Whatever a batch in flight made of the signal: there is nobody to give it back to.
        if (!signal.aborted) throw error
      } finally {
        pipe.leave()
        // Else it would keep the process.
        if (signal.aborted) input.destroy()
      }
    },
  }
}

function ended(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => resolve(), { once: true })
  if (signal.aborted) resolve()
  return promise
}

/** A pipe as a file that is read from its beginning to its end: what has come so far is what is there. */
function readPipe(input: Readable) {
  let failure: Error | undefined
  const onReadable = (): void => undefined
  const onError = (error: Error): void => {
    failure = error
  }
  // Without a listener nothing is read at all; with it, no more than the stream's own buffer holds.
  input.on('readable', onReadable)
  input.on('error', onError)
  return {
    isWaiting: () => input.readableLength > 0,
    hasEnded(): boolean {
      if (failure !== undefined) throw failure
      // The end is known only to who has asked for more.
      if (input.readableLength === 0) input.read(0)
      return input.readableEnded || input.destroyed
    },
    async read(buffer: Uint8Array, offset: number, length: number): Promise<{ bytesRead: number }> {
      const { readableLength } = input
      const chunk: unknown = readableLength === 0 ? null : input.read(Math.min(length, readableLength))
      if (!Buffer.isBuffer(chunk)) return { bytesRead: 0 }
      return { bytesRead: chunk.copy(buffer, offset) }
    },
    leave(): void {
      input.off('readable', onReadable)
      input.off('error', onError)
    },
  }
}

function recordsOf(lines: readonly Line[], { format, options }: FormatConfig): readonly SourceRecord[] {
  const given = options === undefined ? { format } : { format, options }
  return lines.map(({ bytes }) => ({ bytes, ...given }))
}
