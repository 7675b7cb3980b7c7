import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LogInfo, Summary } from '../../src/domain/answers.ts'
import { equalBytes } from '../../verify/index.ts'
import type { ApiClient } from '../api-client.ts'
import { createApiClient } from '../api-client.ts'
import type { Random } from '../seeded.ts'
import { seeded } from '../seeded.ts'
import type { ServerProcess } from '../server-process.ts'
import { beginServerProcess, runCommand } from '../server-process.ts'
import { checkFrames } from './check-frames.ts'
import { checkServer } from './check-server.ts'
import { leavesOf, SeenCheckpoints } from './checkpoints.ts'
import { GrowingFile } from './growing-file.ts'
import type { Load } from './posters.ts'
import { startLoad } from './posters.ts'
import { Promises } from './promises.ts'

/**
 * Many lives of one data folder, each ended by a kill at a random moment under load; what one life promised is looked for
 * in all later ones. Times are the machine's, so a seed gives the same decisions, not the same interleaving.
 */
export class Chain {
  readonly folder = mkdtempSync(join(tmpdir(), 'whodid-crash-'))
  readonly #random: Random
  readonly #promises = new Promises()
  readonly #seen = new SeenCheckpoints()
  readonly #file: GrowingFile
  readonly #data: string
  readonly #config: string
  #token = ''
  #life = 0
  #loads = 0
  /** One of the first lives is long. */
  readonly #longLoad: number

