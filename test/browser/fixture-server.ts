import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, sign } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { fromBase64Url, toBase64Url } from '../../verify/base64.ts'
import { commitBlocks } from '../../verify/blocks.ts'
import { formatCheckpoint } from '../../verify/checkpoint.ts'
import { leafHash, nodeHash } from '../../verify/hash.ts'
import { proveInclusion } from '../../verify/inclusion.ts'
import { formatLeaf } from '../../verify/leaf.ts'
import { formatNote, formatVerifierKey, keyId } from '../../verify/note.ts'
import { hashesAt, parseTilePath } from '../../verify/tiles.ts'
import type { HashReader, TreeNode } from '../../verify/tree.ts'
import { treeRoot } from '../../verify/tree.ts'
import { noAccessAudits, nothingRejected, erasuresOn, rulesOn } from '../an-api.ts'
import { createApi } from '../../src/api/api.ts'
import type { ApiDeps } from '../../src/api/deps.ts'
import { DEFAULT_LIMITS } from '../../src/api/deps.ts'
import { createAuth } from '../../src/auth/auth.ts'
import type { DisclosedBlock, Facet } from '../../src/domain/answers.ts'
import { cutEvent, eventTime, mergeEvent } from '../../src/domain/blocks.ts'
import { AuditError } from '../../src/domain/errors.ts'
import type { AuditEvent, State } from '../../src/domain/event.ts'
import { stateOf } from '../../src/domain/event.ts'
import type { Blocks } from '../../src/domain/sealed.ts'
import { BLOCK_NAMES } from '../../src/domain/sealed.ts'
import { textOf, valuesAt } from '../../src/query/event-values.ts'
import { predicate } from '../../src/query/predicate.ts'
import { bucketEdges } from '../../src/store/buckets.ts'
import type { Reads, Run } from '../../src/store/reads.ts'
import { openState } from '../../src/state/state.ts'
import type { Invented } from './invented-events.ts'

const LOG = 'acme/n1/sample/2026-11'
const KEYS = new Map([
  [1, new Uint8Array(32).fill(1)],
  [2, new Uint8Array(32).fill(2)],
])

interface Sealed {
  readonly event: AuditEvent
  readonly leaf: string
  readonly blocks: Blocks
  readonly timeUs: number
}

/** The real API over events in memory: for what a real server cannot be brought to show in seconds. */
export interface FixtureServer {
  readonly url: string
  /** A new one-time sign-in link. */
  link(): string
  record(events: readonly Invented[]): void
  /** Changes the stored text of an event, as somebody with the disk in hands would. */
  alter(index: number, change: (json: string) => string): void
  /** The ledger forgets its history and signs another one. */
  fork(): void
  /** While down, the engine answers nothing. */
  setEngine(state: 'up' | 'down' | 'slow'): void
  close(): Promise<void>
}

