import { setImmediate as nextTurn } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { RereadAnswer } from '../domain/answers.ts'
import { cutEvent } from '../domain/blocks.ts'
import { AuditError } from '../domain/errors.ts'
import type { AuditEvent } from '../domain/event.ts'
import type { SealedEvent } from '../domain/sealed.ts'
import type { Format } from '../formats/format.ts'
import type { Rereads, RereadWhich, StoredEvent } from '../store/reread.ts'
import type { Refeed } from './replay.ts'
import { decodeSlice, withBookkeeping } from './seal.ts'

export interface RereadDeps {
  readonly rereads: Rereads
  /** Throws `invalid_config` for one that is not known. */
  readonly format: (name: string, options: unknown) => Format
  /** `name@version` of all formats as they are now. */
  readonly parsersNow: readonly string[]
}

/** How originals of a source are to be understood: as its configuration is now. */
export type ReadAs = Omit<Refeed, 'emit'>

export interface RereadAsked extends Omit<RereadWhich, 'except' | 'limit'> {
  /** Only tells what would become of them. */
  readonly dryRun: boolean
  /** Also what today's parsers made: for options that are other ones now. */
  readonly force: boolean
}

type Skip = keyof RereadAnswer['skipped']

const PAGE_ROWS = 200
const AT_MOST = { rows: 10_000, bytes: 16 * 1024 * 1024, readBytes: 128 * 1024 * 1024 }
const MOST_EXAMPLES = 20

/**
 * Reads stored originals of a source again with the parsers of today, oldest first, and gives their rows what these make
 * of them. Leaf, sealed blocks, original and what the leaf says of an event stay. An original of which not the same event
 * comes leaves its row as it was. At most 10,000 rows a call: `next` says where to go on.
 */
export async function reread(deps: RereadDeps, as: ReadAs, asked: RereadAsked): Promise<RereadAnswer> {
  const { dryRun, force, ...range } = asked
  const except = force ? [] : deps.parsersNow
  const skipped = { noOriginal: 0, noFormat: 0, notWhole: 0, rejected: 0, otherEvents: 0 }
  const examples: string[] = []
  const renewed: SealedEvent[] = []
  const read = createReader(deps.format, as)
  let [rows, unchanged, bytes, readBytes, afterFeed] = [0, 0, 0, 0, asked.afterFeed]
  let more = true
  while (more && rows < AT_MOST.rows && bytes < AT_MOST.bytes && readBytes < AT_MOST.readBytes) {
    const found = await deps.rereads.find({ ...range, except, afterFeed, limit: PAGE_ROWS })
    more = found.length > 0
    for (const stored of found) {
      const made = read(stored)
      rows++
      afterFeed = stored.sealed.feed
      readBytes += sizeOf(stored.sealed)
      if (typeof made === 'string') {
        skipped[made]++
        if (examples.length < MOST_EXAMPLES) examples.push(stored.event.event.id ?? '')
      } else if (made === undefined) unchanged++
      else {
        renewed.push(made)
        bytes += sizeOf(made)
      }
      // Intake shares this thread.
      await nextTurn()
    }
  }
  if (!dryRun) await deps.rereads.renew(asked.source, renewed)
  return {
    read: rows,
    renewed: renewed.length,
    unchanged,
    skipped,
    examples,
    ...(more && { next: String(afterFeed) }),
  }
}

