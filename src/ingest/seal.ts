import { Buffer } from 'node:buffer'
import { hash } from 'node:crypto'
import { commitBlocks } from '../../verify/blocks.ts'
import { formatLeaf } from '../../verify/leaf.ts'
import { sha256 } from '../ledger/sha256.ts'
import { cutEvent, type EventHeader } from '../domain/blocks.ts'
import type { AuditEvent } from '../domain/event.ts'
import { identityOf } from '../domain/identity.ts'
import type { Blocks } from '../domain/sealed.ts'
import { formatMillis } from '../domain/time.ts'
import type { RejectReason } from '../domain/verdict.ts'
import type { DecodeContext, Decoded, DecodedEvent, Format } from '../formats/format.ts'
import type { CompiledRules } from '../rules/compile.ts'
import { createArena } from './arena.ts'
import { ERASED_RULE, type IsErased } from './erasure-tombstones.ts'
import type { EventIds } from './event-id.ts'
import { claimsOurs, createJudge, type RuleCounts } from './judge.ts'
import { CONTENT_BYTES, FLAG_NATURAL, ROW_BYTES, type SealedTable, viewOf, writeRow } from './payload.ts'

/** Records of one source for one log, in the order they came. */
export interface Slice {
  readonly source: string
  readonly cluster?: string
  readonly timezone?: string
  /** What it says of a person can be believed: its identities get keys of their own. */
  readonly authenticated: boolean
  readonly log: string
  /** Milliseconds since 1970: `r` of all its leaves. */
  readonly received: number
  readonly format: string
  /** Of the format. */
  readonly options?: Readonly<Record<string, unknown>>
  /** How they came to the source, for `whodid.way`. */
  readonly way?: string
  /** By which rules its events are judged. Left out: it is of our own, or nobody judges it. */
  readonly rules?: SliceRules
  /** A longer record of its source is rejected. */
  readonly recordBytes?: number
  readonly records: readonly SliceRecord[]
}

/** What rules need to know of a slice. */
export interface SliceRules {
  /** Of those that were in force when it was taken. */
  readonly revision: number
  /** Of its source. */
  readonly stream: string
  readonly kubernetesPolicy?: string
  readonly accessAudit?: boolean
  /** Origins of the logs that take events now, of the streams to which a rule may send some. */
  readonly routes?: ReadonlyMap<string, string>
}

export interface SliceRecord {
  readonly bytes: Uint8Array
  readonly naturalId?: string
  readonly fallbackId?: string
  readonly sequence?: { readonly epoch: number; readonly n: number }
  /** When it was first seen, where that was before `received`. */
  readonly collectedMs?: number
}

/** A salt's key and its id in the key store. */
export interface SubjectKey {
  readonly id: number
  readonly key: Uint8Array
}

export interface Wanted {
  readonly identity: string
  /** Seen with an outcome other than failure from an authenticated source, so it gets a key of its own if it has none. */
  readonly known: boolean
}

/** Keys for identities in a log, in the same order, durable before it resolves (docs/ledger.md, Blocks). */
export type KeysFor = (log: string, day: string, wanted: readonly Wanted[]) => Promise<readonly SubjectKey[]>

export interface SealDeps {
  readonly ids: EventIds
  readonly keysFor: KeysFor
  readonly format: (name: string, options: unknown) => Format
  /** Those of a slice. */
  readonly rules: (revision: number) => CompiledRules
  /** Left out: nobody was ever erased. */
  readonly isErased?: IsErased | undefined
}

export interface SealedSlice extends SealedTable, RuleCounts {
  /** 16 bytes an event. */
  readonly ids: Uint8Array
  /** Which record of the slice each event came from. */
  readonly recordOf: Uint32Array
  /** Origins of the logs for which it was sealed: the slice's own first. */
  readonly logs: readonly string[]
  /** Which of these each event is for. Left out: the first one. */
  readonly logOf?: Uint16Array
  /** By event: of one record there may be several, beside others that were kept. */
  readonly dropped: readonly { readonly record: number; readonly rule: string }[]
  readonly rejected: readonly Rejection[]
  /** Records in which a rule dropped or changed something: nothing of them may be kept but what it left. */
  readonly touched: readonly number[]
}

interface Rejection {
  readonly record: number
  readonly reason: RejectReason
  readonly message: string
  readonly path?: string
  /** What of the record may be kept; left out: all of it. */
  readonly bytes?: Uint8Array
}

/** Dataset namespace of our own trail: the one format that may speak as us. */
export const TRAIL_FORMAT = 'whodid-trail'

const ID_BYTES = 16
/** The mark of an event whose record has no time of its own. */
const COLLECTED = 'time:collected'

