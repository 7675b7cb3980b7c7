import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerProcess } from '../test/server-process.ts'
import { startServerProcess } from '../test/server-process.ts'
import type { LoopDelay } from './probe.ts'

/** A server under measurement. */
export interface MeasuredServer extends ServerProcess {
  /** How late its event loop was since this was last asked for. */
  loopDelay(): Promise<LoopDelay>
}

export async function startMeasured(data: string): Promise<MeasuredServer> {
  const probe = `${data}.probe.json`
  const server = await startServerProcess({
    data,
    execArgv: ['--import', join(import.meta.dirname, 'probe.ts')],
    env: { WHODID_PROBE: probe },
    timeoutMs: 300_000,
  })
  return {
    ...server,
    async loopDelay() {
      rmSync(probe, { force: true })
      process.kill(server.pid, 'SIGUSR2')
      while (!existsSync(probe)) await sleep(10)
      // The probe's own words.
      return JSON.parse(readFileSync(probe, 'utf8')) as LoopDelay
    },
  }
}

/** CPU seconds that a process has used, of /proc; NaN where there is none. */
export function cpuSeconds(pid: number | undefined): number {
  const text = readProc(pid, 'stat')
  if (text === undefined) return Number.NaN
  // proc(5): fields 14 and 15, counted from behind the name, which may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Resident bytes of a process now; NaN where there is no /proc. */
export function residentBytes(pid: number | undefined): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readProc(pid, 'status') ?? '')
  return line === null ? Number.NaN : Number(line[1]) * 1024
}

/** Looks at the memory of server and engine four times a second until stopped; gives the largest sum. */
export function watchMemory(server: ServerProcess): { stop(): number } {
  let peak = 0
  const timer = setInterval(() => {
    peak = Math.max(peak, residentBytes(server.pid) + residentBytes(server.enginePid()))
  }, 250)
  return {
    stop() {
      clearInterval(timer)
      return peak
    },
  }
}

/** Waits until the engine has merged what it wants to merge: nearly idle for three seconds, two minutes at most. */
export async function settled(server: ServerProcess): Promise<void> {
  for (let quiet = 0, looks = 0; quiet < 3 && looks < 120; looks++) {
    const before = cpuSeconds(server.enginePid())
    await sleep(1000)
    quiet = cpuSeconds(server.enginePid()) - before > 0.1 ? 0 : quiet + 1
  }
}

/** Bytes of all files below a folder, as allocated on the disk. */
export function diskBytes(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile())
      bytes += (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.blocks ?? 0) * 512
  }
  return bytes
}

/** `sysconf(_SC_CLK_TCK)`: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

function readProc(pid: number | undefined, file: string): string | undefined {
  const path = `/proc/${pid ?? 0}/${file}`
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}
