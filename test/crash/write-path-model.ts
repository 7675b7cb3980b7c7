import { NOTHING } from '../../src/domain/accounting.ts'
import { createLedgerFollower } from '../../src/ingest/follow-ledger.ts'
import { CONTENT_BYTES, leavesOf, parsePayload, payloadParts, ROW_BYTES, writeRow } from '../../src/ingest/payload.ts'
import { holdsAllSigned } from '../../src/ingest/recover.ts'
import { createFeed } from '../../src/journal/feed.ts'
import { openJournal } from '../../src/journal/journal.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { openDedupeKey } from '../../src/ledger/dedupe-key.ts'
import { openLedger } from '../../src/ledger/ledger.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { openLogKeys } from '../../src/ledger/log-keys.ts'
import { sha256 } from '../../src/ledger/sha256.ts'
import type { SignedCheckpoints } from '../../src/ledger/signing-log.ts'
import type { Files } from '../../src/lib/files.ts'
import {
  createEdge,
  formatLeaf,
  leafHash,
  parseCheckpoint,
  parseNote,
  equalBytes,
  toBase64Url,
  toHex,
} from '../../verify/index.ts'
import { manualClock } from '../manual-clock.ts'
import { seeded } from '../seeded.ts'
import type { Random } from '../seeded.ts'
import { createSimulatedDisk } from '../simulated-disk.ts'
import type { SimulatedDisk } from '../simulated-disk.ts'
import { mutated } from './mutants.ts'
import type { Mutant } from './mutants.ts'

/** Each of these, left out, must make some seed fail. Those of the parts are found by the parts' own runs. */
export const WRITE_PATH_MUTANTS: readonly Mutant[] = [
  {
    name: 'keys: no sync of the dedupe key before its rename',
    skipsFileSync: (path) => path === `${KEYS}/dedupe.key.tmp`,
  },
  { name: 'keys: no sync of the folder with the dedupe key', skipsFolderSync: (folder) => folder === KEYS },
]

/**
 * Some lives of journal, feed, ledger follower and ledger together, as the server wires them, with batches that go to two logs. Unlike in the models of the
 * parts, an index that a crash took back is given to another leaf. Throws when an acknowledged leaf is lost, or when any
 * checkpoint that was ever signed is not that of the leaves that are there in the end: then two would contradict each other.
 */
export async function runWritePath(seed: number, mutant?: Mutant): Promise<void> {
  const random = seeded(seed)
  const model: Model = {
    leaves: new Map(),
    acknowledged: new Map(),
    saved: new Map(),
    signed: [],
    made: 0,
    dedupeKey: undefined,
  }
  let disk = createSimulatedDisk(random)
  for (let life = random.between(2, 5); life > 0; life--) {
    disk.failAfter(random.chance(0.3) ? random.between(0, 60) : random.between(40, 400))
    if (random.chance(0.3)) disk.failSyncAfter(random.between(0, 30))
    await ended(disk, live(disk, model, random, mutant))
    disk = random.chance(0.7) ? disk.crash() : disk.kill()
  }
  const end = await open(disk, model, random, mutant)
  end.stop.abort()
  for await (const { payload, events } of end.journal.read(0)) {
    const { log, first, leaves } = leavesIn(payload, events)
    end.ledger.append(log, first, leaves)
  }
  await end.ledger.flush()
  await end.ledger.sign((log) => end.ledger.size(log))
  checkSigned(end.ledger, model)
}

const KEYS = '/data/keys'
const LOGS = ['sim/n1/access/2026-11', 'sim/n1/whodid/2026-11'] as const
type Log = (typeof LOGS)[number]

interface Model {
  /** By log: all leaves that have an index now. */
  readonly leaves: Map<Log, Uint8Array[]>
  /** By log: how many of them were acknowledged. */
  readonly acknowledged: Map<Log, number>
  /** The newest signed checkpoints, as state keeps them. */
  readonly saved: Map<string, { readonly size: number; readonly note: string }>
  /** All that were ever signed. */
  readonly signed: { readonly origin: string; readonly note: string }[]
  made: number
  dedupeKey: string | undefined
}