/** Decodes, judges and seals a slice. Everything that a later stage needs to know of its events is in what it returns. */
export async function sealSlice(slice: Slice, deps: SealDeps): Promise<SealedSlice> {
  const { ids } = deps
  const rules = slice.rules && deps.rules(slice.rules.revision)
  const { kept, ...rest } = decodeSlice(
    slice,
    deps.format(slice.format, slice.options),
    rules && { rules, ids, isErased: deps.isErased },
  )
  const logs = [...new Set([slice.log, ...kept.map(({ log }) => log)])]
  const keys = await keysOf(kept, logs, slice, deps.keysFor)
  const sealer = createSealer(slice, kept.length)
  for (const { record, decoded, naturalId, sequence, log, rule, id } of kept) {
    sealer.add(withBookkeeping(decoded, naturalId, slice.way, rule), {
      record,
      id: id ?? idOf(ids, slice.source, naturalId),
      natural: naturalId !== undefined,
      sequence,
      actorKey: nextKey(keys, log),
      targetKey: nextKey(keys, log),
    })
  }
  const logOf = logs.length > 1 ? { logOf: Uint16Array.from(kept, ({ log }) => logs.indexOf(log)) } : {}
  return { ...sealer.end(), ...rest, logs, ...logOf }
}

interface Kept {
  readonly record: number
  readonly decoded: DecodedEvent & { readonly parser: string }
  readonly naturalId: string | undefined
  readonly sequence: SliceRecord['sequence']
  /** Where it goes. */
  readonly log: string
  /** The one under which it was judged; undefined: it was not. */
  readonly id: Uint8Array | undefined
  /** Which one let it in. */
  readonly rule: string | undefined
}

/**
 * Decodes and judges a slice: also for who wants to see what would become of it.
 *
 * @param by the rules of the slice. Left out: only what no rule can change is asked.
 */
export function decodeSlice(
  slice: Slice,
  format: Format,
  by?: { readonly rules: CompiledRules; readonly ids: EventIds; readonly isErased?: IsErased | undefined },
) {
  const context: DecodeContext = {
    source: slice.source,
    now: slice.received,
    ...(slice.cluster !== undefined && { cluster: slice.cluster }),
    ...(slice.timezone !== undefined && { timezone: slice.timezone }),
  }
  const parser = `${format.name}@${format.version}`
  const ofOurOwn = format.name === TRAIL_FORMAT
  const judge = by === undefined || ofOurOwn ? undefined : createJudge(slice, by.rules)
  const kept: Kept[] = []
  const dropped: { record: number; rule: string }[] = []
  const rejected: Rejection[] = []
  const touched: number[] = []
  for (const [record, { bytes, naturalId, fallbackId, sequence, collectedMs }] of slice.records.entries()) {
    const decoded = decodeOne(
      bytes,
      slice,
      format,
      collectedMs === undefined ? context : { ...context, now: collectedMs },
    )
    if (decoded.kind === 'reject') {
      rejected.push({ record, ...decoded })
      continue
    }
    for (const reject of decoded.rejects ?? []) rejected.push({ record, ...reject })
    for (const [nth, event] of decoded.events.entries()) {
      const claim = ofOurOwn ? undefined : claimsOurs(event)
      if (claim !== undefined) {
        rejected.push({ record, ...claim })
        continue
      }
      if (by?.isErased?.(event.event) === true) {
        touched.push(record)
        dropped.push({ record, rule: ERASED_RULE })
        continue
      }
      const name = nthName(naturalId, nth) ?? event.naturalId ?? nthName(fallbackId, nth)
      // Samples are drawn by it, so it is known before anybody judges.
      const id = judge && by && idOf(by.ids, slice.source, name)
      const ruling = id && judge?.(event, id)
      if (ruling?.kind === 'drop') {
        touched.push(record)
        dropped.push({ record, rule: ruling.rule })
        continue
      }
      const left = ruling?.decoded ?? event
      if (left !== event) touched.push(record)
      kept.push({
        record,
        decoded: { ...left, ...(!slice.authenticated && unauthenticated(left)), parser },
        naturalId: name,
        sequence: nth === 0 ? sequence : undefined,
        log: (ruling?.stream !== undefined ? slice.rules?.routes?.get(ruling.stream) : undefined) ?? slice.log,
        id,
        rule: ruling?.rule,
      })
    }
  }
  return { kept, dropped, rejected, touched, ...judge?.counts() }
}

function decodeOne(bytes: Uint8Array, { recordBytes }: Slice, format: Format, context: DecodeContext): Decoded {
  if (recordBytes === undefined || bytes.length <= recordBytes) return format.decode(bytes, context)
  const message = `the record has ${bytes.length} bytes, and its source may send ${recordBytes} at most`
  return { kind: 'reject', reason: 'too_large', message }
}

function idOf(ids: EventIds, source: string, naturalId: string | undefined): Uint8Array {
  return naturalId === undefined ? ids.fresh() : ids.natural(source, naturalId)
}

/** By log, two for each event that goes there, in order. */
type KeysInOrder = ReadonlyMap<string, Iterator<SubjectKey>>

async function keysOf(
  kept: readonly Kept[],
  logs: readonly string[],
  { received, authenticated }: Slice,
  keysFor: KeysFor,
): Promise<KeysInOrder> {
  const day = formatMillis(received).slice(0, 10)
  const keys = new Map<string, Iterator<SubjectKey>>()
  for (const each of logs) {
    const wanted = kept
      .filter(({ log }) => log === each)
      .flatMap(({ decoded }) => wantedKeys(decoded.event, authenticated))
    keys.set(each, (await keysFor(each, day, wanted)).values())
  }
  return keys
}

