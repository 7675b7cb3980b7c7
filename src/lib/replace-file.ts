import { dirname } from 'node:path'
import type { Files } from './files.ts'

type Steps = Pick<Files, 'create' | 'remove' | 'rename' | 'syncFolder'>

/** `Files.replace` in single steps, so that a disk in memory goes the same way as the real one. */
export async function replaceFile(files: Steps, path: string, bytes: Uint8Array): Promise<void> {
  // A crash up to the rename leaves the old content and perhaps this file, which the next call removes.
  const temporary = `${path}.tmp`
  await files.remove(temporary)
  const file = await files.create(temporary)
  try {
    await file.append([bytes])
    // Without this sync the new name could come back after a crash with half its content.
    await file.sync()
  } finally {
    await file.close()
  }
  await files.rename(temporary, path)
  // Until here a crash may bring back the old content, never a mixture.
  await files.syncFolder(dirname(path))
}
