import { renameSync, writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

/**
 * Loaded into the server's process by `--import`: measures how late its event loop is. At SIGUSR2 what was measured since
 * the last one is written to the file that WHODID_PROBE names.
 */
export interface LoopDelay {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

const RESOLUTION_MS = 5

const path = process.env['WHODID_PROBE']
if (path !== undefined && isMainThread) start(path)

function start(file: string): void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  process.on('SIGUSR2', () => {
    // What is recorded is the time between two ticks of a timer; a loop that does nothing shows the timer itself.
    const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS)
    const measured: LoopDelay = {
      p50Ms: late(delay.percentile(50)),
      p99Ms: late(delay.percentile(99)),
      maxMs: late(delay.max),
    }
    delay.reset()
    writeFileSync(`${file}.tmp`, JSON.stringify(measured))
    renameSync(`${file}.tmp`, file)
  })
}