function nextKey(keys: KeysInOrder, log: string): SubjectKey {
  const next = keys.get(log)?.next()
  if (next === undefined || next.done === true) throw new RangeError(`the key store answered too few keys of ${log}`)
  return next.value
}

/** Nobody vouches for the sender: everything that the event says is a claim. */
function unauthenticated({ trust = [] }: DecodedEvent): Pick<DecodedEvent, 'trust'> {
  return { trust: [...trust, 'unauthenticated'] }
}

/** Further events of a record that the source named once. */
function nthName(name: string | undefined, nth: number): string | undefined {
  return name === undefined || nth === 0 ? name : `${name}/${nth}`
}

function wantedKeys(event: AuditEvent, authenticated: boolean): readonly [Wanted, Wanted] {
  const known = authenticated && event.event.outcome !== 'failure'
  return [
    { identity: identityOf(event.user), known },
    { identity: identityOf(event.user?.target), known },
  ]
}

export function withBookkeeping(
  decoded: Kept['decoded'],
  naturalId: string | undefined,
  way: string | undefined,
  rule?: string,
): AuditEvent {
  const { event, category, trust, truncated, masked, originalBase64, parser } = decoded
  return {
    ...event,
    whodid: {
      ...event.whodid,
      ...(way !== undefined && { way }),
      ...(naturalId !== undefined && { natural_id: naturalId }),
      ...(category !== undefined && { category }),
      ...(rule !== undefined && { rule }),
      ...(trust !== undefined && { trust }),
      ...(truncated !== undefined && { truncated }),
      ...(masked !== undefined && { masked }),
      ...(originalBase64 !== undefined && { original_base64: originalBase64 }),
      parser,
    },
  }
}

interface Sealing {
  readonly record: number
  readonly id: Uint8Array
  readonly natural: boolean
  readonly sequence: SliceRecord['sequence']
  readonly actorKey: SubjectKey
  readonly targetKey: SubjectKey
}

/** Filled by one slice at a time: nothing is awaited between its first event and its last. */
const arena = createArena()

function createSealer(slice: Slice, most: number) {
  const table = Buffer.alloc(most * ROW_BYTES)
  const contents = Buffer.alloc(most * CONTENT_BYTES)
  const ids = Buffer.alloc(most * ID_BYTES)
  const recordOf = new Uint32Array(most)
  const r = formatMillis(slice.received)
  arena.clear()
  let count = 0
  return {
    add(event: AuditEvent, sealing: Sealing): void {
      const { header, blocks } = cutEvent(event, r)
      const keys = { actor: sealing.actorKey.key, target: sealing.targetKey.key }
      const { commitment } = commitBlocks(sha256, sealing.id, keys, blocks)
      const leaf = formatLeaf({
        ...header,
        r,
        s: slice.source,
        ...(sealing.sequence && { e: sealing.sequence.epoch, n: sealing.sequence.n }),
        id: viewOf(sealing.id).toString('base64url'),
        c: viewOf(commitment).toString('base64url'),
      })
      writeRow(table, count * ROW_BYTES, {
        leafBytes: arena.write(leaf),
        blockBytes: blocks.map((text) => (text === undefined ? -1 : arena.write(text))),
        actorKey: sealing.actorKey.id,
        targetKey: blocks[2] === undefined ? 0 : sealing.targetKey.id,
        flags: sealing.natural ? FLAG_NATURAL : 0,
      })
      if (sealing.natural)
        contentHash(slice.source, event, header, contentOf(event, blocks, r)).copy(
          contents,
          count * CONTENT_BYTES,
          0,
          CONTENT_BYTES,
        )
      ids.set(sealing.id, count * ID_BYTES)
      recordOf[count] = sealing.record
      count++
    },
    end: () => ({ count, table, contents, arena: arena.take(), ids, recordOf }),
  }
}

/** One record that came two ways is one event, and so is one that another rule let in: neither is its content. */
function contentOf(event: AuditEvent, blocks: Blocks, r: string): Blocks {
  if (event.whodid?.way === undefined && event.whodid?.rule === undefined) return blocks
  const { way: _way, rule: _rule, ...whodid } = event.whodid
  return cutEvent({ ...event, whodid }, r).blocks
}

/** Two events with one id are the same event if this is: all but the original, since one record can come in two wrappings. */
function contentHash(
  source: string,
  { '@timestamp': time, whodid }: AuditEvent,
  { d, y, o }: EventHeader,
  [actor, place, target, body]: Blocks,
): Buffer {
  // A time that only says when we received it is another one when the record comes again.
  const ownTime = whodid?.trust?.includes(COLLECTED) === true ? '' : time
  // JSON has no raw line feeds, and neither have words and times, so the parts cannot run into each other.
  return hash('sha256', [source, ownTime, d, y, o, actor, place, target, body].join('\n'), 'buffer')
}
