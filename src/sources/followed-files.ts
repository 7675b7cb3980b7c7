import { type FileHandle, glob, open, readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { LineJoiner } from '../formats/format.ts'
import type { FilePosition } from './file-cursor.ts'
import { fingerprintOf, freeName } from './file-identity.ts'
import { FileLines } from './file-lines.ts'
import { GzipFile, saidSize } from './gzip-file.ts'
import { JoinedLines } from './joined-lines.ts'

/** A file that is being read. */
export interface Followed {
  readonly id: string
  readonly fingerprint: string
  readonly inode: string
  path: string
  readonly handle: FileHandle | GzipFile
  readonly lines: JoinedLines
  /** Everything before it is durable. */
  offset: number
  sizeBytes: number
  /** When its name went to another file or away, milliseconds; it is still read to its end. */
  goneAt: number | undefined
  /** What was read of it is not there any more: only a record that is held back is still to be taken. */
  isCut: boolean
}

interface Seen {
  readonly path: string
  readonly inode: string
  readonly sizeBytes: number
}

/** A gzip file that is not read yet. */
interface Waiting {
  readonly fingerprint: string | undefined
  readonly sizeBytes: number
  /** Since when it has had that size, milliseconds. */
  readonly since: number
}

export interface FollowedFilesDeps {
  /** Absolute paths and glob patterns. */
  readonly patterns: readonly string[]
  /** From the cursor: how far files were read before this start. */
  readonly known: readonly FilePosition[]
  /** For formats whose records span lines: one for each file. */
  readonly joiner: (() => LineJoiner) | undefined
  readonly now: () => number
  readonly log: (message: string) => void
}

const MOST_FILES = 1000
const MOST_REMEMBERED = 100
const MOST_GONE = 20
/** How long a gzip file must not have grown to be taken as whole where a plain file begins like it. */
const SETTLED_MS = 10_000
const MOST_SIBLINGS = 10_000

/**
 * Which files a follower reads, and from where. A file is known by its first line and its inode, so it is found again
 * after it was renamed, and a new file under an old name, or an old one that was cut, is read from its beginning. A gzip
 * file is read as what is in it; one that was read before it was compressed is read on from there, so usually not at all.
 */
export class FollowedFiles {
  readonly #deps: FollowedFilesDeps
  /** Positions of files that nobody reads now: those of the cursor, and of files that were cut. */
  #remembered: readonly FilePosition[]
  /** Files that went away, the last first: what comes back compressed is one of them. */
  #gone: readonly FilePosition[]
  readonly #known: ReadonlySet<FilePosition>
  /** Files that were not there at an earlier start either: they may come back where they were. */
  #away: readonly FilePosition[]
  /** First lines of gzip files that are not read yet, by inode. */
  readonly #waiting = new Map<string, Waiting>()
  readonly #followed = new Map<string, Followed>()
  readonly #complaints = new Map<string, string>()
  #isFirstScan = true

  constructor(deps: FollowedFilesDeps) {
    this.#deps = deps
    this.#known = new Set(deps.known)
    this.#remembered = deps.known.filter(({ isGone, isAway }) => isGone === undefined && isAway === undefined)
    this.#away = deps.known.filter(({ isAway }) => isAway === true)
    this.#gone = deps.known.filter(({ isGone }) => isGone === true)
  }

  /** Files that lost their name first, since what is in them is older. */
  get files(): readonly Followed[] {
    const order = (file: Followed): number => file.goneAt ?? Infinity
    return [...this.#followed.values()].sort((a, b) => order(a) - order(b) || (a.path < b.path ? -1 : 1))
  }

  get positions(): readonly FilePosition[] {
    return [...this.files.map(positionOf), ...this.#gone, ...this.#notThere()]
  }

  /** Of the cursor, and not found since: a later start may find them. Not where another file lies now. */
  #notThere(): readonly FilePosition[] {
    const taken = new Set(this.files.map(({ path }) => path))
    const notFound = this.#remembered.filter((each) => this.#known.has(each))
    return [...notFound, ...this.#away]
      .filter(({ path }) => !taken.has(path))
      .slice(0, MOST_FILES)
      .map((each) => ({ ...each, isAway: true }))
  }

  /** Looks at the disk once: finds new files, renamed, cut and vanished ones. */
  async scan(): Promise<void> {
    const seen = await this.#look()
    for (const file of this.files) await this.#lookAgain(file, seen)
    const isFollowed = (inode: string): boolean => this.files.some((file) => file.inode === inode)
    for (const each of seen.values()) if (!isFollowed(each.inode)) await this.#meet(each)
    if (this.#isFirstScan) await this.#findRenamed()
    this.#isFirstScan = false
  }

  async forget(file: Followed): Promise<void> {
    if (file.isCut) this.#remember(file)
    else if (!(file.handle instanceof GzipFile)) this.#gone = [goneFrom(file), ...this.#gone].slice(0, MOST_GONE)
    this.#followed.delete(file.id)
    await file.handle.close()
  }

  async close(): Promise<void> {
    for (const file of this.files) await this.forget(file)
  }

  async #look(): Promise<ReadonlyMap<string, Seen>> {
    const seen = new Map<string, Seen>()
    for (const pattern of this.#deps.patterns) {
      for (const path of await this.#pathsOf(pattern)) {
        const found = await this.#stat(path)
        if (found === undefined || seen.has(found.path)) continue
        if (seen.size >= MOST_FILES)
          this.#complain(pattern, `more than ${MOST_FILES} files match; the rest are not read`)
        else seen.set(found.path, found)
      }
    }
    return seen
  }

  async #pathsOf(pattern: string): Promise<readonly string[]> {
    if (!/[*?[{]/.test(pattern)) return [pattern]
    const paths: string[] = []
    for await (const path of glob(pattern)) paths.push(path)
    return paths.sort()
  }

  /** Undefined for what is not there or is no plain file. What cannot be read is said once. */
  async #stat(path: string): Promise<Seen | undefined> {
    try {
      const found = await stat(path, { bigint: true })
      return found.isFile() ? { path, inode: String(found.ino), sizeBytes: Number(found.size) } : undefined
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#complain(path, `cannot be read: ${codeOf(error)}`)
      return undefined
    }
  }

  async #lookAgain(file: Followed, seen: ReadonlyMap<string, Seen>): Promise<void> {
    const byPath = seen.get(file.path)
    const now = byPath?.inode === file.inode ? byPath : [...seen.values()].find((each) => each.inode === file.inode)
    if (now === undefined) {
      file.goneAt ??= this.#deps.now()
      if (!(file.handle instanceof GzipFile)) file.sizeBytes = Number((await file.handle.stat({ bigint: true })).size)
      return
    }
    if (file.handle instanceof GzipFile) {
      const mayHaveMore = file.handle.seenBytes !== now.sizeBytes
      if (file.lines.isDrained) file.sizeBytes = file.lines.position + (mayHaveMore ? 1 : 0)
      file.path = now.path
      file.goneAt = undefined
      return
    }
    if (await this.#wasRewritten(file, now.sizeBytes)) {
      file.isCut = true
      if (!file.lines.isHolding) await this.forget(file)
      return
    }
    file.path = now.path
    file.goneAt = undefined
    file.sizeBytes = now.sizeBytes
  }

  /** Cut, or cut and written again beyond where we were: then its first line is another. */
  async #wasRewritten(file: Followed, sizeBytes: number): Promise<boolean> {
    if (sizeBytes < file.lines.position) return true
    return sizeBytes !== file.sizeBytes && (await fingerprintOf(file.handle)) !== file.fingerprint
  }

  #remember(file: Followed): void {
    this.#remembered = [positionOf(file), ...this.#remembered].slice(0, MOST_REMEMBERED)
  }

  async #meet(seen: Seen): Promise<void> {
    if (seen.path.endsWith('.gz')) return this.#meetGzip(seen)
    const handle = await this.#open(seen.path)
    if (handle === undefined) return
    const fingerprint = await fingerprintOrClose(handle)
    const before = fingerprint === undefined ? undefined : this.#recognise(seen, fingerprint)
    // Not before its first line is whole: until then nobody can say which file it is.
    if (fingerprint === undefined) await handle.close()
    else this.#follow(seen, handle, fingerprint, before)
  }

  async #meetGzip(seen: Seen): Promise<void> {
    const before = this.#waiting.get(seen.inode)
    const waiting = before?.sizeBytes === seen.sizeBytes ? before : await this.#firstLineOf(seen)
    const { fingerprint } = waiting
    const size = await saidSize(seen.path, seen.sizeBytes)
    // It may get another name at any moment: then it is met under that.
    if (fingerprint === undefined || size === undefined) return
    if (this.#isCopy(size, fingerprint, waiting.since)) return
    this.#waiting.delete(seen.inode)
    const known = this.#recogniseGzip(seen, size, fingerprint)
    this.#gone = this.#gone.filter((each) => each !== known)
    const handle: GzipFile = new GzipFile(() => file.path, seen.inode)
    const sizeBytes = Math.max((known?.offset ?? 0) + 1, size)
    const file = this.#follow({ ...seen, sizeBytes }, handle, fingerprint, known)
  }

  /** Whether it is what is being read already: of a plain file that is still there, or read to its end. */
  #isCopy(size: number, fingerprint: string, since: number): boolean {
    const alike = this.files.filter((file) => !(file.handle instanceof GzipFile) && file.fingerprint === fingerprint)
    if (alike.length === 0) return false
    if (this.#deps.now() - since < SETTLED_MS || alike.some((file) => file.goneAt !== undefined)) return true
    return alike.some((file) => file.sizeBytes % 2 ** 32 === size)
  }

  async #firstLineOf({ path, inode, sizeBytes }: Seen): Promise<Waiting> {
    const gzip = new GzipFile(() => path, inode)
    const fingerprint = await fingerprintOf(gzip)
    await gzip.close()
    if (this.#waiting.size >= MOST_FILES) this.#waiting.clear()
    const waiting = { fingerprint, sizeBytes, since: this.#deps.now() }
    this.#waiting.set(inode, waiting)
    return waiting
  }

  /** By inode where it was read before, else the one that went away with this first line, and best with this size. */
  #recogniseGzip(seen: Seen, size: number, fingerprint: string): FilePosition | undefined {
    const isAlike = (each: FilePosition): boolean => each.fingerprint === fingerprint && !this.#followed.has(each.id)
    const alike = [...this.#remembered, ...this.#gone].filter(isAlike)
    const own = [...alike, ...this.#away.filter(isAlike)].find(
      (each) => each.inode === seen.inode && each.path.endsWith('.gz'),
    )
    if (own !== undefined || alike.length === 0) return own
    return alike.find((each) => each.offset % 2 ** 32 === size) ?? alike.find((each) => each.offset <= size)
  }

  /** The same file as before: by inode, or as the copy of one that was cut. One that is too short is another. */
  #recognise(seen: Seen, fingerprint: string): FilePosition | undefined {
    const isAlike = (each: FilePosition): boolean =>
      each.fingerprint === fingerprint && each.offset <= seen.sizeBytes && !this.#followed.has(each.id)
    const alike = this.#remembered.filter(isAlike)
    const own = alike.find((each) => each.inode === seen.inode)
    return own ?? this.#away.find((each) => each.path === seen.path && isAlike(each)) ?? alike[0]
  }

  #follow(seen: Seen, handle: FileHandle | GzipFile, fingerprint: string, before: FilePosition | undefined): Followed {
    const notRead = [...this.#remembered, ...this.#gone, ...this.#away]
    const taken = new Set([...this.#followed.keys(), ...notRead.map((each) => each.id)])
    const id = before?.id ?? freeName(fingerprint.slice(0, 32), taken)
    const offset = before?.offset ?? 0
    const { path, inode, sizeBytes } = seen
    const joiner = this.#deps.joiner?.()
    const lines = new JoinedLines(new FileLines(handle, offset, joiner !== undefined), joiner)
    const file: Followed = {
      id,
      fingerprint,
      inode,
      path,
      handle,
      lines,
      offset,
      sizeBytes,
      goneAt: undefined,
      isCut: false,
    }
    this.#followed.set(id, file)
    this.#remembered = this.#remembered.filter((each) => each.id !== id)
    // Also where another one lies there now.
    this.#away = this.#away.filter((each) => each.id !== id && each.path !== path)
    return file
  }

  /** Files that were renamed while nobody looked: what was not read yet is found by inode in the same folder. */
  async #findRenamed(): Promise<void> {
    for (const lost of this.#remembered) {
      const seen = await this.#siblingOf(lost)
      if (seen === undefined) continue
      const handle = await this.#open(seen.path)
      if (handle === undefined) continue
      if ((await fingerprintOrClose(handle)) !== lost.fingerprint || seen.sizeBytes < lost.offset) await handle.close()
      else this.#follow(seen, handle, lost.fingerprint, lost).goneAt = this.#deps.now()
    }
  }

  async #siblingOf(lost: FilePosition): Promise<Seen | undefined> {
    const folder = dirname(lost.path)
    const names = await readdir(folder).catch(() => [])
    const stem = basename(lost.path).split('.', 1)[0] ?? ''
    for (const name of names.filter((each) => each.startsWith(stem)).slice(0, MOST_SIBLINGS)) {
      const found = await this.#stat(join(folder, name))
      if (found?.inode === lost.inode) return found
    }
    return undefined
  }

  async #open(path: string): Promise<FileHandle | undefined> {
    try {
      return await open(path, 'r')
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#complain(path, `cannot be read: ${codeOf(error)}`)
      return undefined
    }
  }

  /** Once for each path and reason. */
  #complain(path: string, what: string): void {
    if (this.#complaints.get(path) === what) return
    this.#complaints.set(path, what)
    this.#deps.log(`${path} ${what}`)
  }
}

function positionOf({ id, fingerprint, inode, path, offset }: Followed): FilePosition {
  return { id, fingerprint, inode, path, offset }
}

function goneFrom(file: Followed): FilePosition {
  return { ...positionOf(file), isGone: true }
}

/** A handle that nobody closes ends the process once it is collected. */
async function fingerprintOrClose(handle: FileHandle): Promise<string | undefined> {
  try {
    return await fingerprintOf(handle)
  } catch (error) {
    await handle.close()
    throw error
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}
