import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Exit } from './server-process.ts'

/** A real forwarder: `whodid forward` in a process of its own. */
export interface ForwarderProcess {
  readonly pid: number
  /** Resolves with its epoch once it follows and sends. Rejects when it ends before that or takes too long. */
  readonly ready: Promise<number>
  readonly ended: Promise<Exit>
  /** What it has said so far. */
  readonly said: () => string
  stop(): Promise<Exit>
  kill(): Promise<Exit>
}

const MAIN = join(import.meta.dirname, '../src/cli/main.ts')
const READY_MS = 30_000

export function startForwarderProcess(options: { readonly config: string; readonly data: string }): ForwarderProcess {
  const args = [MAIN, 'forward', '--config', options.config, '--data', options.data]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  const epoch = Promise.withResolvers<number>()
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    const said = /^forwarding to \S+ as epoch (\d+)$/m.exec(stderr)?.[1]
    if (said !== undefined) epoch.resolve(Number(said))
  })
  const ended = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal, stderr }))
  })
  const early = ended.then((exit) => Promise.reject(new Error(`the forwarder ended with ${exit.code}: ${stderr}`)))
  const late = sleep(READY_MS, undefined, { ref: false }).then(() =>
    Promise.reject(new Error(`the forwarder was not ready after ${READY_MS} ms: ${stderr}`)),
  )
  const ready = Promise.race([epoch.promise, early, late])
  // Who kills it while it starts does not wait for it.
  ready.catch(() => undefined)
  const end = (signal: NodeJS.Signals): Promise<Exit> => {
    child.kill(signal)
    return ended
  }
  return {
    pid: child.pid ?? 0,
    ready,
    ended,
    said: () => stderr,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}
