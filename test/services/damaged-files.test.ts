import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openCheckpoint, parseLeaf, parseVerifierKey, verifyLog, VerifyError } from '../../verify/index.ts'
import type { EventPage, LogInfo, ScrubAnswer } from '../../src/domain/answers.ts'
import { AuditError } from '../../src/domain/errors.ts'
import { isRootOrigin } from '../../src/domain/sealed.ts'
import { nodeCrypto } from '../../src/ledger/node-crypto.ts'
import type { AServer } from '../a-server.ts'
import { aServer } from '../a-server.ts'
import { createApiClient } from '../api-client.ts'
import type { ServerProcess } from '../server-process.ts'
import { startServerProcess } from '../server-process.ts'

/** A data folder that was let go of, and what its server had promised by then. */
interface Base {
  readonly folder: string
  /** Ids that were acknowledged. */
  readonly ids: ReadonlySet<string>
  /** By origin, what somebody outside kept. */
  readonly kept: ReadonlyMap<string, Kept>
}

interface Kept {
  readonly vkey: string
  readonly size: number
  readonly root: Uint8Array
}

const PERIOD = new Date().toISOString().slice(0, 7)
const LOG = `ledger/acme/n1/default/${PERIOD}`
const ROOT = 'ledger/acme/n1/root'

const BATCH = 20
const BATCHES = 30

let folder: string
let closed: Base
let killed: Base

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'whodid-damaged-'))
  const data = join(folder, 'data')
  const first = await started(data)
  const before = await filled(first, 0)
  await first.stop()
  closed = { folder: join(folder, 'closed'), ...before }
  await copy(data, closed.folder)
  const second = await started(data)
  const after = await filled(second, BATCHES + 1)
  await second.kill()
  killed = { folder: join(folder, 'killed'), ids: before.ids.union(after.ids), kept: after.kept }
  await copy(data, killed.folder)
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

type Harm = (path: string) => void

/** What must become of it. */
type Expected =
  /** No start; what is said names the file. */
  | { readonly refused: RegExp }
  /** It starts, and a line of the log, `/readyz`, the scrub, a search or `whodid verify` says this. */
  | { readonly named: RegExp }
  /** It starts and nothing is wrong: what was damaged is made anew. */
  | 'whole'

const ENTRIES: readonly (readonly [string, Harm, RegExp])[] = [
  ['entries.gz', cut, /entries\.gz is damaged: it has \d+ bytes of/],
  ['entries.idx', cut, /entries\.idx is damaged: it has \d+ bytes of/],
  ['entries.idx', flipped, /entries\.(gz|idx) is damaged: /],
  ['hashes.1', cut, /hashes\.1 is damaged: it has \d+ bytes of/],
  ['hashes.1', flipped, /hashes\.1 is damaged: hash \d is not that of bundle \d/],
]

const EVERY_LOG: readonly (readonly [string, Harm, RegExp])[] = [cut, flipped].flatMap((harm) => [
  ['entries.tail', harm, /entries\.tail is damaged: /] as const,
  ['checkpoint', harm, /checkpoint is damaged: it is no checkpoint that was signed for this log/] as const,
  ['log.json', harm, /log\.json is damaged: it is not that of log/] as const,
  ['log.vkey', harm, /log\.vkey is damaged: it is not that of log/] as const,
])

const SKEY = `keys/logs/acme+n1+default+${PERIOD}.skey`

