import { dirname } from 'node:path'
import { AuditError } from '../src/domain/errors.ts'
import type { DurableFile, Files } from '../src/lib/files.ts'
import { replaceFile } from '../src/lib/replace-file.ts'
import type { Random } from './seeded.ts'

/** A disk in memory that knows what was synced. Deterministic: all chance comes from the `Random` it was made with. */
export interface SimulatedDisk {
  readonly files: Files
  /** The operation after that many more ends it: power out. That operation may be done or not; all others fail. */
  failAfter(operations: number): void
  /** The sync after that many more fails once: what it should have saved stays visible and never reaches the disk. */
  failSyncAfter(syncs: number): void
  /** Nothing more gets through from the process that uses `files`. */
  stop(): void
  readonly isStopped: () => boolean
  /** What the next process finds after power loss: what was synced, and a random part of all else. */
  crash(): SimulatedDisk
  /** What the next process finds when only this one was killed: everything, still as unsynced as it was. */
  kill(): SimulatedDisk
}

export function createSimulatedDisk(random: Random): SimulatedDisk {
  return diskOf({ names: new Map(), durable: new Map(), pending: [] }, random)
}

interface Inode {
  current: Buffer
  /** What is on the disk for sure. */
  synced: Buffer
  /** Least size since the last sync: bytes before it are as they were then. */
  low: number
  /** Ranges that a failed sync gave up: visible in `current`, never written. */
  lost: { readonly from: number; readonly to: number }[]
}

type NameChange =
  | { readonly kind: 'add'; readonly path: string; readonly inode: Inode }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'rename'; readonly from: string; readonly path: string; readonly inode: Inode }

interface State {
  names: Map<string, Inode>
  /** Names that are on the disk for sure. */
  durable: Map<string, Inode>
  /** Changes of names since their folder was synced, in order. */
  pending: NameChange[]
}

function diskOf(state: State, random: Random): SimulatedDisk {
  let stopped = false
  let operationsLeft = Infinity
  let syncsLeft = Infinity

  /** Some turns of the event loop, so that tasks interleave, then the operation, or its end. */
  async function step<T>(run: () => T): Promise<T> {
    for (let turns = random.between(0, 3); turns > 0; turns--) await Promise.resolve()
    if (stopped) throw powerOut()
    if (operationsLeft-- > 0) return run()
    stopped = true
    if (random.chance(0.5)) run()
    throw powerOut()
  }

  function at(path: string): Inode {
    const inode = state.names.get(path)
    if (!inode) throw new AuditError('io_failed', `cannot open ${path}: ENOENT`)
    return inode
  }

  function change(next: NameChange): void {
    applyName(state.names, next)
    state.pending.push(next)
  }

  function fileOf(path: string, inode: Inode): DurableFile {
    return {
      path,
      get sizeBytes() {
        return inode.current.length
      },
      append: (parts) =>
        step(() => {
          inode.current = Buffer.concat([inode.current, ...parts])
        }),
      sync: () =>
        step(() => {
          if (syncsLeft-- === 0) throw giveUp(path, inode)
          inode.synced = withoutLost(inode)
          inode.low = inode.current.length
        }),
      truncate: (size) =>
        step(() => {
          inode.current = inode.current.subarray(0, size)
          inode.low = Math.min(inode.low, size)
          inode.lost = inode.lost
            .map(({ from, to }) => ({ from, to: Math.min(to, size) }))
            .filter((each) => each.from < each.to)
        }),
      close: () => Promise.resolve(),
    }
  }

  const files: Files = {
    create: (path) =>
      step(() => {
        if (state.names.has(path)) throw new AuditError('io_failed', `cannot create ${path}: EEXIST`)
        const inode = { current: Buffer.alloc(0), synced: Buffer.alloc(0), low: 0, lost: [] }
        change({ kind: 'add', path, inode })
        return fileOf(path, inode)
      }),
    open: (path) => step(() => fileOf(path, at(path))),
    read: (path) => step(() => copyOf(state.names.get(path)?.current)),
    readRange: (path, from, length) => step(() => Buffer.from(at(path).current.subarray(from, from + length))),
    replace: (path, bytes) => replaceFile(files, path, bytes),
    rename: (from, path) => step(() => change({ kind: 'rename', from, path, inode: at(from) })),
    remove: (path) =>
      step(() => {
        if (state.names.has(path)) change({ kind: 'remove', path })
      }),
    // Folders are simply there: their contract is one call that is durable when it returns.
    makeFolder: () => step(() => undefined),
    syncFolder: (folder) =>
      step(() => {
        for (const each of state.pending) if (dirname(each.path) === folder) applyName(state.durable, each)
        state.pending = state.pending.filter((each) => dirname(each.path) !== folder)
      }),
    list: (folder) => step(() => namesIn(state.names, folder)),
    size: (path) => step(() => state.names.get(path)?.current.length),
  }

  return {
    files,
    failAfter(operations) {
      operationsLeft = operations
    },
    failSyncAfter(syncs) {
      syncsLeft = syncs
    },
    stop() {
      stopped = true
    },
    isStopped: () => stopped,
    crash() {
      stopped = true
      const names = new Map(state.durable)
      for (const each of state.pending) if (random.chance(0.5)) applyName(names, each)
      const survivors = new Map<Inode, Inode>()
      for (const inode of names.values()) survivors.set(inode, survivors.get(inode) ?? survivor(inode, random))
      const found = new Map([...names].map(([path, inode]) => [path, survivors.get(inode) ?? inode]))
      return diskOf({ names: found, durable: new Map(found), pending: [] }, random)
    },
    kill() {
      stopped = true
      return diskOf(state, random)
    },
  }
}

