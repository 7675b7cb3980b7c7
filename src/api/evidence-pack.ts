import {
  PACK_FORMAT,
  type PackManifest,
  type ErasureLine,
  formatBlocksLine,
  formatErasureLine,
  formatProof,
  parseCheckpoint,
  parseNote,
} from '../../verify/index.ts'
import type { EvidenceAnswer } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import type { BlockName } from '../domain/sealed.ts'
import { formatMillis } from '../domain/time.ts'
import { pause } from '../lib/clock.ts'
import type { Visibility } from '../query/visibility.ts'
import type { Commit, LogMatches, Run, SealedAnswer } from '../store/reads.ts'
import { disclosedBlocks } from '../store/veil.ts'
import type { ApiDeps } from './deps.ts'
import { commitWith } from './event-proof.ts'
import { type LeafRange, type PackedLog, runsOf, wholeRanges, withRecords } from './evidence-range.ts'
import { readmeOf } from './evidence-readme.ts'
import type { JobWorkbench } from './jobs.ts'
import { type LogReader, createLogReader } from './log-reader.ts'
import { type PackFile, createPackFile } from './pack-file.ts'

export interface EvidenceRequest {
  readonly kind: 'range' | 'selection'
  /** As it was asked. */
  readonly query: string
  readonly run: Run
  readonly disclose: readonly BlockName[]
  readonly createdBy: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
}

type WriterDeps = Pick<ApiDeps, 'reads' | 'ledger' | 'subjectKeys' | 'info' | 'clock' | 'evidence'>

const HIDDEN = 'since fields in it are hidden from who made this pack'
/** A selection has two proofs for each leaf that stands alone. */
const MOST_SELECTED = 10_000
/** Each page is looked for anew, and holds up others while its hashes are made: neither too few nor too many. */
const PAGE = 2000

/** Writes an evidence pack (docs/ledger.md, Evidence pack). Reads only what its maker may see. */
export async function writeEvidencePack(
  deps: WriterDeps,
  request: EvidenceRequest,
  visibility: Visibility,
  bench: JobWorkbench,
): Promise<EvidenceAnswer> {
  const { signal } = bench
  const found = await deps.reads.matches(request.run, visibility, signal)
  const readers = await openLogs(deps, found, signal)
  const commit = commitWith(deps.subjectKeys)
  const parts = { deps, request, visibility, commit, signal }
  const asked =
    request.kind === 'range'
      ? await wholeRanges(deps.reads, request.run, found, described(deps, readers), visibility, signal)
      : await selected(parts, found)
  const erased = await erasuresIn(deps, asked)
  const logs = withRecords(
    asked,
    erased.map(({ record }) => record),
  )
  const page = await deps.evidence.page()
  const file = await createPackFile(bench.files, bench.path, Math.floor(request.createdAt / 1000))
  try {
    await file.add('README.txt', readmeOf(request, page))
    await file.add('policy.txt', policyOf(deps, logs))
    const total = logs.reduce((sum, { events }) => sum + events, 0)
    const told = { done: 0, total, rules: new Set<string>() }
    for (const log of logs) await addLog(parts, file, log, readerOf(readers, log.origin), told, bench.tell)
    if (erased.length > 0) await file.add('erasures.jsonl', erased.map(formatErasureLine).join(''))
    for (const hash of told.rules) await addRules(deps, file, hash)
    if (page !== undefined) await file.add('verify.html', page)
    const manifest = `${JSON.stringify(manifestOf(deps, request, visibility, logs, file), undefined, 1)}\n`
    await file.add('manifest.json', manifest)
    await file.add('manifest.sha256', `${file.files.at(-1)?.sha256 ?? ''}  manifest.json\n`)
    const leaves = logs.flatMap(({ ranges }) => ranges).reduce((sum, { from, to }) => sum + to - from, 0)
    return { sha256: await file.finish(), events: total, leaves, logs: logs.length }
  } finally {
    await file.close()
  }
}

interface Parts {
  readonly deps: WriterDeps
  readonly request: EvidenceRequest
  readonly visibility: Visibility
  readonly commit: Commit
  readonly signal: AbortSignal
}

/**
 * Every log at one checkpoint that covers all of its matches, and where there is a root log, at one that stands in it.
 * Both are made each second, so what is not there yet is waited for.
 */