const CASES: readonly (readonly ['closed' | 'killed', string, Harm, Expected])[] = [
  ['closed', 'journal/FIRST', cut, { refused: /journal file .*\.wdj is damaged at byte \d+: it ends inside a frame/ }],
  ['closed', 'journal/FIRST', flipped, { refused: /journal file .*\.wdj is damaged at byte \d+/ }],
  ['closed', 'journal/LAST', cut, { refused: /the journal ends before frame \d+, but frame \d+ was acknowledged/ }],
  ['closed', 'journal/LAST', gone, { refused: /the journal ends before frame \d+, but frame \d+ was acknowledged/ }],
  ['closed', 'journal/LAST', flipped, { refused: /journal file .*\.wdj is damaged at byte \d+/ }],
  ['closed', 'journal/LAST', torn, 'whole'],
  ['killed', 'journal/LAST', torn, 'whole'],
  ['killed', 'journal/LAST', cut, { refused: /the journal .*ends (before frame|at leaf) \d+/ }],
  ['killed', 'journal/LAST', flipped, { refused: /journal file .*\.wdj is damaged at byte \d+/ }],
  ...ENTRIES.map(([name, harm, refused]) => ['closed', `${LOG}/${name}`, harm, { refused }] as const),
  ['closed', `${LOG}/entries.gz`, flipped, { named: /verify .*entries\.gz is damaged: bundle 0 is not what/ }],
  ...EVERY_LOG.map(([name, harm, refused]) => ['closed', `${LOG}/${name}`, harm, { refused }] as const),
  ...EVERY_LOG.map(([name, harm, refused]) => ['closed', `${ROOT}/${name}`, harm, { refused }] as const),
  ['killed', `${LOG}/checkpoint`, flipped, { refused: /checkpoint is damaged/ }],
  ['closed', 'state.db', cut, { refused: /state\.db is .*damaged/ }],
  ['closed', 'state.db', malformed, { refused: /state\.db is .*damaged/ }],
  [
    'closed',
    'state.db',
    (path) => flipAt(path, `acme/n1/default/${PERIOD}\n`, 40),
    { refused: /state\.db is damaged: its checkpoint of log acme\/n1\/default/ },
  ],
  ['closed', 'keys/subjects.db', cut, { refused: /subjects\.db (is damaged|cannot be opened as a key store)/ }],
  ['closed', 'keys/subjects.db', malformed, { refused: /subjects\.db (is damaged|cannot be opened as a key store)/ }],
  ['closed', 'keys/subjects.db', aKey, { named: /scrub: row \d+ of acme\/n1\/\S+ differs/ }],
  ['closed', 'keys/dedupe.key', cut, { refused: /dedupe\.key has 16 bytes, not 32/ }],
  ['closed', 'keys/dedupe.key', flipped, { refused: /dedupe\.key is not the key that this data folder was made with/ }],
  ['closed', SKEY, cut, { refused: /\.skey does not hold the key of log/ }],
  ['closed', SKEY, flipped, { refused: /\.skey does not hold the key of log/ }],
  ['closed', 'rejected.db', cut, { named: /rejected records wait in the journal.*rejected\.db is .*damaged/ }],
  ['closed', 'rejected.db', malformed, { named: /rejected records wait in the journal.*rejected\.db is .*damaged/ }],
  ['killed', 'run.json', cut, 'whole'],
  ['killed', 'run.json', flipped, 'whole'],
  ['closed', 'engine/engine.xml', cut, 'whole'],
  ['closed', 'engine/PART', cut, { named: /scrub: row \d+ of acme\/n1\/\S+ is missing/ }],
  ['closed', 'engine/PART', flipped, { named: /CHECKSUM_DOESNT_MATCH/ }],
]

test.each(CASES.map(([how, file, harm, expected]) => [how, file, harm.name || 'one value', expected, harm] as const))(
  'of a %s server, %s %s',
  async (how, file, _name, expected, harm) => {
    const base = how === 'closed' ? closed : killed
    const data = mkdtempSync(join(folder, 'copy-'))
    await copy(base.folder, data)
    harm(join(data, placeOf(data, file)))

    const said = await outcome(data, base)

    if (expected === 'whole') expect(said).toEqual({ named: '' })
    else
      expect(said).toEqual(
        'refused' in expected ? matching('refused', expected.refused) : matching('named', expected.named),
      )
  },
)

function matching(key: keyof Outcome, pattern: RegExp): unknown {
  return { [key]: expect.stringMatching(pattern) }
}

interface Outcome {
  /** What a refused start says. */
  readonly refused?: string
  /** All that a server says of itself that runs. */
  readonly named?: string
}

