import { dirname } from 'node:path'
import type { DurableFile, Files } from '../../src/lib/files.ts'
import { replaceFile } from '../../src/lib/replace-file.ts'

/** One sync that is left out, to prove that the simulated runs would notice. */
export interface Mutant {
  readonly name: string
  /** Left out when it answers true. `after` is the last change of names in that folder. */
  skipsFileSync?(path: string): boolean
  skipsFolderSync?(folder: string, after: 'create' | 'rename' | 'remove'): boolean
  /** `replace` of a file that is there changes it in place. */
  replacesInPlace?(path: string): boolean
}

/** The same files without what the mutant leaves out. */
export function mutated(files: Files, mutant: Mutant | undefined): Files {
  if (!mutant) return files
  const lastChange = new Map<string, 'create' | 'rename' | 'remove'>()

  function lazy(file: DurableFile): DurableFile {
    if (!mutant?.skipsFileSync?.(file.path)) return file
    return {
      path: file.path,
      get sizeBytes() {
        return file.sizeBytes
      },
      append: (parts) => file.append(parts),
      sync: () => Promise.resolve(),
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    }
  }

  const own: Files = {
    ...files,
    async create(path) {
      lastChange.set(dirname(path), 'create')
      return lazy(await files.create(path))
    },
    open: async (path) => lazy(await files.open(path)),
    async replace(path, bytes) {
      if (!mutant.replacesInPlace?.(path) || (await files.size(path)) === undefined) {
        return await replaceFile(own, path, bytes)
      }
      const file = await own.open(path)
      await file.truncate(bytes.length)
      await file.sync()
      return await file.close()
    },
    rename(from, to) {
      lastChange.set(dirname(to), 'rename')
      return files.rename(from, to)
    },
    remove(path) {
      lastChange.set(dirname(path), 'remove')
      return files.remove(path)
    },
    async syncFolder(folder) {
      if (!mutant.skipsFolderSync?.(folder, lastChange.get(folder) ?? 'create')) await files.syncFolder(folder)
    },
  }
  return own
}
