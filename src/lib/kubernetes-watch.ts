import { type Clock, pause } from './clock.ts'
import type { ApiServer } from './kubeconfig.ts'
import { getJson, getLines, StatusError } from './kubernetes-api.ts'

export interface ResourceWatch {
  readonly server: ApiServer
  /** Of the whole list: `/apis/GROUP/VERSION/PLURAL`. */
  readonly path: string
  readonly clock: Clock
  /** All there are, whenever that changed, as the server has them. */
  readonly onItems: (items: readonly unknown[]) => void
  /** Why nothing is known of what changes now; undefined: all is well again. */
  readonly onTrouble: (reason: string | undefined) => void
  /** 0 to 1, spreads attempts. */
  readonly random?: () => number
}

const PAGE = 250
const MOST_ITEMS = 2000
/** How long the server lets a watch live, in seconds; and how much longer we do. */
const WATCH_S = 290
const GRACE_MS = 30_000
const FIRST_WAIT_MS = 1000
const LONGEST_WAIT_MS = 60_000
const GONE = 410

/**
 * Follows all resources of a kind: lists them, then watches from there, as Kubernetes' own clients do
 * (kubernetes.io/docs/reference/using-api/api-concepts, "Efficient detection of changes"). A watch that ends is taken up
 * again where it was; where the server does not know that place any more, the list is asked for again. Works until
 * `signal` aborts.
 */
export async function watchResources(watch: ResourceWatch, signal: AbortSignal): Promise<void> {
  const { clock, onTrouble, random = Math.random } = watch
  let known: Known | undefined
  let failures = 0
  const stands = (): void => {
    failures = 0
    onTrouble(undefined)
  }
  while (!signal.aborted) {
    const begunAt = clock.now()
    try {
      if (known === undefined) {
        known = await list(watch, signal)
        watch.onItems([...known.items.values()])
      }
      await follow(watch, known, stands, signal)
      // Who ends each watch at once is not asked without end.
      if (clock.now() - begunAt < FIRST_WAIT_MS) await pause(clock, FIRST_WAIT_MS, signal)
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof StatusError && error.status === GONE) {
        // Not known there any more: everything that is, is asked for again.
        known = undefined
        if (failures++ === 0) continue
      } else {
        onTrouble(error instanceof Error ? error.message : String(error))
        failures++
      }
      const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures - 1, 16))
      await pause(clock, waitMs * (0.5 + random() / 2), signal)
    }
  }
}

interface Known {
  readonly items: Map<string, unknown>
  version: string
}

async function list({ server, path }: ResourceWatch, signal: AbortSignal): Promise<Known> {
  const items = new Map<string, unknown>()
  let next = ''
  let version = ''
  do {
    const more = next === '' ? '' : `&continue=${encodeURIComponent(next)}`
    const answer = await getJson(server, `${path}?limit=${PAGE}${more}`, signal)
    const metadata = member(answer, 'metadata')
    next = textIn(metadata, 'continue')
    version = textIn(metadata, 'resourceVersion')
    const found = member(answer, 'items')
    if (!Array.isArray(found)) throw new Error(`${path} answers no list`)
    for (const item of found) put(items, item)
  } while (next !== '' && !signal.aborted)
  return { items, version }
}

/** Until the server ends it. Throws StatusError 410 where it cannot go on from `known`. */
async function follow(watch: ResourceWatch, known: Known, stands: () => void, signal: AbortSignal): Promise<void> {
  const { server, path, onItems } = watch
  const from = encodeURIComponent(known.version)
  const query = `?watch=1&allowWatchBookmarks=true&timeoutSeconds=${WATCH_S}&resourceVersion=${from}`
  for await (const events of getLines(server, `${path}${query}`, WATCH_S * 1000 + GRACE_MS, signal)) {
    if (events.length === 0) stands()
    let changed = false
    for (const event of events) changed = take(event, known, path) || changed
    if (changed) onItems([...known.items.values()])
  }
}

/** Whether the items are others now. */
function take(event: unknown, known: Known, path: string): boolean {
  const type = textIn(event, 'type')
  const object = member(event, 'object')
  if (type === 'ERROR') throw new StatusError(Number(member(object, 'code')) || 500, `the watch of ${path}`)
  known.version = textIn(member(object, 'metadata'), 'resourceVersion') || known.version
  if (type === 'DELETED') return known.items.delete(nameOf(object))
  if (type !== 'ADDED' && type !== 'MODIFIED') return false
  put(known.items, object)
  return true
}

function put(items: Map<string, unknown>, item: unknown): void {
  items.set(nameOf(item), item)
  if (items.size > MOST_ITEMS) throw new Error(`there are more than ${MOST_ITEMS} of them`)
}

function nameOf(item: unknown): string {
  const metadata = member(item, 'metadata')
  return `${textIn(metadata, 'namespace')}/${textIn(metadata, 'name')}`
}

function textIn(value: unknown, key: string): string {
  const found = member(value, key)
  return typeof found === 'string' ? found : ''
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined
}
