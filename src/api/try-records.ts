import type { TriedRecord } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { plainSentence } from '../domain/sentence.ts'
import type { LineJoiner } from '../formats/format.ts'
import { configuredFormat } from '../formats/formats.ts'
import { decodeSlice, withBookkeeping } from '../ingest/seal.ts'
import { splitLines } from '../lib/json-scan.ts'
import { recordsOf } from '../sources/body.ts'
import { formatsOf, type SourceConfig } from '../sources/kinds.ts'

/** How records of a sample are to be understood: what a source's configuration says of them. */
export interface TryAs {
  readonly format: string
  readonly options?: Readonly<Record<string, unknown>>
  readonly timezone?: string
  readonly cluster?: string
}

const MOST_RECORDS = 1000

/** A sample as records of a configured source. Of several formats (by index or tag) the source's own. */
export function tryAsOf(source: SourceConfig): TryAs | undefined {
  const [own] = formatsOf(source)
  const { timezone, cluster } = source
  return (
    own && {
      format: own.format,
      ...(own.options !== undefined && { options: own.options }),
      ...(timezone !== undefined && { timezone }),
      ...(cluster !== undefined && { cluster }),
    }
  )
}

/**
 * What would become of a sample: the same code decides as for a source, and nothing is stored. Shared by the API and the
 * command line. Throws `invalid_config` for a format or options that there are not, `too_large` beyond 1,000 records.
 *
 * @param now Milliseconds since 1970: for records without a time of their own.
 */
export function tryRecords(sample: Uint8Array, how: TryAs, now: number): readonly TriedRecord[] {
  const format = configuredFormat(how.format, how.options)
  const records = cut(sample, how.format, format.joiner?.()).map((bytes) => ({ bytes }))
  const slice = { ...how, source: 'try', authenticated: true, log: '', received: now, records }
  const { kept, dropped, rejected } = decodeSlice(slice, format)
  return records.map(({ bytes }, n) => {
    const events = kept.filter(({ record }) => record === n)
    const refusal = rejected.find(({ record }) => record === n)
    const drop = dropped.find(({ record }) => record === n)
    return {
      bytes: bytes.length,
      events: events.map(({ decoded, naturalId }) => {
        const event = withBookkeeping(decoded, naturalId, undefined)
        return { sentence: plainSentence(event), event }
      }),
      ...(refusal !== undefined && { rejected: refusedAs(refusal) }),
      ...(drop !== undefined && { dropped: drop.rule }),
    }
  })
}

function refusedAs({
  reason,
  message,
  path,
}: {
  readonly reason: string
  readonly message: string
  readonly path?: string
}) {
  return { code: reason, message, ...(path !== undefined && { path }) }
}

/** One JSON object, an array or lines, as for an HTTP source; lines joined where the format's records span them. */
function cut(sample: Uint8Array, format: string, joiner: LineJoiner | undefined): readonly Uint8Array[] {
  if (joiner !== undefined) return joined(sample, joiner)
  try {
    return recordsOf(sample, undefined, format, MOST_RECORDS).map(({ bytes }) => bytes)
  } catch (error) {
    // It only looked like a list: a line may begin with a bracket.
    if (error instanceof AuditError && error.code === 'bad_request') return splitLines(sample, MOST_RECORDS)
    throw error
  }
}

/** Views of the sample: lines of one record are neighbours in it. */
function joined(sample: Uint8Array, joiner: LineJoiner): readonly Uint8Array[] {
  const records: Uint8Array[] = []
  for (const line of splitLines(sample)) {
    const last = records.at(-1)
    if (last === undefined || !joiner.continues(line)) records.push(line)
    else records[records.length - 1] = sample.subarray(startIn(sample, last), startIn(sample, line) + line.length)
    if (records.length > MOST_RECORDS) throw new AuditError('too_large', `a sample has ${MOST_RECORDS} records at most`)
  }
  return records
}

function startIn(sample: Uint8Array, part: Uint8Array): number {
  return part.byteOffset - sample.byteOffset
}
