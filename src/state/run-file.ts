import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import type { Files } from '../lib/files.ts'

/** What a running server says about itself in `run.json` (0600) of its data folder. */
export interface RunFile {
  readonly pid: number
  /** Where it listens, once it does. */
  readonly url?: string
  readonly version: string
  readonly enginePid?: number
  /** Path of the control socket. */
  readonly socket: string
}

/** The file may be left over from a process that died: it is a hint, the lock on `state.db` is the truth. */
export function readRun(folder: string): RunFile | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8'))
  } catch {
    // None there, none of ours to read, or half a file: in each case nobody can be named.
    return undefined
  }
  return runOf(parsed)
}

export async function writeRun(files: Files, folder: string, run: RunFile): Promise<void> {
  await files.replace(join(folder, 'run.json'), Buffer.from(`${JSON.stringify(run, null, 2)}\n`))
}

/** Synchronous, so that it can be the last thing a process does. */
export function removeRun(folder: string): void {
  rmSync(join(folder, 'run.json'), { force: true })
}

function runOf(parsed: unknown): RunFile | undefined {
  if (typeof parsed !== 'object' || parsed === null) return undefined
  const fields = new Map<string, unknown>(Object.entries(parsed))
  const [pid, url, version] = [fields.get('pid'), fields.get('url'), fields.get('version')]
  const [enginePid, socket] = [fields.get('enginePid'), fields.get('socket')]
  if (typeof pid !== 'number' || typeof version !== 'string' || typeof socket !== 'string') return undefined
  return {
    pid,
    version,
    socket,
    ...(typeof url === 'string' ? { url } : {}),
    ...(typeof enginePid === 'number' ? { enginePid } : {}),
  }
}
