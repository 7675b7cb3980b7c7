import type { Files } from '../lib/files.ts'
import { removeRun, type RunFile, writeRun } from '../state/run-file.ts'

/** Keeps `run.json` true: written once the server can be reached, and again for each new engine. */
export interface RunRecord {
  reachable(run: RunFile): Promise<void>
  engine(pid: number): void
  remove(): void
}

export function createRunRecord(files: Files, folder: string, log: (message: string) => void): RunRecord {
  let run: RunFile | undefined
  let enginePid: number | undefined
  let saved: Promise<void> = Promise.resolve()

  /** One write after the other. */
  function save(): Promise<void> {
    const saving = saved.then(async () => {
      if (run !== undefined) await writeRun(files, folder, enginePid === undefined ? run : { ...run, enginePid })
    })
    saved = saving.catch(() => undefined)
    return saving
  }

  return {
    reachable(now) {
      run = now
      return save()
    },
    engine(pid) {
      enginePid = pid
      save().catch((error: unknown) => log(`run.json does not name the engine: ${String(error)}`))
    },
    remove() {
      run = undefined
      removeRun(folder)
    },
  }
}
