import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  formatLeaf,
  leafHash,
  openCheckpoint,
  parseCheckpoint,
  parseNote,
  parseRootEntry,
  parseVerifierKey,
  toBase64Url,
  verifyInclusion,
  verifyLog,
} from '../../verify/index.ts'
import type { RootEntry } from '../../verify/index.ts'
import { realFiles } from '../lib/real-files.ts'
import type { Ledger } from './ledger.ts'
import { nodeCrypto } from './node-crypto.ts'
import { openLedger } from './ledger.ts'
import { openLogKeys } from './log-keys.ts'
import { sha256 } from './sha256.ts'
import type { RootDeps, SignedCheckpoints } from './signing-log.ts'

const ACCESS = 'acme/n1/access/2026-11'
const OWN = 'acme/n1/whodid/2026-11'
const ROOT = 'acme/n1/root'

let data: string
let rows: Map<string, { origin: string; size: number; note: string }>
let places: unknown
const opened: Ledger[] = []

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'root-'))
  rows = new Map()
  places = undefined
})
afterEach(async () => {
  for (const ledger of opened.splice(0)) await ledger.stop()
  await rm(data, { recursive: true })
})

test('holds the key and every entered checkpoint of each log, and verifies by itself', async () => {
  const ledger = await open()
  await grow(ledger, ACCESS, 3)
  await ledger.enterRoot()
  const early = ledger.checkpoint(ACCESS)
  await grow(ledger, ACCESS, 300)
  await grow(ledger, OWN, 1)
  await ledger.enterRoot()
  const entries = await read(ledger, ROOT)
  expect(entries.map((each) => [each.kind, each.kind === 'checkpoint' ? each.note : ''])).toEqual([
    ['key', ''],
    ['checkpoint', early],
    ['checkpoint', ledger.checkpoint(ACCESS)],
    ['key', ''],
    ['checkpoint', ledger.checkpoint(OWN)],
  ])
  expect(entries[0]).toMatchObject({ origin: ACCESS, vkey: vkeyOf(ledger, ACCESS) })
  expect(ledger.logs().find(({ origin }) => origin === ROOT)).toMatchObject({ stream: 'root', period: '', size: 5 })
  expect(await readFile(join(data, 'ledger', ROOT, 'log.json'), 'utf8')).toBe(
    `{"origin":"${ROOT}","vkey":"${vkeyOf(ledger, ROOT)}","stream":"root","minimumIndex":0}\n`,
  )
})

test('grows only when a log has changed', async () => {
  const ledger = await open()
  await ledger.enterRoot()
  expect(ledger.root()).toBeUndefined()
  await grow(ledger, ACCESS, 3)
  for (let times = 0; times < 3; times++) await ledger.enterRoot()
  expect(ledger.root()).toMatchObject({ origin: ROOT, size: 2 })
})

test('proves an event up to the root log in two steps', async () => {
  const ledger = await open()
  await grow(ledger, ACCESS, 300)
  await ledger.enterRoot()
  await grow(ledger, ACCESS, 301)
  await grow(ledger, OWN, 5)
  expect(await ledger.rootProof(ACCESS, 300)).toBeUndefined()
  await ledger.enterRoot()
  const found = await ledger.rootProof(ACCESS, 300)
  const log = await openCheckpoint(nodeCrypto, found!.note, parseVerifierKey(sha256, vkeyOf(ledger, ACCESS)))
  verifyInclusion(sha256, leafHash(sha256, leaf(300)), 300, log.size, found!.hashes, log.root)
  const root = await openCheckpoint(nodeCrypto, found!.rootNote, parseVerifierKey(sha256, vkeyOf(ledger, ROOT)))
  const entry = leafHash(sha256, Buffer.from(found!.note))
  verifyInclusion(sha256, entry, found!.entry, root.size, found!.rootHashes, root.root)
})

test('proves under the cosigned checkpoint once there is one, also after a start', async () => {
  let ledger = await open()
  await grow(ledger, ACCESS, 3)
  await ledger.enterRoot()
  await ledger.saveCosigned(ledger.root()!.note)
  await grow(ledger, ACCESS, 9)
  await ledger.enterRoot()
  expect(headOf((await ledger.rootProof(ACCESS, 2))!.rootNote)).toBe(2)
  expect(headOf((await ledger.rootProof(ACCESS, 8))!.rootNote)).toBe(3)
  ledger = await open()
  expect(ledger.root()).toMatchObject({ size: 3, cosigned: { size: 2 } })
  expect(headOf((await ledger.rootProof(ACCESS, 8))!.rootNote)).toBe(3)
  const file = await ledger.serve(ROOT, 'checkpoint.cosigned')
  expect(headOf(Buffer.from(file!.body).toString())).toBe(2)
})