async function openLogs(
  { ledger, clock }: WriterDeps,
  found: readonly LogMatches[],
  signal: AbortSignal,
): Promise<readonly LogReader[]> {
  for (let tries = 0; ; tries++) {
    const opened = ledger.logs().map(async ({ origin, size, stream }) => {
      const note = ledger.checkpoint(origin)
      if (note === undefined || stream === 'root') return []
      const last = found.find(({ log }) => log === origin)?.last ?? 0
      const root = await ledger.rootProof?.(origin, last)
      if (root === undefined) return [createLogReader(ledger, origin, { size, note })]
      const proof = formatProof({ index: root.entry, path: root.rootHashes, checkpoint: root.rootNote })
      const covered = parseCheckpoint(parseNote(root.note).text).size
      return [createLogReader(ledger, origin, { size: covered, note: root.note, root: proof })]
    })
    const readers = (await Promise.all(opened)).flat()
    const hasRoot = readers.some(({ root }) => root !== undefined)
    const behind = found.find(({ log, last }) => {
      const reader = readers.find(({ origin }) => origin === log)
      // Without a root log after a few seconds the log's own checkpoint must do.
      return reader === undefined || reader.size <= last || (hasRoot && reader.root === undefined && tries < 50)
    })
    if (behind === undefined) return readers
    if (tries >= 100) throw new AuditError('conflict', `no checkpoint of ${behind.log} covers its newest events yet`)
    await pause(clock, 100, signal)
    signal.throwIfAborted()
  }
}

function described({ ledger }: WriterDeps, readers: readonly LogReader[]) {
  const streams = new Map(ledger.logs().map(({ origin, stream }) => [origin, stream]))
  return readers.map(({ origin, size }) => ({ origin, size, stream: streams.get(origin) ?? '' }))
}

function readerOf(readers: readonly LogReader[], origin: string): LogReader {
  const reader = readers.find((each) => each.origin === origin)
  if (reader === undefined) throw new AuditError('damaged', `log ${origin} is missing`)
  return reader
}

async function selected(parts: Parts, found: readonly LogMatches[]): Promise<readonly PackedLog[]> {
  const count = found.reduce((sum, { events }) => sum + events, 0)
  if (count > MOST_SELECTED) {
    const hint = 'make the pack by range, or ask for fewer'
    throw new AuditError('too_large', `a selection has ${MOST_SELECTED} events at most, not ${count}`, { hint })
  }
  const logs: PackedLog[] = []
  for (const { log, events, first, last } of found) {
    const indexes: number[] = []
    for await (const { index } of rowsOf(parts, log, { from: first, to: last + 1 }, parts.request.run))
      indexes.push(index)
    logs.push({ origin: log, ranges: runsOf(indexes), events })
  }
  return logs
}

/** What was erased of the leaves that are taken. */
async function erasuresIn({ evidence }: WriterDeps, logs: readonly PackedLog[]): Promise<readonly ErasureLine[]> {
  const found: ErasureLine[] = []
  for (const { origin, ranges } of logs) {
    for (const { from, to } of ranges) found.push(...((await evidence.erasures?.(origin, from, to)) ?? []))
  }
  return found
}

interface Told {
  done: number
  readonly total: number
  /** Hashes of the rules that heartbeats name. */
  readonly rules: Set<string>
}

async function addLog(
  parts: Parts,
  file: PackFile,
  { origin, ranges }: PackedLog,
  reader: LogReader,
  told: Told,
  tell: JobWorkbench['tell'],
): Promise<void> {
  const folder = `logs/${origin}`
  const vkey = parts.deps.ledger.logs().find((each) => each.origin === origin)?.vkey ?? ''
  await file.add(`${folder}/log.vkey`, `${vkey}\n`)
  await file.add(`${folder}/checkpoint`, reader.note)
  if (reader.root !== undefined) await file.add(`${folder}/root.tlog-proof`, reader.root)
  for (const { from, to } of ranges) {
    parts.signal.throwIfAborted()
    await file.addParts(`${folder}/leaves/${from}-${to}`, reader.entries(from, to))
    for (const index of new Set([from, to - 1])) {
      await file.add(`${folder}/proofs/${index}.tlog-proof`, await reader.proof(index))
    }
  }
  await file.addParts(`${folder}/blocks.jsonl`, blockLines(parts, origin, ranges, told, tell))
}

