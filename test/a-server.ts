import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { onTestFinished } from 'vitest'
import type { EventPage, LogInfo, Receipt } from '../src/domain/answers.ts'
import { type Clock, systemClock } from '../src/lib/clock.ts'
import type { Files } from '../src/lib/files.ts'
import { realFiles } from '../src/lib/real-files.ts'
import type { Config } from '../src/server/config.ts'
import { type Server, startServer } from '../src/server/server.ts'
import { readRun } from '../src/state/run-file.ts'

export interface Answer {
  readonly status: number
  readonly text: string
  /** Inflated. */
  readonly bytes: Buffer
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  json<T>(): T
}

/** A real server in this process, called over its control socket as the local operator. */
export interface AServer {
  readonly server: Server
  readonly data: string
  readonly lines: readonly string[]
  call(method: string, path: string, body?: string | Uint8Array, headers?: Record<string, string>): Promise<Answer>
  send(records: unknown, headers?: Record<string, string>): Promise<Receipt>
  /** Asks until the answer is as wanted, or the test runs out of time. */
  find(query: string, wanted: number): Promise<EventPage['events']>
  logs(): Promise<readonly LogInfo[]>
}

export function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'whodid-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export async function aServer(
  options: {
    data?: string
    config?: Partial<Config>
    clock?: Clock
    files?: Files
    loadAgain?: () => Config
    recover?: boolean
  } = {},
): Promise<AServer> {
  const data = options.data ?? aFolder()
  const config: Config = {
    listen: '127.0.0.1:0',
    data,
    install: 'acme',
    keys: join(data, 'keys'),
    ledger: { public: 'none' },
    store: {},
    streams: [],
    sources: [],
    ...options.config,
  }
  const lines: string[] = []
  const { clock = systemClock, files = realFiles, loadAgain } = options
  const server = await startServer({
    config,
    log: (line) => lines.push(line),
    clock,
    files,
    ...(loadAgain && { loadAgain }),
    recover: options.recover === true,
  })
  onTestFinished(() => server.close())
  await Promise.race([server.ready, server.failed]).catch(async (error: unknown) => {
    await server.close()
    throw error
  })
  const socketPath = readRun(data)?.socket ?? ''

  const call: AServer['call'] = (method, path, body, headers = {}) => {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const sent = request({ socketPath, method, path, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const sentBytes = Buffer.concat(chunks)
        const bytes = response.headers['content-encoding'] === 'gzip' ? gunzipSync(sentBytes) : sentBytes
        const text = bytes.toString()
        resolve({
          status: response.statusCode ?? 0,
          text,
          bytes,
          headers: response.headers,
          // The test says which shape it expects.
          json: <T>() => JSON.parse(text) as T,
        })
      })
    })
    sent.on('error', reject)
    sent.end(body)
    return promise
  }

  return {
    server,
    data,
    lines,
    call,
    async send(records, headers = {}) {
      const answer = await call('POST', '/v1/events', JSON.stringify(records), {
        'content-type': 'application/json',
        ...headers,
      })
      return answer.json<Receipt>()
    },
    async find(query, wanted) {
      for (;;) {
        const answer = await call('GET', `/v1/events?limit=1000&q=${encodeURIComponent(query)}`)
        if (answer.status === 200) {
          const { events } = answer.json<EventPage>()
          if (events.length >= wanted) return events
        }
        await sleep(50)
      }
    },
    async logs() {
      return (await call('GET', '/log')).json<{ logs: LogInfo[] }>().logs
    },
  }
}

/** A clock that runs like the real one, from wherever a test puts it. */
export function movableClock(startMs: number): Clock & { moveTo(ms: number): void } {
  let offset = startMs - Date.now()
  return {
    now: () => Date.now() + offset,
    later: (ms, call) => systemClock.later(ms, call),
    moveTo: (ms) => {
      offset = ms - Date.now()
    },
  }
}

/** Waits for a condition, never for a time; the test's own limit ends it. */
export async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen
    await sleep(20)
  }
}
