import { hash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  createEdge,
  equalBytes,
  leafHash,
  parseBundle,
  parseCheckpoint,
  parseNote,
  TILE_WIDTH,
  tilePath,
  tileWidth,
} from '../../verify/index.ts'
import type { LogInfo } from '../../src/domain/answers.ts'
import type { ApiClient } from '../api-client.ts'

/** Every checkpoint that was ever published: root by size, of each log. */
export class SeenCheckpoints {
  readonly #roots = new Map<string, Map<number, Uint8Array>>()

  get count(): number {
    return [...this.#roots.values()].reduce((sum, each) => sum + each.size, 0)
  }

  /** Looks at every log again and again, until `signal` aborts. A server that is gone is no error. */
  async watch(api: ApiClient, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.look(api)
      } catch (error) {
        if (error instanceof Forked) throw error
      }
      await sleep(30)
    }
  }

  async look(api: ApiClient): Promise<void> {
    const { logs } = await api.json<{ logs: readonly LogInfo[] }>('/log')
    for (const { origin } of logs) this.#enter(Buffer.from(await api.bytes(`/log/${origin}/checkpoint`)).toString())
  }

  /**
   * Makes the tree of a log anew from its leaves and compares its root at every size that was ever published: then every
   * checkpoint is consistent with every later one.
   */
  verify(origin: string, leaves: readonly Uint8Array[]): void {
    const roots = this.#roots.get(origin) ?? new Map<number, Uint8Array>()
    const edge = createEdge(sha256)
    for (const leaf of leaves) {
      edge.push(leafHash(sha256, leaf))
      const root = roots.get(edge.size)
      if (root !== undefined && !equalBytes(root, edge.root())) throw new Forked(origin, edge.size)
    }
    const beyond = [...roots.keys()].find((size) => size > leaves.length)
    if (beyond !== undefined) throw new Error(`${origin} had ${beyond} leaves and has ${leaves.length}`)
  }

  #enter(note: string): void {
    const { origin, size, root } = parseCheckpoint(parseNote(note).text)
    const roots = this.#roots.get(origin) ?? new Map<number, Uint8Array>()
    const known = roots.get(size)
    if (known !== undefined && !equalBytes(known, root)) throw new Forked(origin, size)
    this.#roots.set(origin, roots.set(size, root))
  }
}

/** All leaves that the newest checkpoint of a log covers. */
export async function leavesOf(api: ApiClient, origin: string): Promise<readonly Uint8Array[]> {
  const note = Buffer.from(await api.bytes(`/log/${origin}/checkpoint`)).toString()
  const { size } = parseCheckpoint(parseNote(note).text)
  const leaves: Uint8Array[] = []
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const width = tileWidth('entries', index, size)
    const bundle = await api.bytes(`/log/${origin}/${tilePath({ level: 'entries', index, width })}`)
    leaves.push(...parseBundle(bundle, width))
  }
  return leaves
}

class Forked extends Error {
  constructor(origin: string, size: number) {
    super(`${origin} has two histories: the root of its first ${size} leaves is not the one that was published`)
  }
}

function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer')
}