/** A life may end by the disk's end, and only by that: any other error is what we are looking for. */
async function ended(disk: SimulatedDisk, life: Promise<void>): Promise<void> {
  try {
    await life
  } catch (cause) {
    const isExpected = cause instanceof Error && /\(simulated\)/.test(cause.message)
    if (!isExpected) throw cause
  }
  disk.stop()
}

interface Running {
  readonly journal: Journal
  readonly ledger: Ledger
  readonly follower: ReturnType<typeof createLedgerFollower>
  readonly following: Promise<void>
  readonly stop: AbortController
}

async function open(disk: SimulatedDisk, model: Model, random: Random, mutant: Mutant | undefined): Promise<Running> {
  const files = mutated(disk.files, mutant)
  const clock = manualClock()
  await checkDedupeKey(files, model)
  const keys = await openLogKeys(files, '/data/keys/logs')
  const checkpoints = checkpointsOf(model)
  const ledger = await openLedger({ files, folder: '/data/ledger', keys, checkpoints })
  const journal = await openJournal({
    files,
    folder: '/data/journal',
    install: 'sim',
    clock,
    fileBytes: random.between(2000, 40_000),
    holdsAllSigned: (frames) => holdsAllSigned(frames, checkpoints.all(), (origin) => ledger.size(origin)),
  })
  await checkRecovered(journal, ledger, model)
  const stop = new AbortController()
  const follower = createLedgerFollower({ feed: createFeed(journal), fromFeed: journal.oldestFeed, ledger, clock })
  const following = follower.run(stop.signal)
  following.catch(() => undefined)
  return { journal, ledger, follower, following, stop }
}

/** Made before the first event, and the same for ever: otherwise what comes again gets another id. */
async function checkDedupeKey(files: Files, model: Model): Promise<void> {
  const isNew = model.saved.size === 0 && (await files.list('/data/journal')).length === 0
  const key = toHex(await openDedupeKey(files, KEYS, isNew))
  if (key !== (model.dedupeKey ?? key)) throw new Error('the dedupe key is another one than before')
  model.dedupeKey = key
}

async function live(disk: SimulatedDisk, model: Model, random: Random, mutant: Mutant | undefined): Promise<void> {
  const running = await open(disk, model, random, mutant)
  try {
    while (!disk.isStopped()) await act(running, model, random)
  } finally {
    running.stop.abort()
    // What ended it may be known to the follower only.
    await running.following
  }
}

async function act({ journal, follower }: Running, model: Model, random: Random): Promise<void> {
  const choice = random.next()
  if (choice < 0.7) {
    const appended = append(journal, model, random)
    if (random.chance(0.7)) await appended
  } else if (choice < 0.9) {
    // Flushes and signs, and waits for it: one second of the server.
    await follower.finalCheckpoint(LOGS[0], 0)
  } else {
    await journal.trim(follower.flushedFeed, Number.MAX_SAFE_INTEGER)
  }
}

/** A batch of one log, or one of which a rule sends a part to the other: then its own part comes last, with the cursor. */
function append(journal: Journal, model: Model, random: Random): Promise<void> {
  const [own, other] = random.chance(0.8) ? LOGS : [LOGS[1], LOGS[0]]
  if (random.chance(0.7)) return appendPart(journal, model, random, own)
  const routed = appendPart(journal, model, random, other)
  const cursor = `${other} ${model.leaves.get(other)?.length ?? 0}`
  const both = Promise.all([routed, appendPart(journal, model, random, own, cursor)]).then(() => undefined)
  both.catch(() => undefined)
  return both
}

/** As the writer does: the index is given in the same step that appends to the journal. */
function appendPart(journal: Journal, model: Model, random: Random, log: Log, cursor?: string): Promise<void> {
  const known = model.leaves.get(log) ?? []
  const count = random.chance(0.1) ? 0 : random.between(1, random.chance(0.1) ? 250 : 20)
  const leaves = Array.from({ length: count }, () => leafOf(model.made++))
  const place = { log, first: known.length, ...(cursor !== undefined && { cursor }) }
  const header = { source: 'sim', received: 0, ...place, accounting: NOTHING }
  const { durable } = journal.append(payloadParts(header, [tableOf(leaves)]), count)
  model.leaves.set(log, [...known, ...leaves])
  const acknowledged = durable.then(() => {
    model.acknowledged.set(log, Math.max(model.acknowledged.get(log) ?? 0, known.length + count))
  })
  acknowledged.catch(() => undefined)
  return acknowledged
}

