import {
  equalBytes,
  hashesAt,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
  TILE_WIDTH,
  tileHashReader,
  treeRoot,
} from '../../verify/index.ts'
import type { Tile } from '../../verify/index.ts'
import { AuditError } from '../domain/errors.ts'
import { checkDescription, describeLog } from './describe-log.ts'
import type { LogFiles } from './log-files.ts'
import { createLogFiles, damaged } from './log-files.ts'
import type { LogKey } from './log-keys.ts'
import type { Log } from './log.ts'
import { sha256 } from './sha256.ts'
import type { LedgerDeps, Published, SigningLog } from './signing-log.ts'
import { folderOf } from './signing-log.ts'

/**
 * Lets go of all entries of a log for good; what is left is its signed end and, with `keepHashes`, the hashes over 256
 * leaves and more (docs/retention.md). May be called again after a crash, whatever the crash left.
 */
export async function pruneLog(deps: LedgerDeps, each: SigningLog, keepHashes: boolean): Promise<SigningLog> {
  const { log, key, published } = each
  const { origin } = log
  if (key === undefined || published === undefined) {
    throw new AuditError('internal', `log ${origin} has no signed end: it cannot be let go of`)
  }
  const { files } = deps
  const folder = folderOf(deps, origin)
  const edgePath = `${folder}/${EDGE}`
  if (log.minimumIndex === 0) {
    const { size } = published
    const width = size % TILE_WIDTH
    const edge = width === 0 ? NOTHING : await log.tile({ level: 0, index: Math.floor(size / TILE_WIDTH), width })
    await log.close()
    // A crash before the next line leaves a whole log, which takes no notice of this file.
    if (keepHashes) await files.replace(edgePath, edge)
    else await files.remove(edgePath)
    await files.syncFolder(folder)
    // From here on the log is pruned, for everybody and at the next start, however much of its files is left.
    await describeLog(deps, origin, key, size)
  }
  for (const name of ENTRY_FILES) await files.remove(`${folder}/${name}`)
  if (!keepHashes) {
    await files.remove(edgePath)
    // First of the hashes, and durable before the others: with it they must all be there.
    await files.syncFolder(folder)
    const hashes = (await files.list(folder)).filter((name) => /^hashes\.\d+$/.test(name))
    for (const name of hashes) await files.remove(`${folder}/${name}`)
  }
  // A crash before this line may bring back any of them, but not what `log.json` says: they are removed again.
  await files.syncFolder(folder)
  const left = createLogFiles(files, folder)
  return { log: prunedLog(origin, published, left, await files.read(edgePath)), key, published }
}

/** Opens a log whose `log.json` says `minimumIndex`. Throws `damaged` when what is left does not fit what was signed. */
export async function openPruned(
  deps: LedgerDeps,
  origin: string,
  signed: Published | undefined,
  minimumIndex: number,
): Promise<SigningLog> {
  const { files } = deps
  const folder = folderOf(deps, origin)
  if (deps.pruned?.(origin) !== true)
    throw damaged(`${folder}/log.json`, 'it says that the log was pruned, but nobody decided that')
  if (signed === undefined || signed.size !== minimumIndex)
    throw damaged(`${folder}/log.json`, `minimum index ${minimumIndex} is not the end of the log that was signed`)
  const key = (await deps.keys.find(origin)) ?? (await verifierOnly(deps, origin))
  await checkDescription(deps, origin, key, minimumIndex)
  const published = { size: signed.size, note: signed.note }
  await checkNote(deps, folder, published)
  const left = createLogFiles(files, folder)
  const log = prunedLog(origin, published, left, await files.read(`${folder}/${EDGE}`))
  if ((await files.read(`${folder}/${EDGE}`)) !== undefined) await checkHashes(log, folder, published)
  return { log, key, published }
}