test.each([
  ['the places that were saved', () => undefined],
  ['nothing saved', () => (places = undefined)],
  ['places of a larger log', () => (places = { origin: ROOT, size: 99, places: [] })],
])('goes on after a start with %s', async (_, lose) => {
  const before = await open()
  await grow(before, ACCESS, 300)
  await before.enterRoot()
  lose()
  const ledger = await open()
  await ledger.enterRoot()
  expect(ledger.root()).toMatchObject({ size: 2 })
  expect(await ledger.rootProof(ACCESS, 299)).toMatchObject({ entry: 1 })
  await grow(ledger, ACCESS, 301)
  await ledger.enterRoot()
  expect((await read(ledger, ROOT)).map(({ kind }) => kind)).toEqual(['key', 'checkpoint', 'checkpoint'])
})

test('signs nothing while it is held, and everything once it is released', async () => {
  const ledger = await open({ held: true })
  await grow(ledger, ACCESS, 3)
  await ledger.enterRoot()
  expect(ledger.logs()).toEqual([])
  // Whoever opens logs must know of it all the same, however long that takes.
  expect((await open({ held: true })).known()).toEqual([{ origin: ACCESS, size: 3, closed: false }])
  ledger.release()
  await ledger.sign(() => 3)
  await ledger.enterRoot()
  expect(ledger.logs().map(({ origin, size }) => [origin, size])).toEqual([
    [ROOT, 2],
    [ACCESS, 3],
  ])
})

test('a later generation abandons what was not closed, says so first, and signs it no more', async () => {
  const before = await open()
  await grow(before, ACCESS, 3)
  await before.enterRoot()
  const ledger = await open({ origin: `${ROOT}.2`, before: { origin: ROOT, witnessed: 40 } })
  await grow(ledger, ACCESS, 5)
  await grow(ledger, `${ACCESS}.2`, 2)
  await ledger.enterRoot()
  expect(ledger.logs().map(({ origin, size, state }) => [origin, size, state])).toEqual([
    [ACCESS, 3, 'abandoned'],
    [ROOT, 2, 'abandoned'],
    [`${ROOT}.2`, 4, 'open'],
    [`${ACCESS}.2`, 2, 'open'],
  ])
  expect((await read(ledger, `${ROOT}.2`)).slice(0, 3)).toEqual([
    { kind: 'abandoned', origin: ROOT, size: 40 },
    { kind: 'abandoned', origin: ACCESS, size: 3 },
    { kind: 'key', origin: `${ACCESS}.2`, vkey: vkeyOf(ledger, `${ACCESS}.2`) },
  ])
})

test('refuses to start when the root log lost what was signed', async () => {
  const before = await open()
  await grow(before, ACCESS, 3)
  await before.enterRoot()
  await rm(join(data, 'ledger', ROOT, 'entries.tail'))
  await expect(open()).rejects.toMatchObject({ code: 'damaged', message: expect.stringContaining(ROOT) })
})

async function open(root: Partial<RootDeps> = {}): Promise<Ledger> {
  const keys = await openLogKeys(realFiles, join(data, 'keys'))
  const ledger = await openLedger({
    files: realFiles,
    folder: join(data, 'ledger'),
    keys,
    checkpoints,
    root: { origin: ROOT, held: false, places: { load: () => places, save: (value) => (places = value) }, ...root },
  })
  opened.push(ledger)
  return ledger
}

/** Compare and set, in memory. */
const checkpoints: SignedCheckpoints = {
  all: () => [...rows.values()],
  save(changes) {
    for (const { origin, size, note, previousSize } of changes) {
      if ((rows.get(origin)?.size ?? 0) !== previousSize) throw new Error('signed elsewhere')
      rows.set(origin, { origin, size, note })
    }
  },
}

async function grow(ledger: Ledger, log: string, to: number): Promise<void> {
  const from = ledger.size(log)
  ledger.append(
    log,
    from,
    Array.from({ length: to - from }, (_, i) => leaf(from + i)),
  )
  await ledger.flush()
  await ledger.sign((origin) => ledger.size(origin))
}

/** All entries of a root log, whose tree and signature are checked on the way. */
async function read(ledger: Ledger, origin: string): Promise<readonly RootEntry[]> {
  const entries: RootEntry[] = []
  const fetch = async (path: string): Promise<Uint8Array> => {
    const file = await ledger.serve(origin, path)
    if (file === undefined) throw new Error('not found')
    return file.gzip ? gunzipSync(file.body) : file.body
  }
  const onEntry = (bytes: Uint8Array) => entries.push(parseRootEntry(sha256, Buffer.from(bytes).toString()))
  const log = { vkey: vkeyOf(ledger, origin), fetch, entries: 'root', onEntry } as const
  for await (const { checkpoint } of verifyLog(nodeCrypto, log)) expect(checkpoint.origin).toBe(origin)
  return entries
}

function vkeyOf(ledger: Ledger, log: string): string {
  return ledger.logs().find(({ origin }) => origin === log)?.vkey ?? ''
}

function headOf(note: string): number {
  return parseCheckpoint(parseNote(note).text).size
}

function leaf(i: number): Uint8Array {
  const t = new Date(Date.UTC(2026, 10, 1) + i * 10).toISOString()
  const seed = sha256(Buffer.from(`leaf ${i}`))
  const id = toBase64Url(seed.subarray(0, 16))
  return Buffer.from(formatLeaf({ t, r: t, s: 'api', d: 'app', y: 'read', o: 'success', id, c: toBase64Url(seed) }))
}
