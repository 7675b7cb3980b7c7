import { setTimeout as sleep } from 'node:timers/promises'
import type { EventPage, LogInfo } from '../../src/domain/answers.ts'
import type { AuditEvent } from '../../src/domain/event.ts'
import { parseLeaf } from '../../verify/index.ts'
import type { ApiClient } from '../api-client.ts'
import type { Random } from '../seeded.ts'
import type { SeenCheckpoints } from './checkpoints.ts'
import { leavesOf } from './checkpoints.ts'
import type { Promised, Promises } from './promises.ts'
import { isSame, text } from './promises.ts'

/**
 * Looks at a server that was started again: everything that was acknowledged is found at its place with its id, in the
 * store, in the ledger's leaves and by its id; nothing is there twice; every checkpoint that was ever seen holds.
 */
export async function checkServer(
  api: ApiClient,
  promises: Promises,
  seen: SeenCheckpoints,
  random: Random,
): Promise<void> {
  await checkStore(api, promises)
  await checkById(api, promises, random)
  await checkLedger(api, promises, seen)
}

const PATIENCE_MS = 60_000

async function checkStore(api: ApiClient, promises: Promises): Promise<void> {
  let missing = 'nothing was looked at'
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await sleep(300)) {
    const found = await everything(api)
    const lost = [...promises.acknowledged].find(([marker]) => !found.has(marker))
    const unread = [...promises.lines].find((marker) => !found.has(marker))
    if (lost === undefined && unread === undefined) return checkFound(found, promises)
    missing = lost === undefined ? `the line ${unread} of the file` : `${lost[0]}, acknowledged as ${text(lost[1])},`
  }
  throw new Error(`${missing} is not found after ${PATIENCE_MS} ms`)
}

function checkFound(found: ReadonlyMap<string, Promised>, promises: Promises): void {
  for (const [marker, promised] of promises.acknowledged) {
    const there = found.get(marker)
    if (there === undefined || !isSame(promised, there)) {
      throw new Error(`${marker} was acknowledged as ${text(promised)}, found as ${there && text(there)}`)
    }
  }
}

/** All events of the load by marker. Throws when a marker, an id or a place is there twice. */
async function everything(api: ApiClient): Promise<ReadonlyMap<string, Promised>> {
  const found = new Map<string, Promised>()
  const places = new Set<string>()
  const ids = new Set<string>()
  let next: string | undefined
  do {
    const cursor = next === undefined ? '' : `&cursor=${encodeURIComponent(next)}`
    const page = await api.json<EventPage>(`/v1/events?q=-stream:whodid&order=oldest&limit=1000${cursor}`)
    for (const event of page.events) {
      const { marker, promised } = placeOf(event)
      const place = `${promised.log}:${promised.index}`
      const twice = [found.has(marker) && marker, ids.has(promised.id) && promised.id, places.has(place) && place]
      const again = twice.find((each) => each !== false)
      if (again !== undefined) throw new Error(`${again} is there twice: ${text(promised)}`)
      found.set(marker, promised)
      ids.add(promised.id)
      places.add(place)
    }
    next = page.next
  } while (next !== undefined)
  return found
}

function placeOf(event: AuditEvent): { readonly marker: string; readonly promised: Promised } {
  const { id, whodid, labels } = { id: event.event.id, whodid: event.whodid, labels: event.labels }
  const marker = labels?.['marker']
  if (id === undefined || whodid?.log === undefined || whodid.index === undefined || typeof marker !== 'string') {
    throw new Error(`an event without id, place or marker: ${JSON.stringify(event)}`)
  }
  return { marker, promised: { id, log: whodid.log, index: whodid.index } }
}

const SAMPLE = 20

async function checkById(api: ApiClient, promises: Promises, random: Random): Promise<void> {
  const all = [...promises.acknowledged]
  for (let n = Math.min(SAMPLE, all.length); n > 0; n--) {
    // The last ones are those that a crash endangers most.
    const at = n % 2 === 0 ? all.length - n : random.between(0, all.length - 1)
    const [marker, promised] = all[at] ?? []
    if (marker === undefined || promised === undefined) continue
    const { promised: there } = placeOf(await api.json<AuditEvent>(`/v1/events/${promised.id}`))
    if (!isSame(there, promised)) throw new Error(`${marker}, acknowledged as ${text(promised)}, is ${text(there)}`)
  }
}

async function checkLedger(api: ApiClient, promises: Promises, seen: SeenCheckpoints): Promise<void> {
  const leaves = await coveringLeaves(api, promises)
  for (const [origin, own] of leaves) seen.verify(origin, own)
  for (const [marker, promised] of promises.acknowledged) {
    const leaf = leaves.get(promised.log)?.[promised.index]
    const id = leaf && parseLeaf(Buffer.from(leaf).toString()).id
    if (id !== promised.id) throw new Error(`${marker}, acknowledged as ${text(promised)}: the leaf there is ${id}`)
  }
}

/** Leaves of every log, once a checkpoint covers all that was acknowledged. */
async function coveringLeaves(api: ApiClient, promises: Promises): Promise<ReadonlyMap<string, readonly Uint8Array[]>> {
  const ends = new Map<string, number>()
  for (const { log, index } of promises.acknowledged.values()) ends.set(log, Math.max(ends.get(log) ?? 0, index + 1))
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await sleep(100)) {
    const { logs } = await api.json<{ logs: readonly LogInfo[] }>('/log')
    const sizes = new Map(logs.map(({ origin, size }) => [origin, size]))
    if ([...ends].some(([origin, end]) => (sizes.get(origin) ?? 0) < end)) continue
    const leaves = new Map<string, readonly Uint8Array[]>()
    for (const { origin } of logs) leaves.set(origin, await leavesOf(api, origin))
    return leaves
  }
  throw new Error(`no checkpoint covers all that was acknowledged after ${PATIENCE_MS} ms`)
}
