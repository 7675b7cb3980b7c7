import { openLedger } from '../../src/ledger/ledger.ts'
import { nodeCrypto } from '../../src/ledger/node-crypto.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { openLogKeys } from '../../src/ledger/log-keys.ts'
import { sha256 } from '../../src/ledger/sha256.ts'
import type { RootDeps, SignedCheckpoints } from '../../src/ledger/signing-log.ts'
import { gunzipSync } from 'node:zlib'
import type { LogToVerify } from '../../verify/index.ts'
import {
  foldRight,
  formatLeaf,
  leafHash,
  nodeHash,
  parseCheckpoint,
  parseNote,
  parseRootEntry,
  subtrees,
  toBase64,
  toBase64Url,
  verifyLog,
} from '../../verify/index.ts'
import { seeded } from '../seeded.ts'
import type { Random } from '../seeded.ts'
import { createSimulatedDisk } from '../simulated-disk.ts'
import type { SimulatedDisk } from '../simulated-disk.ts'
import { mutated } from './mutants.ts'
import type { Mutant } from './mutants.ts'

const FOLDER = '/data/ledger'
const KEYS = '/data/keys/logs'
const LOGS = ['sim/n1/access/2026-11', 'sim/n1/whodid/2026-11'] as const
const ROOT = 'sim/n1/root'

/** Each of these, left out, must make some seed fail. */
export const LEDGER_MUTANTS: readonly Mutant[] = [
  { name: 'ledger: no sync of closed bundles', skipsFileSync: (path) => path.endsWith('/entries.gz') },
  { name: 'ledger: no sync of the index of bundles', skipsFileSync: (path) => path.endsWith('/entries.idx') },
  { name: 'ledger: no sync of hashes', skipsFileSync: (path) => path.endsWith('/hashes.1') },
  { name: 'ledger: no sync of the open bundle', skipsFileSync: (path) => path.endsWith('/entries.tail') },
  {
    name: 'ledger: no sync of a new tail before its rename',
    skipsFileSync: (path) => path.endsWith('/entries.tail.tmp'),
  },
  {
    name: 'ledger: no sync of the folder after a file was made',
    skipsFolderSync: (folder, after) => folder.startsWith(FOLDER) && after === 'create',
  },
  {
    name: 'ledger: no sync of the folder after a rename',
    skipsFolderSync: (folder, after) => folder.startsWith(FOLDER) && after === 'rename',
  },
  { name: 'root log: no sync of its open bundle', skipsFileSync: (path) => path.endsWith('/root/entries.tail') },
  {
    name: 'root log: no sync of a new tail before its rename',
    skipsFileSync: (path) => path.endsWith('/root/entries.tail.tmp'),
  },
  { name: 'ledger: recovery goes on in the tail it found', replacesInPlace: (path) => path.endsWith('/entries.tail') },
  { name: 'keys: no sync of a log key before its rename', skipsFileSync: (path) => path.endsWith('.skey.tmp') },
  { name: 'keys: no sync of the folder after a rename', skipsFolderSync: (folder) => folder === KEYS },
]

/**
 * Some lives of one ledger, each ended by power loss, a failed sync or a kill at a random point, also in recovery. Throws
 * what was wrong: a flushed leaf lost, a signed root that is not that of the leaves, another key, files that do not verify.
 */
export async function runLedger(seed: number, mutant?: Mutant): Promise<void> {
  const random = seeded(seed)
  const model: Model = { durable: new Map(), flushed: new Map(), vkeys: new Map(), signed: new Map(), ...nothingYet() }
  let disk = createSimulatedDisk(random)
  for (let life = random.between(2, 5); life > 0; life--) {
    disk.failAfter(random.chance(0.3) ? random.between(0, 40) : random.between(20, 300))
    if (random.chance(0.3)) disk.failSyncAfter(random.between(0, 25))
    await ended(disk, live(disk, model, random, mutant))
    disk = random.chance(0.7) ? disk.crash() : disk.kill()
  }
  const ledger = await open(disk, model, mutant)
  await settle(ledger, model, random)
  await checkWhole(ledger, model)
  // All that was signed must also be there after one more power loss.
  await checkWhole(await open(disk.crash(), model, mutant), model)
}

