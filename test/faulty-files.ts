import type { DurableFile, Files } from '../src/lib/files.ts'
import { fileError } from '../src/lib/real-files.ts'
import { replaceFile } from '../src/lib/replace-file.ts'

export interface Fault {
  /** Which of the calls that change something fails, counted from 1. */
  readonly at: number
  /** Whether it did its work all the same; `half`: an append wrote the first half of its bytes (all else: nothing). */
  readonly applied: 'no' | 'half' | 'yes'
  /** What the operating system says; EIO if nothing else is asked for. */
  readonly errno?: 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EROFS' | 'EACCES'
}

export interface FaultyFiles extends Files {
  /** Calls so far that change something. */
  readonly changes: () => number
}

/** The same files, one call of which fails once. `replace` goes in its single steps, each of which can be the one. */
export function faultyFiles(files: Files, fault: Fault): FaultyFiles {
  let count = 0

  async function change<T>(what: string, path: string, run: () => Promise<T>, half = async () => {}): Promise<T> {
    count += 1
    if (count !== fault.at) return await run()
    if (fault.applied === 'yes') await letGo(await run())
    if (fault.applied === 'half') await half()
    const cause = Object.assign(new Error('injected'), { code: fault.errno ?? 'EIO' })
    throw fileError(path, `${what} (injected)`, cause)
  }

  function faulty(file: DurableFile): DurableFile {
    return {
      path: file.path,
      get sizeBytes() {
        return file.sizeBytes
      },
      append: (parts) =>
        change(
          'write',
          file.path,
          () => file.append(parts),
          () => file.append(firstHalf(parts)),
        ),
      sync: () => change('sync', file.path, () => file.sync()),
      truncate: (size) => change('truncate', file.path, () => file.truncate(size)),
      close: () => file.close(),
    }
  }

  const own: FaultyFiles = {
    ...files,
    changes: () => count,
    create: (path) => change('create', path, async () => faulty(await files.create(path))),
    open: async (path) => faulty(await files.open(path)),
    replace: (path, bytes) => replaceFile(own, path, bytes),
    rename: (from, to) => change('rename', from, () => files.rename(from, to)),
    remove: (path) => change('remove', path, () => files.remove(path)),
    makeFolder: (path) => change('make folder', path, () => files.makeFolder(path)),
    syncFolder: (path) => change('sync folder', path, () => files.syncFolder(path)),
  }
  return own
}

/** Nobody gets the file that was opened all the same. */
async function letGo(done: unknown): Promise<void> {
  if (typeof done === 'object' && done !== null && 'close' in done && typeof done.close === 'function')
    await done.close()
}

function firstHalf(parts: readonly Uint8Array[]): Uint8Array[] {
  const all = Buffer.concat(parts)
  return [all.subarray(0, all.length >> 1)]
}