  constructor(seed: number) {
    this.#random = seeded(seed)
    this.#longLoad = this.#random.between(0, 4)
    this.#data = join(this.folder, 'data')
    this.#config = join(this.folder, 'whodid.yaml')
    this.#file = new GrowingFile(join(this.folder, 'logs'), this.#promises.lines)
    mkdirSync(this.#data)
    writeFileSync(
      this.#config,
      `install: crash\nsources:\n  - { name: app, kind: file, paths: ["${this.#file.pattern}"], format: ecs }\n`,
    )
  }

  /** Starts, checks what earlier lives promised, takes load, and is killed. Tells what happened; throws what was wrong. */
  async live(): Promise<string> {
    const random = this.#random
    const said: string[] = []
    while (random.chance(0.2)) said.push(await this.#dieStarting())
    const server = await this.#begin().ready
    try {
      const api = await this.#apiOf(server)
      await checkServer(api, this.#promises, this.#seen, random)
      said.push(await this.#loadAndKill(server, api))
    } finally {
      await server.kill()
    }
    return said.join('; ')
  }

  /** The end of a chain: everything is sent and found, and the accounts of all lives tie out. */
  async finish(): Promise<string> {
    const before = await this.#begin().ready
    const api = await this.#apiOf(before)
    for (const batch of this.#promises.unanswered.splice(0)) {
      const { receipt, text } = await api.post(batch.records, batch.idempotencyKey)
      if (receipt === undefined) throw new Error(`a batch was refused: ${text}`)
      this.#promises.enter(batch, receipt)
    }
    await checkServer(api, this.#promises, this.#seen, this.#random)
    const { code, stderr } = await before.stop()
    if (code !== 0) throw new Error(`the server stopped with ${code}: ${stderr}`)
    const totals = await checkFrames(this.#data, 'crash')
    const after = await this.#begin().ready
    try {
      await checkAgainstFrames(await this.#apiOf(after), totals)
      const verified = await runCommand(['verify', '--data', this.#data])
      if (verified.code !== 0) throw new Error(`whodid verify ended with ${verified.code}: ${verified.stderr}`)
    } finally {
      await after.kill()
    }
    rmSync(this.folder, { recursive: true, force: true })
    const { acknowledged, lines } = this.#promises
    return `${acknowledged.size} acknowledged, ${lines.size} lines, ${this.#seen.count} checkpoints, ${totals.heartbeats} heartbeats`
  }

  #begin() {
    this.#life++
    return beginServerProcess({ data: this.#data, config: this.#config })
  }

  /** The token of the first life is good in all others. */
  async #apiOf(server: ServerProcess): Promise<ApiClient> {
    if (this.#token === '') this.#token = await server.token('admin')
    return createApiClient(server.url, this.#token)
  }

  async #dieStarting(): Promise<string> {
    const afterMs = this.#random.between(20, 1500)
    const starting = this.#begin()
    await sleep(afterMs)
    await starting.kill()
    return `killed ${afterMs} ms after its start`
  }

  async #loadAndKill(server: ServerProcess, api: ApiClient): Promise<string> {
    const random = this.#random
    const ended = new AbortController()
    const promises = this.#promises
    const isLong = this.#loads++ === this.#longLoad
    const connections = random.between(2, 6)
    const restMs = isLong ? 2000 : 20
    const load = startLoad({ api, promises, random, name: `life-${this.#life}`, connections, restMs })
    const beside = [this.#file.grow(random, ended.signal), this.#seen.watch(api, ended.signal)]
    const early = server.ended.then(({ code, stderr }) => Promise.reject(new Error(`it ended with ${code}: ${stderr}`)))
    try {
      const said = await Promise.race([this.#untilMoment(server, load, isLong), early, load.failed, ...beside])
      load.expectEnd()
      early.catch(() => undefined)
      const kindly = random.chance(0.1)
      await (kindly ? server.stop() : server.kill())
      ended.abort()
      await Promise.all([load.stopped(), ...beside])
      return `${String(said)}, ${kindly ? 'stopped' : 'killed'} with ${load.acknowledged} acknowledged`
    } finally {
      load.expectEnd()
      ended.abort()
    }
  }

  /** Some time, or right behind an acknowledgement, when everything after it is still to be done. */
  async #untilMoment(server: ServerProcess, load: Load, isLong: boolean): Promise<string> {
    const random = this.#random
    let said = ''
    if (isLong) {
      await sleep(LONG_MS)
      return `after ${LONG_MS} ms`
    }
    if (random.chance(0.25)) {
      const afterMs = random.between(0, 800)
      await sleep(afterMs)
      const pid = server.enginePid()
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
      said = `engine killed after ${afterMs} ms, `
    }
    if (random.chance(0.5)) {
      const wanted = load.acknowledged + random.between(1, 1500)
      while (load.acknowledged < wanted) await sleep(1)
      return `${said}after ${wanted} events`
    }
    const forMs = random.between(50, 2500)
    await sleep(forMs)
    return `${said}after ${forMs} ms`
  }
}

/** Long enough for a server to save its books, which it does every fifteen seconds. */
const LONG_MS = 16_500

/** Frames, leaves and rows say the same. */
async function checkAgainstFrames(api: ApiClient, totals: Awaited<ReturnType<typeof checkFrames>>): Promise<void> {
  const { logs } = await api.json<{ logs: readonly LogInfo[] }>('/log')
  for (const { origin, stream } of logs) {
    const expected = totals.leaves.get(origin) ?? []
    const leaves = await leavesOf(api, origin)
    const other = expected.findIndex((leaf, n) => !equalBytes(leaf, leaves[n] ?? new Uint8Array()))
    if (other >= 0) throw new Error(`leaf ${other} of ${origin} is not the one in the journal`)
    await sameRows(api, `stream:${stream}`, totals.feed, expected.length)
  }
  await sameRows(api, '', totals.feed, totals.feed)
}

/** Rows up to a feed number, system leaves included. */
async function sameRows(api: ApiClient, q: string, asOf: number, expected: number): Promise<void> {
  const rows = (await totalOf(api, q, asOf)) + (await totalOf(api, `${q} source:_log`.trim(), asOf))
  if (rows !== expected) throw new Error(`${q === '' ? 'the store' : q} has ${rows} rows of ${expected} leaves`)
}

/** Once the store has been brought up to that feed number: until then a run sees less. */
async function totalOf(api: ApiClient, q: string, asOf: number): Promise<number> {
  const path = `/v1/events:summary?asOf=${asOf}&q=${encodeURIComponent(q)}`
  for (;;) {
    const summary = await api.json<Summary>(path)
    if (Number(summary.asOf) === asOf) return summary.total
    await sleep(200)
  }
}