interface Model {
  /** Leaves of each log that are durable in the journal. */
  readonly durable: Map<string, number>
  /** What the journal may have let go of. */
  readonly flushed: Map<string, number>
  readonly vkeys: Map<string, string>
  readonly signed: Map<string, { readonly size: number; readonly note: string }>
  /** Every checkpoint of a log that was ever signed, verbatim. */
  readonly notes: Set<string>
  /** Every root of the root log that was ever signed, by size: each must stay a beginning of it. */
  readonly roots: Map<number, Uint8Array>
  /** The root log's cache of places, as state keeps it. */
  places: unknown
}

function nothingYet(): Pick<Model, 'notes' | 'roots' | 'places'> {
  return { notes: new Set(), roots: new Map(), places: undefined }
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

async function open(disk: SimulatedDisk, model: Model, mutant: Mutant | undefined): Promise<Ledger> {
  const files = mutated(disk.files, mutant)
  const keys = await openLogKeys(files, KEYS)
  const ledger = await openLedger({
    files,
    folder: FOLDER,
    keys,
    checkpoints: checkpointsOf(model),
    root: rootOfModel(model),
  })
  for (const log of LOGS) {
    const [size, flushed, durable] = [ledger.size(log), model.flushed.get(log) ?? 0, model.durable.get(log) ?? 0]
    if (size < flushed) throw new Error(`${log} has ${size} leaves, but ${flushed} were flushed`)
    if (size > durable) throw new Error(`${log} has ${size} leaves, but only ${durable} were appended`)
  }
  for (const { origin, vkey } of ledger.logs()) {
    if ((model.vkeys.get(origin) ?? vkey) !== vkey) throw new Error(`${origin} has another key than before`)
    model.vkeys.set(origin, vkey)
  }
  return ledger
}

function rootOfModel(model: Model): RootDeps {
  const save = (value: unknown): void => {
    model.places = structuredClone(value)
  }
  return { origin: ROOT, held: false, places: { load: () => model.places, save } }
}

/** As state keeps them: durable at once, compare and set. */
function checkpointsOf(model: Model): SignedCheckpoints {
  return {
    all: () => [...model.signed].map(([origin, row]) => ({ origin, ...row })),
    save(rows) {
      for (const { origin, size, note, previousSize } of rows) {
        if ((model.signed.get(origin)?.size ?? 0) !== previousSize) throw new Error(`${origin} was signed elsewhere`)
        const { root } = parseCheckpoint(parseNote(note).text)
        model.signed.set(origin, { size, note })
        if (origin === ROOT) {
          model.roots.set(size, root)
          continue
        }
        if (size > (model.durable.get(origin) ?? 0)) throw new Error(`${origin} was signed beyond the journal`)
        if (toBase64(root) !== rootOf(size)) throw new Error(`${origin} was signed with a wrong root at ${size}`)
        model.notes.add(note)
      }
    },
  }
}

async function live(disk: SimulatedDisk, model: Model, random: Random, mutant: Mutant | undefined): Promise<void> {
  const ledger = await open(disk, model, mutant)
  replay(ledger, model)
  while (!disk.isStopped()) {
    const choice = random.next()
    if (choice < 0.5) grow(ledger, model, random)
    else if (choice < 0.8) await flush(ledger, model)
    else if (choice < 0.9) await ledger.sign((log) => random.between(0, model.durable.get(log) ?? 0))
    else if (choice < 0.97) await enterRoot(ledger, model, random)
    else await ledger.proof(LOGS[0], random.between(0, 600))
  }
}

/** What the journal still has: from some frame at or before the flushed size. */
function replay(ledger: Ledger, model: Model): void {
  for (const log of LOGS) {
    const first = model.flushed.get(log) ?? 0
    ledger.append(log, first, leaves(first, model.durable.get(log) ?? 0))
  }
}

function grow(ledger: Ledger, model: Model, random: Random): void {
  const log = LOGS[random.chance(0.8) ? 0 : 1]
  const first = model.durable.get(log) ?? 0
  const to = Math.min(MOST, first + random.between(1, random.chance(0.2) ? 600 : 40))
  model.durable.set(log, to)
  ledger.append(log, first, leaves(first, to))
}

async function flush(ledger: Ledger, model: Model): Promise<void> {
  for (const [log, size] of await ledger.flush()) model.flushed.set(log, size)
}

async function settle(ledger: Ledger, model: Model, random: Random): Promise<void> {
  replay(ledger, model)
  grow(ledger, model, random)
  await flush(ledger, model)
  await ledger.sign((log) => ledger.size(log))
  await enterRoot(ledger, model, random)
}

/** Sometimes with nothing left of the cache: it is only one. */
async function enterRoot(ledger: Ledger, model: Model, random: Random): Promise<void> {
  if (random.chance(0.1)) model.places = undefined
  await ledger.enterRoot()
  const head = ledger.root()
  if (head !== undefined && random.chance(0.3)) await ledger.saveCosigned(head.note)
}

/** Every log that was signed verifies from what is on the disk, with all its leaves. */
async function checkWhole(ledger: Ledger, model: Model): Promise<void> {
  for (const [origin, { size }] of model.signed) {
    const vkey = ledger.logs().find((each) => each.origin === origin)?.vkey ?? ''
    const fetch = async (path: string): Promise<Uint8Array> => {
      const file = await ledger.serve(origin, path)
      if (file === undefined) throw new Error('no such file')
      return file.gzip ? gunzipSync(file.body) : file.body
    }
    let entries = 0
    const log: LogToVerify =
      origin === ROOT
        ? { vkey, fetch, entries: 'root', earlier: model.roots, onEntry: (entry) => checkEntry(ledger, model, entry) }
        : { vkey, fetch, entries: 'whodid' }
    for await (const progress of verifyLog(nodeCrypto, log)) entries = progress.entries
    if (entries !== size) throw new Error(`${origin} verifies with ${entries} leaves of ${size}`)
  }
}

/** Only what was signed and published may stand in the root log. */
function checkEntry(ledger: Ledger, model: Model, bytes: Uint8Array): void {
  const entry = parseRootEntry(sha256, Buffer.from(bytes).toString())
  if (entry.kind === 'checkpoint' && !model.notes.has(entry.note))
    throw new Error(`the root log holds a checkpoint of ${entry.checkpoint.origin} that nobody signed`)
  if (entry.kind !== 'key') return
  const key = ledger.logs().find(({ origin }) => origin === entry.origin)?.vkey
  if (key !== entry.vkey) throw new Error(`the root log holds another key of ${entry.origin}`)
}

const MOST = 2500
const lines: Uint8Array[] = []
/** Hashes of complete subtrees by level, as far as leaves were made. */
const rows: Uint8Array[][] = []

function leaves(from: number, to: number): readonly Uint8Array[] {
  for (let i = lines.length; i < to; i++) {
    lines.push(Buffer.from(leafOf(i)))
    addNode(0, leafHash(sha256, lines[i]!))
  }
  return lines.slice(from, to)
}

function addNode(level: number, node: Uint8Array): void {
  const row = (rows[level] ??= [])
  row.push(node)
  if (row.length % 2 === 0) addNode(level + 1, nodeHash(sha256, row.at(-2)!, row.at(-1)!))
}

function rootOf(size: number): string {
  leaves(0, size)
  return toBase64(
    foldRight(
      sha256,
      subtrees({ from: 0, to: size }).map(({ level, index }) => rows[level]![index]!),
    ),
  )
}

function leafOf(i: number): string {
  const t = new Date(Date.UTC(2026, 10, 1) + i).toISOString()
  const id = toBase64Url(sha256(Buffer.from(`id ${i}`)).subarray(0, 16))
  const c = toBase64Url(sha256(Buffer.from(`c ${i}`)))
  return formatLeaf({ t, r: t, s: 'sim', d: 'sim', y: 'read', o: 'success', id, c })
}