export async function startFixtureServer(
  events: readonly Invented[],
  others: Partial<ApiDeps> = {},
): Promise<FixtureServer> {
  const folder = mkdtempSync(join(tmpdir(), 'whodid-ui-'))
  const clock = { now: () => Date.now(), later: laterOf }
  const state = openState({ folder, install: 'acme', clock })
  const auth = createAuth({ state, clock, receiverSecrets: new Map() })
  const stored: Sealed[] = []
  const waiting = new Set<() => void>()
  let engine: 'up' | 'down' | 'slow' = 'up'
  let ledger = ledgerOf(() => stored)
  const record = (more: readonly Invented[]): void => {
    for (const event of more) stored.push(sealed(event, stored.length))
    for (const call of waiting) call()
  }
  record(events)
  const deps: ApiDeps = {
    auth,
    emitFor: () => undefined,
    receiver: () => undefined,
    sources: () => [],
    hours: () => [],
    evidence: NO_EVIDENCE,
    accessAudits: noAccessAudits,
    rules: rulesOn(state, () => [], clock),
    erasures: erasuresOn(state, clock, 'single'),
    rejected: nothingRejected,
    refeed: () => undefined,
    reads: guarded(readsOf(stored), () => engine),
    rereads: { find: async () => [], renew: async () => undefined },
    ledger: {
      logs: () => ledger.logs(),
      checkpoint: (log) => ledger.checkpoint(log),
      proof: (log, index) => ledger.proof(log, index),
      serve: (log, path) => ledger.serve(log, path),
    },
    subjectKeys: () => KEYS,
    asOf: () => stored.length,
    acked: () => stored.length,
    onSearchable(call) {
      waiting.add(call)
      return { cancel: () => waiting.delete(call) }
    },
    trail: () => undefined,
    logError: (error) => void process.stderr.write(`${String(error)}\n`),
    readiness: () => ({ ready: engine !== 'down', reasons: engine === 'down' ? ['the engine is starting'] : [] }),
    info: {
      install: 'acme',
      version: '0.1.0',
      startedAt: Date.now(),
      sources: () => ['k8s-prod'],
      streams: () => ['sample'],
    },
    uiFolder: fileURLToPath(new URL('../../dist/ui', import.meta.url)),
    clock,
    limits: DEFAULT_LIMITS,
    ...others,
  }
  const api = createApi(deps)
  await api.app.listen({ host: '127.0.0.1', port: 0 })
  const address = api.app.server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  return {
    url,
    link: () => `${url}/#admin=${auth.createAdminLink()}`,
    record,
    alter(index, change) {
      const old = stored[index]
      if (old === undefined) throw new RangeError(`there is no event ${index}`)
      const [actor, place, target, body, original] = old.blocks
      stored[index] = { ...old, blocks: [actor, place, target, body === undefined ? body : change(body), original] }
    },
    fork() {
      ledger = ledgerOf(
        () =>
          stored.map((each, at) =>
            at === 0 ? { ...each, leaf: each.leaf.replace(/"y":"[^"]+"/, '"y":"other"') } : each,
          ),
        ledger.key,
      )
    },
    setEngine(next) {
      engine = next
    },
    async close() {
      await api.app.close()
      state.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function laterOf(ms: number, call: () => void): { cancel(): void } {
  const timer = setTimeout(call, ms)
  return { cancel: () => clearTimeout(timer) }
}

function sealed(invented: Invented, index: number): Sealed {
  const received = new Date(Math.min(Date.now(), Date.parse(invented['@timestamp']) + 410 || Date.now())).toISOString()
  const receivedAt = received.startsWith('0') ? new Date().toISOString() : received
  const { source = 'api', ...kept } = invented.whodid ?? {}
  const { header, blocks } = cutEvent({ ...invented, whodid: kept }, receivedAt)
  const id = sha256(Buffer.from(String(index))).subarray(0, 16)
  const { commitment } = commitBlocks(sha256, id, { actor: keyOf(1), target: keyOf(2) }, blocks)
  const leaf = formatLeaf({ ...header, r: receivedAt, s: source, id: toBase64Url(id), c: toBase64Url(commitment) })
  const event = mergeEvent({ ...header, r: receivedAt, s: source, id: toBase64Url(id) }, blocks, {
    log: LOG,
    index,
    stream: 'sample',
  })
  return { event, leaf, blocks, timeUs: eventTime(event) }
}

function keyOf(id: number): Uint8Array {
  return KEYS.get(id) ?? new Uint8Array(32)
}

function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer')
}

function guarded(reads: Reads, engine: () => 'up' | 'down' | 'slow'): Reads {
  const check = async (): Promise<void> => {
    if (engine() === 'down')
      throw new AuditError('engine_unavailable', 'the engine is starting', { retryAfterMs: 1000 })
    if (engine() === 'slow') await new Promise((resolve) => setTimeout(resolve, 6000))
  }
  return {
    ...reads,
    list: async (...args) => (await check(), reads.list(...args)),
    summary: async (...args) => (await check(), reads.summary(...args)),
  }
}

function readsOf(stored: readonly Sealed[]): Reads {
  const matching = (run: Run): readonly { row: Sealed; feed: number }[] => {
    const test = run.query === undefined ? () => true : predicate(run.query)
    return stored
      .slice(0, run.asOf)
      .map((row, at) => ({ row, feed: at + 1 }))
      .filter(({ row: { timeUs, event } }) => {
        const ms = timeUs / 1000
        return (
          ms >= (run.sinceMs ?? Number.NEGATIVE_INFINITY) &&
          ms < (run.untilMs ?? Number.POSITIVE_INFINITY) &&
          test(event)
        )
      })
      .toSorted((a, b) => b.row.timeUs - a.row.timeUs || b.feed - a.feed)
  }
  const find = (id: string): Sealed | undefined => stored.find(({ event }) => event.event.id === id)
  return {
    async list({ limit, after, ...run }) {
      const rows = matching(run)
      const start = after === undefined ? 0 : rows.findIndex(({ feed }) => feed === after.feed) + 1
      const page = rows.slice(start, start + limit)
      const last = page.at(-1)
      const more = last !== undefined && start + limit < rows.length
      return {
        events: page.map(({ row }) => row.event),
        rowsRead: stored.length,
        ...(more && { next: { timeUs: last.row.timeUs, feed: last.feed } }),
      }
    },
    async summary({ zone = 'UTC', ...run }) {
      const events = matching(run).map(({ row }) => row)
      const since = run.sinceMs ?? 0
      const until = run.untilMs ?? Date.now()
      const edges = bucketEdges(since, until, zone)
      const histogram = edges.slice(0, -1).map((from, at) => {
        const to = edges[at + 1] ?? until
        const inside = events.filter(({ timeUs }) => timeUs / 1000 >= from && timeUs / 1000 < to)
        return { from: new Date(from).toISOString(), to: new Date(to).toISOString(), counts: countsOf(inside) }
      })
      return {
        total: events.length,
        counts: countsOf(events),
        histogram,
        facets: FACETS.map(([field, path]) => facetOf(field, path, events)),
        since: new Date(since).toISOString(),
        until: new Date(until).toISOString(),
        rowsRead: stored.length,
      }
    },
    async get(id) {
      return find(id)?.event
    },
    async sealed(id, _visibility, commit) {
      const found = find(id)
      if (found === undefined) return undefined
      const index = stored.indexOf(found)
      const { leaf, blocks } = found
      const made = commit({
        feed: index + 1,
        log: LOG,
        index,
        leaf,
        blocks,
        actorKey: 1,
        targetKey: 2,
        conflict: false,
      })
      const shown = BLOCK_NAMES.flatMap((block, b): DisclosedBlock[] => {
        const json = blocks[b]
        return json === undefined ? [] : [{ block, json, salt: made[b]?.salt ?? '' }]
      })
      return { leaf, log: LOG, index, blocks: shown, commitments: made.map(({ commitment }) => commitment) }
    },
    async after({ query, afterFeed, asOf, limit }) {
      const test = query === undefined ? () => true : predicate(query)
      const page = stored.slice(afterFeed, Math.min(asOf, afterFeed + limit))
      return { events: page.map(({ event }) => event).filter(test), feed: afterFeed + page.length }
    },
    firstTime: async () => (stored.length === 0 ? undefined : Math.min(...stored.map(({ timeUs }) => timeUs / 1000))),
    hasEvents: async () => stored.length > 0,
    matches: async () => [],
    ownLeaves: async () => [],
    packed: async () => ({ rows: [] }),
    countsByLog: async () => new Map([[LOG, stored.length]]),
  }
}

const FACETS = [
  ['policy', 'audit.authz.policies.name'],
  ['actor', 'user.name'],
  ['action', 'event.action'],
  ['resource.type', 'audit.resource.type'],
  ['resource', 'audit.resource.name'],
  ['source', 'whodid.source'],
  ['stream', 'whodid.stream'],
  ['ip', 'source.ip'],
] as const

function facetOf(field: string, path: string, events: readonly Sealed[]): Facet {
  const counts = new Map<string, number>()
  for (const { event } of events) {
    for (const value of new Set(valuesAt(event, path).map(textOf))) {
      if (value !== undefined && value !== '') counts.set(value, (counts.get(value) ?? 0) + 1)
    }
  }
  const values = [...counts].map(([value, count]) => ({ value, count })).toSorted((a, b) => b.count - a.count)
  return { field, values: values.slice(0, 8), distinct: values.length }
}

function countsOf(events: readonly Sealed[]): Record<State, number> {
  const counts: Record<State, number> = { denied: 0, failed: 0, staged: 0, success: 0, unknown: 0 }
  for (const { event } of events) counts[stateOf(event)] += 1
  return counts
}

interface FixtureLedger extends Required<ApiDeps['ledger']> {
  readonly key: ReturnType<typeof newKey>
}

function ledgerOf(sealedNow: () => readonly Sealed[], key = newKey()): FixtureLedger {
  const hashes = new Map<string, Uint8Array>()
  const read: HashReader = async (nodes) => nodes.map((node) => nodeOf(node))
  function nodeOf({ level, index }: TreeNode): Uint8Array {
    const name = `${level}/${index}`
    const known = hashes.get(name)
    if (known !== undefined) return known
    const made =
      level === 0
        ? leafHash(sha256, new TextEncoder().encode(sealedNow()[index]?.leaf))
        : nodeHash(
            sha256,
            nodeOf({ level: level - 1, index: index * 2 }),
            nodeOf({ level: level - 1, index: index * 2 + 1 }),
          )
    hashes.set(name, made)
    return made
  }
  const notes = new Map<number, string>()
  const noteAt = async (size: number): Promise<string> => {
    const known = notes.get(size)
    if (known !== undefined) return known
    const text = formatCheckpoint({ origin: LOG, size, root: await treeRoot(sha256, size, read) })
    const signature = {
      name: LOG,
      id: keyId(sha256, LOG, 'ed25519', key.publicKey),
      bytes: sign(null, Buffer.from(text), key.privateKey),
    }
    const note = formatNote({ text, signatures: [signature] })
    notes.set(size, note)
    return note
  }
  const size = (): number => sealedNow().length
  const vkey = formatVerifierKey(sha256, LOG, 'ed25519', key.publicKey)
  return {
    key,
    logs: () => [{ origin: LOG, vkey, size: size(), stream: 'sample', period: '2026-11', state: 'open' }],
    checkpoint: () => notes.get(size()),
    rootProof: () => Promise.resolve(undefined),
    async proof(_log, index) {
      if (index >= size()) return undefined
      return { checkpoint: await noteAt(size()), hashes: await proveInclusion(sha256, index, size(), read) }
    },
    async serve(log, path) {
      const tile = parseTilePath(path)
      if (log !== LOG || tile === undefined || tile.level === 'entries') return undefined
      if (tile.index * 256 + tile.width > hashesAt(tile.level, size())) return undefined
      const level = tile.level * 8
      const nodes = Array.from({ length: tile.width }, (_, at) => nodeOf({ level, index: tile.index * 256 + at }))
      return { body: Buffer.concat(nodes), contentType: 'application/octet-stream', cache: 'immutable', gzip: false }
    },
  }
}

function newKey() {
  const { privateKey } = generateKeyPairSync('ed25519')
  const raw = createPublicKey(privateKey).export({ format: 'jwk' }).x ?? ''
  return {
    privateKey: createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    publicKey: fromBase64Url(raw),
  }
}

/** Nobody makes a pack here. */
const NO_EVIDENCE: ApiDeps['evidence'] = {
  jobs: {
    open: async () => undefined,
    start: () => {
      throw new Error('no pack is made here')
    },
    find: () => undefined,
    discard: async () => 0,
    stop: async () => undefined,
  },
  page: async () => undefined,
  rules: () => undefined,
  policy: () => undefined,
  approvals: 'single',
}