/** The first entry that is left of a log, as its `log.json` says; 0: all are. */
export async function minimumIndexOf(deps: LedgerDeps, origin: string): Promise<number> {
  const bytes = await deps.files.read(`${folderOf(deps, origin)}/log.json`)
  const number = /"minimumIndex":(\d{1,15})\}\n$/.exec(Buffer.from(bytes ?? []).toString())?.[1]
  return Number(number ?? 0)
}

/** The hashes of the leaves behind the last full tile: without them nothing leads to the signed root. */
const EDGE = 'hashes.edge'
const ENTRY_FILES = ['entries.tail', 'entries.idx', 'entries.gz', 'hashes.0']
const NOTHING = new Uint8Array(0)

/** A log that takes nothing more, and shows what is left. */
function prunedLog(origin: string, { size, note }: Published, files: LogFiles, edge: Uint8Array | undefined): Log {
  const gone = (): AuditError => {
    const hint = 'its time was over: the record log.pruned in stream whodid says when, and who decided it'
    return new AuditError('not_found', `the entries of log ${origin} before ${size} are gone`, { hint })
  }

  async function tile({ level, index, width }: Tile): Promise<Uint8Array> {
    if (edge === undefined || level === 'entries') throw gone()
    if (level > 0) return files.hashes(level, index * TILE_WIDTH, width)
    if (index !== Math.floor(size / TILE_WIDTH)) throw gone()
    return edge.subarray(0, width * 32)
  }

  const reader: Log['reader'] = (upTo) => tileHashReader(sha256, upTo, tile)

  return {
    origin,
    size,
    flushed: size,
    closed: true,
    minimumIndex: size,
    // The journal may hold some of it for a while.
    append: () => undefined,
    flush: async () => undefined,
    root: async (upTo) =>
      upTo === size ? parseCheckpoint(parseNote(note).text).root : treeRoot(sha256, upTo, reader(upTo)),
    reader,
    tile,
    bundle: async () => {
      throw gone()
    },
    member: async () => {
      throw gone()
    },
    close: () => files.release(),
  }
}

/** A key file may go once nothing is signed with it any more. */
async function verifierOnly(deps: LedgerDeps, origin: string): Promise<LogKey> {
  const path = `${folderOf(deps, origin)}/log.vkey`
  const vkey = Buffer.from((await deps.files.read(path)) ?? [])
    .toString()
    .trim()
  try {
    const { name, id } = parseVerifierKey(sha256, vkey)
    if (name !== origin) throw new RangeError(`it is that of ${name}`)
    const sign = (): never => {
      throw new AuditError('internal', `log ${origin} was pruned: nothing more is signed for it`)
    }
    return { vkey, id, sign }
  } catch (cause) {
    throw damaged(path, `it is no key of log ${origin}`, cause)
  }
}

/** The end of the log is kept twice, and the state's is the one that was signed for sure. */
async function checkNote(deps: LedgerDeps, folder: string, { note }: Published): Promise<void> {
  const path = `${folder}/checkpoint`
  const found = await deps.files.read(path)
  if (found === undefined) return deps.files.replace(path, Buffer.from(note))
  if (!equalBytes(found, Buffer.from(note))) throw damaged(path, 'it is not the last one that was signed')
}

async function checkHashes(log: Log, folder: string, { size, note }: Published): Promise<void> {
  const signed = parseCheckpoint(parseNote(note).text)
  const edge = await log.tile({ level: 0, index: Math.floor(size / TILE_WIDTH), width: size % TILE_WIDTH })
  const isWhole = edge.length === (size % TILE_WIDTH) * 32
  if (isWhole && equalBytes(await treeRoot(sha256, size, log.reader(size)), signed.root)) return
  // Which of them is wrong cannot be told: the leaves are gone.
  const others = hashesAt(1, size) > 0 ? ', or hashes.1 and above,' : ''
  throw damaged(`${folder}/${EDGE}`, `it${others} does not lead to the root that was signed`)
}