/** What an original becomes now: blocks for its row, nothing where they are those that it has, or why it is left alone. */
function createReader(format: RereadDeps['format'], as: ReadAs) {
  const formats = new Map<string, Format>()

  /** Undefined: there is none of that name any more. */
  function formatOf(parser: string): Format | undefined {
    const name = parser.slice(0, parser.lastIndexOf('@'))
    const known = formats.get(name)
    if (known !== undefined) return known
    const now = as.formatNow(name)
    try {
      const made = format(now?.format ?? name, now?.options)
      formats.set(name, made)
      return made
    } catch (error) {
      if (now === undefined && error instanceof AuditError && error.code === 'invalid_config') return undefined
      throw error
    }
  }

  return (stored: StoredEvent): SealedEvent | Skip | undefined => {
    const { sealed, event } = stored
    const { whodid } = event
    const bytes = originalOf(event)
    if (bytes === undefined) return 'noOriginal'
    // Of a part of a record comes a part of its event.
    if ((whodid?.masked ?? []).length > 0 || (whodid?.truncated ?? []).length > 0) return 'notWhole'
    const received = event.event.ingested ?? ''
    const slice = {
      source: whodid?.source ?? '',
      ...(as.cluster !== undefined && { cluster: as.cluster }),
      ...(as.timezone !== undefined && { timezone: as.timezone }),
      authenticated: whodid?.trust?.includes('unauthenticated') !== true,
      log: sealed.log,
      received: Date.parse(received),
      format: '',
      records: [{ bytes }],
    }
    const parsedBy = formatOf(whodid?.parser ?? '')
    if (parsedBy === undefined) return 'noFormat'
    const { kept, rejected, dropped } = decodeSlice(slice, parsedBy)
    const made = sameOf(kept, event)
    if (made === undefined) return rejected.length > 0 ? 'rejected' : 'otherEvents'
    if (rejected.length > 0 || dropped.length > 0) return 'otherEvents'
    const [actor, place, target, body] = cutEvent(joined(event, made.decoded), received).blocks
    const later = { ...sealed, blocks: [actor, place, target, body, sealed.blocks[4]] } as const
    return isAsItWas(stored, later, made.decoded.parser) ? undefined : later
  }
}

type Kept = ReturnType<typeof decodeSlice>['kept'][number]

/**
 * The event that a row holds, among those that its record became: the one of its name, else the only one. Where nothing
 * names them, further events of a record are called NAME/1, NAME/2; by its place alone none is taken that does another thing.
 */
function sameOf(kept: readonly Kept[], { event, whodid }: AuditEvent): Kept | undefined {
  const name = whodid?.natural_id
  if (name === undefined) return kept.length === 1 ? kept[0] : undefined
  const named = kept.find(({ naturalId }) => naturalId === name)
  if (named !== undefined) return named
  const ordinal = Number(/\/([1-9]\d{0,4})$/.exec(name)?.[1] ?? 0)
  if (kept.length === 1) return ordinal === 0 ? kept[0] : undefined
  if (kept.some(({ naturalId }) => naturalId !== undefined)) return undefined
  const there = kept[ordinal]
  return there?.decoded.event.event.action === event.action ? there : undefined
}

/** What is made now under what the leaf says, and what is known of how the record came. */
function joined(stored: AuditEvent, decoded: Kept['decoded']): AuditEvent {
  const { whodid, event: fields } = stored
  const { dataset: _dataset, action: _action, outcome: _outcome, ...made } = decoded.event.event
  const trust = [...new Set([...(whodid?.trust ?? []), ...(decoded.trust ?? [])])]
  const event = withBookkeeping(decoded, whodid?.natural_id, whodid?.way)
  const sealedParser = whodid?.sealed_parser ?? whodid?.parser
  return {
    ...event,
    '@timestamp': stored['@timestamp'],
    event: {
      ...made,
      ...(fields.dataset !== undefined && { dataset: fields.dataset }),
      ...(fields.action !== undefined && { action: fields.action }),
      ...(fields.outcome !== undefined && { outcome: fields.outcome }),
    },
    whodid: {
      ...event.whodid,
      ...(trust.length > 0 && { trust }),
      ...(whodid?.rule !== undefined && { rule: whodid.rule }),
      ...(sealedParser !== undefined && { sealed_parser: sealedParser }),
    },
  }
}

/** Whether this very parser had said the same. */
function isAsItWas({ event, shown }: StoredEvent, later: SealedEvent, parser: string): boolean {
  if (event.whodid?.parser !== parser) return false
  return [0, 1, 2, 3].every((at) => isDeepStrictEqual(unmarked(shown[at]), unmarked(later.blocks[at])))
}

function unmarked(block: string | undefined): unknown {
  if (block === undefined) return undefined
  // `cutEvent` wrote it: an object.
  const { whodid, ...rest } = JSON.parse(block) as { readonly whodid?: { readonly sealed_parser?: string } }
  const { sealed_parser: _, ...bookkeeping } = whodid ?? {}
  return { ...rest, bookkeeping }
}

function originalOf({ event, whodid }: AuditEvent): Uint8Array | undefined {
  if (event.original !== undefined) return Buffer.from(event.original)
  return whodid?.original_base64 === undefined ? undefined : Buffer.from(whodid.original_base64, 'base64')
}

function sizeOf({ blocks }: SealedEvent): number {
  return blocks.reduce((sum, block) => sum + (block?.length ?? 0), 0)
}
