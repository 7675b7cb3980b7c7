import type { DisclosedBlock } from '../src/domain/answers.ts'
import { cutEvent } from '../src/domain/blocks.ts'
import { type AuditEvent, type State, stateOf } from '../src/domain/event.ts'
import { BLOCK_NAMES } from '../src/domain/sealed.ts'
import { isHidden } from '../src/query/resolve.ts'
import type { Visibility } from '../src/query/visibility.ts'
import type { Reads } from '../src/store/reads.ts'

/** A store that is a list and finds everything, whatever was asked: event n has feed number n + 1. */
export function memoryReads(events: () => readonly AuditEvent[]): Reads {
  const seen = (asOf: number) =>
    events()
      .slice(0, asOf)
      .map((event, n) => ({ event, feed: n + 1, timeUs: Date.parse(event['@timestamp']) * 1000 }))
  const find = (id: string) => events().find(({ event }) => event.id === id)
  return {
    async list({ asOf, limit, order, after }, visibility) {
      const rows = seen(asOf).sort((a, b) => a.timeUs - b.timeUs || a.feed - b.feed)
      if (order === 'newest') rows.reverse()
      const start = after === undefined ? 0 : rows.findIndex(({ feed }) => feed === after.feed) + 1
      const page = rows.slice(start, start + limit)
      const last = page.at(-1)
      const hasMore = start + limit < rows.length && last !== undefined
      const shown = page.map(({ event }) => asSeen(event, visibility))
      return {
        events: shown,
        ...(hasMore && { next: { timeUs: last.timeUs, feed: last.feed } }),
        rowsRead: rows.length,
      }
    },
    async summary({ asOf, sinceMs, untilMs }) {
      const counts: Record<State, number> = { denied: 0, failed: 0, staged: 0, success: 0, unknown: 0 }
      const rows = seen(asOf)
      for (const { event } of rows) counts[stateOf(event)] += 1
      const since = new Date(sinceMs ?? 0).toISOString()
      const until = new Date(untilMs ?? 0).toISOString()
      return { total: rows.length, counts, histogram: [], facets: [], since, until, rowsRead: rows.length }
    },
    async get(id, visibility) {
      const event = find(id)
      return event && asSeen(event, visibility)
    },
    async sealed(id, visibility, commit) {
      const event = find(id)
      if (event === undefined) return undefined
      const { header, blocks } = cutEvent(event, event['@timestamp'])
      const c = Buffer.alloc(32).toString('base64url')
      const leaf = `{"v":1,"t":"${header.t}","r":"${header.t}","s":"api","d":"${header.d}","y":"${header.y}","o":"${header.o}","id":"${id}","c":"${c}"}`
      const [log, index] = ['acme/n1/default/2026-11', events().indexOf(event)]
      const made = commit({ feed: 1, log, index, leaf, blocks, actorKey: 1, targetKey: 2, conflict: false })
      const shown = BLOCK_NAMES.flatMap((block, b): DisclosedBlock[] => {
        const json = blocks[b]
        const isShown = json !== undefined && visibility.fields.size === 0
        return isShown ? [{ block, json, salt: made[b]?.salt ?? '' }] : []
      })
      return { leaf, log, index, blocks: shown, commitments: made.map(({ commitment }) => commitment) }
    },
    async after({ afterFeed, asOf, limit }, visibility) {
      const rows = seen(asOf).filter(({ feed }) => feed > afterFeed)
      const page = rows.slice(0, limit)
      const feed = rows.length > limit ? (page.at(-1)?.feed ?? asOf) : asOf
      return { events: page.map(({ event }) => asSeen(event, visibility)), feed }
    },
    matches: async () => [],
    ownLeaves: async () => [],
    packed: async () => ({ rows: [] }),
    firstTime: async () => Math.min(...events().map((event) => Date.parse(event['@timestamp']))),
    hasEvents: async () => events().length > 0,
    countsByLog: async () => new Map([['acme/n1/default/2026-11', events().length]]),
  }
}

function asSeen(event: AuditEvent, { fields }: Visibility): AuditEvent {
  const { '@timestamp': time, event: named, ...rest } = event
  const { original, ...others } = named
  const kept = fields.size === 0 && original !== undefined ? { ...others, original } : others
  return { '@timestamp': time, event: kept, ...without(rest, '', fields) }
}

function without(value: object, path: string, fields: Visibility['fields']): object {
  const kept = Object.entries(value).flatMap(([name, inner]): [string, unknown][] => {
    const at = path === '' ? name : `${path}.${name}`
    if (isHidden(fields, at)) return []
    const isObject = typeof inner === 'object' && inner !== null && !Array.isArray(inner)
    return [[name, isObject ? without(inner, at, fields) : inner]]
  })
  return Object.fromEntries(kept)
}