/** Lines of one log in the order of its leaves: matching events, and by range what the log says of itself. */
async function* blockLines(
  parts: Parts,
  origin: string,
  ranges: readonly LeafRange[],
  told: Told,
  tell: JobWorkbench['tell'],
): AsyncGenerator<Uint8Array, void> {
  const [first, last] = [ranges[0], ranges.at(-1)]
  if (first === undefined || last === undefined) return
  const whole = { from: first.from, to: last.to }
  const lines = merged(rowsOf(parts, origin, whole, parts.request.run), rowsOf(parts, origin, whole, 'own leaves'))
  let batch: string[] = []
  let at = 0
  for await (const { row, isOwn } of lines) {
    while ((ranges[at]?.to ?? Infinity) <= row.index) at += 1
    // Between stretches: what the log says of itself there is not asked for.
    if (row.index < (ranges[at]?.from ?? Infinity)) continue
    if (isOwn) noteRules(row, told.rules)
    else told.done += 1
    batch.push(formatBlocksLine(isOwn ? row : { ...row, blocks: shownOf(row, parts.request) }))
    if (batch.length < PAGE) continue
    tell(told.done, told.total)
    yield Buffer.from(batch.join(''))
    batch = []
  }
  tell(told.done, told.total)
  yield Buffer.from(batch.join(''))
}

function shownOf({ blocks }: SealedAnswer, { disclose }: EvidenceRequest): SealedAnswer['blocks'] {
  return blocks.filter(({ block }) => disclose.includes(block))
}

async function* rowsOf(
  { deps, visibility, commit, signal }: Parts,
  log: string,
  range: LeafRange,
  run: Run | 'own leaves',
): AsyncGenerator<SealedAnswer, void> {
  let from: number | undefined = range.from
  while (from !== undefined) {
    signal.throwIfAborted()
    const page = await deps.reads.packed({ log, from, to: range.to, limit: PAGE, run }, visibility, commit, signal)
    yield* page.rows
    from = page.next
  }
}

/** Two rows of leaves as one, by index. A leaf that is in both, because the query names it, comes once. */
async function* merged(
  events: AsyncGenerator<SealedAnswer, void>,
  own: AsyncGenerator<SealedAnswer, void>,
): AsyncGenerator<{ row: SealedAnswer; isOwn: boolean }, void> {
  let [event, ownRow] = [await events.next(), await own.next()]
  while (event.done !== true || ownRow.done !== true) {
    const isOwn = event.done === true || (ownRow.done !== true && ownRow.value.index <= event.value.index)
    if (isOwn && ownRow.done !== true) {
      yield { row: ownRow.value, isOwn }
      if (event.done !== true && event.value.index === ownRow.value.index) event = await events.next()
      ownRow = await own.next()
    } else if (event.done !== true) {
      yield { row: event.value, isOwn }
      event = await events.next()
    }
  }
}

const RULES = /"rules":"([0-9a-f]{64})"/

function noteRules({ blocks }: SealedAnswer, rules: Set<string>): void {
  for (const { json } of blocks) {
    const hash = RULES.exec(json)?.[1]
    if (hash !== undefined) rules.add(hash)
  }
}

async function addRules({ evidence }: WriterDeps, file: PackFile, hash: string): Promise<void> {
  const rules = evidence.rules(hash)
  if (rules !== undefined) await file.add(`rules/${hash}.json`, rules)
}

/** The trust statement: the keys of these logs. Who checks should have it from somewhere else. */
function policyOf({ ledger, evidence }: WriterDeps, logs: readonly PackedLog[]): string {
  const known = evidence.policy() ?? 'quorum none\n'
  const named = (origin: string, stream: string) => stream === 'root' || logs.some((log) => log.origin === origin)
  const vkeys = ledger.logs().filter(({ origin, stream }) => named(origin, stream))
  const missing = vkeys.filter(({ vkey }) => !known.split(/\s/).includes(vkey))
  return `${missing.map(({ vkey }) => `log ${vkey}\n`).join('')}${known}`
}

function manifestOf(
  { info, evidence }: WriterDeps,
  request: EvidenceRequest,
  visibility: Visibility,
  logs: readonly PackedLog[],
  file: PackFile,
): PackManifest {
  const { sinceMs, untilMs } = request.run
  const shown = disclosedBlocks(visibility)
  return {
    format: PACK_FORMAT,
    kind: request.kind,
    install: info.install,
    version: info.version,
    createdAt: formatMillis(request.createdAt),
    createdBy: request.createdBy,
    query: request.query,
    ...(sinceMs !== undefined && { since: formatMillis(sinceMs) }),
    ...(untilMs !== undefined && { until: formatMillis(untilMs) }),
    approvals: evidence.approvals,
    disclose: request.disclose,
    hidden: request.disclose.filter((block) => !shown.has(block)).map((block) => ({ block, reason: HIDDEN })),
    logs: logs.map(({ origin, ranges, events }) => ({ origin, ranges, events })),
    files: file.files,
  }
}