async function outcome(data: string, base: Base): Promise<Outcome> {
  let server: AServer
  try {
    // What the background scrub would find some day, the test asks for at once.
    server = await aServer({ data, config: { ledger: { public: 'none', scrubShare: 0 } } })
  } catch (error) {
    if (error instanceof AuditError && error.code !== 'internal') return { refused: error.message }
    throw error
  }
  return { named: (await judged(server, base)).join('\n') }
}

/** Whatever was named: no acknowledged event may be lost, and no checkpoint go back on an older one. */
async function judged(server: AServer, { ids, kept }: Base): Promise<readonly string[]> {
  const named: string[] = []
  const searched = await idsFound(server, ids)
  if (ids.difference(searched).size > 0) named.push('a search does not find all')
  const sealed = new Set<string>()
  for (const each of kept.values()) named.push(...(await verified(server, each, sealed)))
  expect(ids.difference(searched.union(sealed)).size).toBe(0)
  // It would find the same, slowly.
  if (named.every((each) => !each.startsWith('verify'))) named.push(...(await scrubbed(server)))
  const { reasons } = (await server.call('GET', '/readyz')).json<{ reasons: readonly string[] }>()
  return [...named, ...reasons, ...server.lines]
}

/** Ids that a search finds; asks until it has all that are wanted, or for two seconds. */
async function idsFound(server: AServer, wanted: ReadonlySet<string>): Promise<ReadonlySet<string>> {
  for (const end = performance.now() + 2000; ; await sleep(50)) {
    const found = new Set<string>()
    for (let cursor: string | undefined = ''; cursor !== undefined;) {
      const answer = await server.call('GET', `/v1/events?q=-stream:whodid&limit=1000${cursor}`)
      if (answer.status !== 200) break
      const { events, next } = answer.json<EventPage>()
      for (const { event } of events) if (event.id !== undefined) found.add(event.id)
      cursor = next === undefined ? undefined : `&cursor=${encodeURIComponent(next)}`
    }
    if (wanted.difference(found).size === 0 || performance.now() > end) return found
  }
}

/** Reads a log as `whodid verify` does, with a checkpoint that was kept; says what is wrong with it. */
async function verified(server: AServer, { vkey, size, root }: Kept, sealed: Set<string>): Promise<readonly string[]> {
  const { name: origin } = parseVerifierKey(nodeCrypto.sha256, vkey)
  const fetch = async (path: string): Promise<Uint8Array> => {
    const answer = await server.call('GET', `/log/${origin}/${path}`)
    if (answer.status !== 200) throw new VerifyError('unreadable', `${path}: ${answer.status} ${answer.text}`)
    return answer.bytes
  }
  const note = Buffer.from(await fetch('checkpoint')).toString()
  const now = await openCheckpoint(nodeCrypto, note, parseVerifierKey(nodeCrypto.sha256, vkey))
  expect(now.size).toBeGreaterThanOrEqual(size)
  if (now.size === size) expect(now.root).toEqual(root)
  const entries = isRootOrigin(origin) ? 'root' : 'whodid'
  const onEntry = (entry: Uint8Array): unknown =>
    entries === 'whodid' && sealed.add(parseLeaf(Buffer.from(entry).toString()).id)
  try {
    const steps = verifyLog(nodeCrypto, { vkey, fetch, entries, onEntry, earlier: new Map([[size, root]]) })
    for await (const step of steps) expect(step.checkpoint.origin).toBe(origin)
    return []
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error
    return [`verify ${origin}: ${error.message}`]
  }
}

async function scrubbed(server: AServer): Promise<readonly string[]> {
  let answer = await server.call('POST', '/v1/ledger/scrub', '{}', { 'content-type': 'application/json' })
  for (; answer.status < 300; answer = await server.call('GET', '/v1/ledger/scrub')) {
    const { run, differences } = answer.json<ScrubAnswer>()
    if (run?.state === 'failed') return [`scrub: ${run.reason}`]
    if (run?.state === 'done') return differences.map(({ text }) => `scrub: ${text}`)
    await sleep(20)
  }
  return [`scrub: ${answer.text}`]
}