/** Takes back the indexes of leaves that are gone; none of them was acknowledged. */
async function checkRecovered(journal: Journal, ledger: Ledger, model: Model): Promise<void> {
  const sizes = new Map<Log, number>(LOGS.map((log) => [log, ledger.size(log)]))
  const cursors: string[] = []
  for await (const { payload, events } of journal.read(0)) {
    const { log, first, cursor } = leavesIn(payload, events)
    sizes.set(log, Math.max(sizes.get(log) ?? 0, first + events))
    if (cursor !== undefined) cursors.push(cursor)
  }
  checkCursors(cursors, sizes)
  for (const [log, size] of sizes) {
    const acknowledged = model.acknowledged.get(log) ?? 0
    if (size < acknowledged) throw new Error(`${log} goes on at ${size}, but ${acknowledged} leaves were acknowledged`)
    model.leaves.set(log, (model.leaves.get(log) ?? []).slice(0, size))
    // What was found is kept from now on: ledger and store have been given it.
    model.acknowledged.set(log, size)
  }
}

/** The newest cursor is handed to its source: what stands before it will not come again, so it must be there. */
function checkCursors(cursors: readonly string[], sizes: ReadonlyMap<Log, number>): void {
  for (const cursor of cursors) {
    const [log, size] = cursor.split(' ')
    const has = LOGS.filter((each) => each === log).map((each) => sizes.get(each) ?? 0)
    if ((has[0] ?? 0) < Number(size))
      throw new Error(`a cursor stands for ${size} leaves of ${log}, which has ${has[0]}`)
  }
}

/** As state keeps them: durable at once, compare and set. */
function checkpointsOf(model: Model): SignedCheckpoints {
  return {
    all: () => [...model.saved].map(([origin, row]) => ({ origin, ...row })),
    save(rows) {
      for (const { origin, size, note, previousSize } of rows) {
        if ((model.saved.get(origin)?.size ?? 0) !== previousSize) throw new Error(`${origin} was signed elsewhere`)
        model.saved.set(origin, { size, note })
        model.signed.push({ origin, note })
      }
    },
  }
}

function checkSigned(ledger: Ledger, model: Model): void {
  for (const log of LOGS) {
    const leaves = model.leaves.get(log) ?? []
    if (ledger.size(log) !== leaves.length) throw new Error(`${log} has ${ledger.size(log)} leaves of ${leaves.length}`)
    const edge = createEdge(sha256)
    const signed = model.signed.filter(({ origin }) => origin === log).map(({ note }) => parseNote(note).text)
    for (const { size, root } of signed.map(parseCheckpoint).toSorted((a, b) => a.size - b.size)) {
      while (edge.size < size) edge.push(leafHash(sha256, leaves[edge.size] ?? new Uint8Array()))
      if (equalBytes(root, edge.root())) continue
      throw new Error(`${log} was signed at ${size} with a root that did not last`)
    }
  }
}

function leafOf(n: number): Uint8Array {
  const t = new Date(Date.UTC(2026, 10, 1) + n).toISOString()
  const id = toBase64Url(sha256(Buffer.from(`id ${n}`)).subarray(0, 16))
  const c = toBase64Url(sha256(Buffer.from(`c ${n}`)))
  return Buffer.from(formatLeaf({ t, r: t, s: 'sim', d: 'sim', y: 'read', o: 'success', id, c }))
}

function tableOf(leaves: readonly Uint8Array[]) {
  const table = Buffer.alloc(leaves.length * ROW_BYTES)
  for (const [n, leaf] of leaves.entries()) {
    writeRow(table, n * ROW_BYTES, { leafBytes: leaf.length, blockBytes: [], actorKey: 0, targetKey: 0, flags: 0 })
  }
  const contents = new Uint8Array(leaves.length * CONTENT_BYTES)
  return { count: leaves.length, table, contents, arena: Buffer.concat(leaves) }
}

function leavesIn(payload: Uint8Array, events: number) {
  const parsed = parsePayload(payload, events)
  const { log, first, cursor } = parsed.header
  const known = LOGS.find((each) => each === log)
  if (!known || first === undefined) throw new Error('a frame of no log was appended')
  return { log: known, first, cursor, leaves: leavesOf(parsed) }
}