const SECTOR_BYTES = 64

function powerOut(): AuditError {
  return new AuditError('io_failed', 'power is out (simulated)')
}

/** After a failed fsync Linux marks the pages clean: a later sync says yes without having written them. */
function giveUp(path: string, inode: Inode): AuditError {
  inode.lost.push({ from: inode.low, to: inode.current.length })
  inode.low = inode.current.length
  return new AuditError('io_failed', `cannot sync ${path}: EIO (simulated)`)
}

function withoutLost(inode: Inode): Buffer {
  const bytes = Buffer.from(inode.current)
  for (const { from, to } of inode.lost) bytes.fill(0, from, to)
  return bytes
}

function applyName(names: Map<string, Inode>, change: NameChange): void {
  if (change.kind === 'rename') names.delete(change.from)
  if (change.kind === 'remove') names.delete(change.path)
  else names.set(change.path, change.inode)
}

function namesIn(names: ReadonlyMap<string, unknown>, folder: string): string[] {
  const below = `${folder}/`
  const inside = [...names.keys()].filter((path) => path.startsWith(below)).map((path) => path.slice(below.length))
  return [...new Set(inside.map((path) => path.split('/')[0] ?? path))].toSorted()
}

function copyOf(bytes: Buffer | undefined): Uint8Array | undefined {
  return bytes && Buffer.from(bytes)
}

/** The synced bytes, and of what came after them nothing, all, a part, or all but some sectors. */
function survivor(inode: Inode, random: Random): Inode {
  const written = withoutLost(inode)
  const bytes = Buffer.from(survivingBytes(written, inode, random))
  return { current: bytes, synced: bytes, low: bytes.length, lost: [] }
}

function survivingBytes(written: Buffer, inode: Inode, random: Random): Buffer {
  const kind = random.between(0, 3)
  if (kind === 0) return inode.synced
  if (kind === 1) return written
  const torn = written.subarray(0, random.between(inode.low, written.length))
  if (kind === 2) return torn
  const holed = Buffer.from(torn)
  for (let from = inode.low; from < holed.length; from += SECTOR_BYTES) {
    const to = Math.min(from + SECTOR_BYTES, holed.length)
    if (random.chance(0.4)) holed.fill(0, from, to)
  }
  return holed
}