/** FIRST and LAST file of the journal, the largest PART of the engine. */
function placeOf(data: string, file: string): string {
  const [first, ...others] = readdirSync(join(data, 'journal')).toSorted()
  if (file === 'journal/FIRST') return join('journal', first ?? '')
  if (file === 'journal/LAST') return join('journal', others.at(-1) ?? '')
  if (file !== 'engine/PART') return file
  const names = readdirSync(join(data, STORE), { recursive: true, encoding: 'utf8' })
  const parts = names.filter((name) => name.endsWith('data.bin')).map((name) => join(STORE, name))
  const sized = parts.map((path) => ({ path, bytes: lstatSync(join(data, path)).size }))
  return sized.toSorted((a, b) => b.bytes - a.bytes)[0]?.path ?? ''
}

const STORE = 'engine/data/store'

/** The second half is gone. */
function cut(path: string): void {
  const bytes = readFileSync(path)
  writeFileSync(path, bytes.subarray(0, Math.floor(bytes.length / 2)))
}

/** One bit in the middle. */
function flipped(path: string): void {
  flip(path, Math.floor(readFileSync(path).length / 2))
}

function gone(path: string): void {
  rmSync(path)
}

/** What a crash leaves: a frame that was begun. */
function torn(path: string): void {
  const bytes = readFileSync(path)
  writeFileSync(path, Buffer.concat([bytes, bytes.subarray(16, 60)]))
}

/** One bit of what the second page of a database is. */
function malformed(path: string): void {
  flip(path, 4096)
}

/** One bit of a subject key. */
function aKey(path: string): void {
  const database = new DatabaseSync(path)
  const key = database.prepare('SELECT key FROM keys ORDER BY id LIMIT 1').get()?.['key']
  database.close()
  // The column is a BLOB NOT NULL.
  flipAt(path, key as Uint8Array, 5)
}

/** One bit so many bytes behind where something begins. */
function flipAt(path: string, found: string | Uint8Array, behind: number): void {
  const at = readFileSync(path).indexOf(found)
  expect(at).toBeGreaterThan(0)
  flip(path, at + behind)
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
  writeFileSync(path, bytes)
}

async function started(data: string): Promise<ServerProcess> {
  const config = join(folder, 'whodid.yaml')
  writeFileSync(config, 'install: acme\njournal: { maxBytes: 1048576 }\n')
  return await startServerProcess({ data, config })
}

async function filled(server: ServerProcess, first: number): Promise<Pick<Base, 'ids' | 'kept'>> {
  const api = createApiClient(server.url, await server.token('admin'))
  const ids = new Set<string>()
  const post = async (batch: number): Promise<void> => {
    const { receipt } = await api.post(recordsOf(batch))
    for (const result of receipt?.results ?? []) if ('id' in result) ids.add(result.id)
  }
  for (let batch = first; batch < first + BATCHES; batch++) await post(batch)
  const leaves = (first + BATCHES) * BATCH
  let logs: readonly LogInfo[] = []
  while (!logs.some(({ stream, size }) => stream === 'default' && size >= leaves)) {
    logs = (await api.json<{ logs: readonly LogInfo[] }>('/log')).logs
  }
  const kept = new Map<string, Kept>()
  for (const { origin, vkey, size } of logs.filter((each) => each.size > 0)) {
    const note = Buffer.from(await api.bytes(`/log/${origin}/checkpoint`)).toString()
    const { root, ...head } = await openCheckpoint(nodeCrypto, note, parseVerifierKey(nodeCrypto.sha256, vkey))
    expect(head.size).toBeGreaterThanOrEqual(size)
    kept.set(origin, { vkey, size: head.size, root })
  }
  // Acknowledged, and nobody has signed it yet.
  await post(first + BATCHES)
  return { ids, kept }
}

function recordsOf(batch: number): readonly object[] {
  return Array.from({ length: BATCH }, (_, n) => ({
    event: { id: `${batch}-${n}`, action: 'login' },
    user: { name: `user-${n}` },
    message: 'what was asked for '.repeat(10),
  }))
}

/** Files alone: sockets go with their process. */
async function copy(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, filter: (path) => lstatSync(path).isFile() || lstatSync(path).isDirectory() })
}
