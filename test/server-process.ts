import { spawn } from 'node:child_process'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readRun } from '../src/state/run-file.ts'

/** A real server: `whodid serve` in a process of its own. */
export interface ServerProcess {
  readonly url: string
  readonly pid: number
  readonly data: string
  /** The engine's process now, as run.json tells it. */
  enginePid(): number | undefined
  /** Makes a token over the control socket. */
  token(scope: 'ingest' | 'read' | 'admin', source?: string): Promise<string>
  /** Ends it by SIGTERM, or by SIGKILL; resolves when it is gone. */
  stop(): Promise<Exit>
  kill(): Promise<Exit>
  /** Resolves when it ends, for whatever reason. */
  readonly ended: Promise<Exit>
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

export interface ServerProcessOptions {
  readonly data: string
  /** Configuration file. */
  readonly config?: string
  /** HOST:PORT; a free port of 127.0.0.1 when left out. */
  readonly listen?: string
  /** For Node itself, before the program. */
  readonly execArgv?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** How long it may take to be ready. */
  readonly timeoutMs?: number
}

/** A process that was started and may not be ready yet. */
export interface Starting {
  readonly pid: number
  readonly ended: Promise<Exit>
  /** Resolves once `ready` was printed. Rejects when it ends before that or takes too long. */
  readonly ready: Promise<ServerProcess>
  kill(): Promise<Exit>
}

/** Starts a server and waits until it is ready. */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  return await beginServerProcess(options).ready
}

export function beginServerProcess(options: ServerProcessOptions): Starting {
  const { data, config, listen = '127.0.0.1:0', execArgv = [], env = {}, timeoutMs = 60_000 } = options
  const args = ['serve', '--data', data, '--listen', listen, ...(config === undefined ? [] : ['--config', config])]
  const child = spawn(process.execPath, [...execArgv, MAIN, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  })
  let stderr = ''
  const ready = Promise.withResolvers<string>()
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    const url = /^ready (http\S+)$/m.exec(stderr)?.[1]
    if (url !== undefined) ready.resolve(url)
  })
  // Not `close`: the engine's process holds the same stderr and may live a moment longer.
  const ended = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal, stderr }))
  })
  const pid = child.pid ?? 0

  function end(signal: NodeJS.Signals): Promise<Exit> {
    child.kill(signal)
    return ended
  }

  async function whenReady(): Promise<ServerProcess> {
    const early = ended.then((exit) => Promise.reject(new Error(`the server ended with ${exit.code}: ${stderr}`)))
    const late = sleep(timeoutMs, undefined, { ref: false }).then(() =>
      Promise.reject(new Error(`the server was not ready after ${timeoutMs} ms: ${stderr}`)),
    )
    const url = await Promise.race([ready.promise, early, late])
    return {
      url,
      pid,
      data,
      enginePid: () => readRun(data)?.enginePid,
      token: (scope, source) => makeToken(data, scope, source),
      stop: () => end('SIGTERM'),
      kill: () => end('SIGKILL'),
      ended,
    }
  }

  const started = whenReady()
  // Who kills it while it starts does not wait for it.
  started.catch(() => undefined)
  return { pid, ended, ready: started, kill: () => end('SIGKILL') }
}

/** Runs a command of the command line to its end. */
export async function runCommand(args: readonly string[]): Promise<Exit & { readonly stdout: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return await new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
}

const MAIN = join(import.meta.dirname, '../src/cli/main.ts')

/** Makes a token over the control socket of the server that runs on a data folder. */
export async function makeToken(data: string, scope: 'ingest' | 'read' | 'admin', source?: string): Promise<string> {
  const socketPath = readRun(data)?.socket
  if (socketPath === undefined) throw new Error(`no server runs on ${data}`)
  const body = JSON.stringify({ scope, ...(source !== undefined && { source }) })
  const answer = await post(socketPath, '/v1/tokens', body)
  // Ours: docs/api.md names the key.
  const { token } = JSON.parse(answer) as { token?: string }
  if (token === undefined) throw new Error(`no token: ${answer}`)
  return token
}

function post(socketPath: string, path: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const sent = request({ socketPath, path, method: 'POST', headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.once('end', () => resolve(text))
    })
    sent.once('error', reject)
    sent.end(body)
  })
}
