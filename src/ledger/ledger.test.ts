import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { faultyFiles } from '../../test/faulty-files.ts'
import { seeded } from '../../test/seeded.ts'
import { createSimulatedDisk } from '../../test/simulated-disk.ts'
import { runLedger } from '../../test/crash/ledger-model.ts'
import {
  createEdge,
  formatLeaf,
  leafHash,
  openCheckpoint,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
  toBase64Url,
  verifyConsistency,
  verifyInclusion,
  verifyLog,
} from '../../verify/index.ts'
import type { LogProgress } from '../../verify/index.ts'
import type { Files } from '../lib/files.ts'
import { realFiles } from '../lib/real-files.ts'
import type { Ledger } from './ledger.ts'
import { nodeCrypto } from './node-crypto.ts'
import { openLedger } from './ledger.ts'
import { openLogKeys } from './log-keys.ts'
import { sha256 } from './sha256.ts'
import type { SignedCheckpoints } from './signing-log.ts'

const LOG = 'acme/n1/access/2026-11'

let data: string
let signed: SignedCheckpoints
const opened: Ledger[] = []

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'ledger-'))
  signed = createSigned()
})
afterEach(async () => {
  for (const ledger of opened.splice(0)) await ledger.stop()
  await rm(data, { recursive: true })
})

test('a log that grew in steps verifies as a whole, from its files alone', async () => {
  const ledger = await open()
  for (const to of [1, 255, 256, 257, 700, 1500]) await grow(ledger, to)
  expect(await check(ledger)).toMatchObject({ entries: 1500, checkpoint: { origin: LOG, size: 1500 } })
  expect(ledger.logs()).toEqual([
    { origin: LOG, vkey: expect.any(String), size: 1500, stream: 'access', period: '2026-11', state: 'open' },
  ])
  expect((await readdir(join(data, 'ledger', LOG))).toSorted()).toEqual([
    'checkpoint',
    'entries.gz',
    'entries.idx',
    'entries.tail',
    'hashes.1',
    'log.json',
    'log.vkey',
  ])
  await ledger.stop()
  expect(await check(await open())).toMatchObject({ entries: 1500 })
})

test('every leaf has a proof, and each checkpoint continues every earlier one', async () => {
  const ledger = await open()
  const steps = [3, 256, 300, 900]
  const notes: string[] = []
  for (const to of steps) {
    await grow(ledger, to)
    notes.push(ledger.checkpoint(LOG)!)
  }
  const { root, size } = headOf(notes.at(-1)!)
  for (const index of [0, 2, 255, 256, 511, 767, 768, 899]) {
    const proof = await ledger.proof(LOG, index)
    expect(proof?.checkpoint).toBe(notes.at(-1))
    verifyInclusion(sha256, leafHash(sha256, leaf(index)), index, size, proof!.hashes, root)
  }
  for (const older of notes) {
    const head = headOf(older)
    verifyConsistency(sha256, head, { root, size }, await ledger.consistency(LOG, head.size, size))
  }
  expect(await ledger.proof(LOG, 900)).toBeUndefined()
  expect(await ledger.proof('acme/n1/other/2026-11', 0)).toBeUndefined()
  await expect(ledger.consistency(LOG, 3, 901)).rejects.toMatchObject({ code: 'not_found' })
})

test('nothing is shown before it is signed, and nothing beyond what was signed', async () => {
  const ledger = await open()
  ledger.append(LOG, 0, leaves(0, 300))
  expect(await ledger.flush()).toEqual(new Map([[LOG, 300]]))
  expect(ledger.logs()).toEqual([])
  expect(await ledger.serve(LOG, 'log.json')).toBeUndefined()
  await ledger.sign(() => 290)
  expect(headOf(ledger.checkpoint(LOG)!).size).toBe(290)
  for (const path of ['tile/0/000', 'tile/entries/000', 'tile/0/001.p/34', 'tile/entries/001.p/34', 'tile/1/000.p/1']) {
    expect(await ledger.serve(LOG, path), path).toMatchObject({ cache: 'immutable' })
  }
  // The partial tiles of smaller sizes stay: somebody may hold such a checkpoint.
  expect(await ledger.serve(LOG, 'tile/0/000.p/7')).toMatchObject({ body: { length: 7 * 32 } })
  expect(await ledger.serve(LOG, 'tile/entries/000')).toMatchObject({ gzip: true })
  for (const path of ['tile/0/001.p/35', 'tile/0/001', 'tile/entries/001', 'tile/1/000.p/2', 'tile/2/000.p/1', 'x']) {
    expect(await ledger.serve(LOG, path), path).toBeUndefined()
  }
  expect(await ledger.serve(LOG, '../../../../keys/logs')).toBeUndefined()
})

test('only durable leaves are signed', async () => {
  const ledger = await open()
  ledger.append(LOG, 0, leaves(0, 10))
  await ledger.flush()
  await ledger.sign(() => 0)
  expect(ledger.checkpoint(LOG)).toBeUndefined()
  await ledger.sign(() => 4)
  expect(headOf(ledger.checkpoint(LOG)!).size).toBe(4)
  expect(Buffer.from(headOf(ledger.checkpoint(LOG)!).root)).toEqual(Buffer.from(rootOf(4)))
})

test('leaves that it has are passed over when the journal is replayed, and a gap is refused', async () => {
  const first = await open()
  await grow(first, 600)
  await first.stop()
  const ledger = await open()
  expect(ledger.size(LOG)).toBe(600)
  ledger.append(LOG, 100, leaves(100, 650))
  expect(ledger.size(LOG)).toBe(650)
  expect(() => ledger.append(LOG, 651, leaves(651, 652))).toThrow(expect.objectContaining({ code: 'damaged' }))
  await ledger.flush()
  await ledger.sign(() => Infinity)
  expect(await check(ledger)).toMatchObject({ entries: 650 })
})

test('when somebody else signed for the log, nothing is published', async () => {
  const ledger = await open()
  await grow(ledger, 5)
  const note = ledger.checkpoint(LOG)
  signed.save([{ origin: LOG, size: 6, note: 'theirs', previousSize: 5 }])
  ledger.append(LOG, 5, leaves(5, 7))
  await ledger.flush()
  await expect(ledger.sign(() => Infinity)).rejects.toThrow(/signed elsewhere/)
  expect(ledger.checkpoint(LOG)).toBe(note)
  await expect(ledger.flush()).rejects.toThrow(/signed elsewhere/)
})

test('a log ends with log.closed, also for the next process', async () => {
  const ledger = await open()
  await grow(ledger, 255)
  ledger.append(LOG, 255, [leaf(255, { s: '_log', y: 'log.closed' })])
  await ledger.flush()
  await ledger.sign(() => Infinity)
  await ledger.close(LOG)
  expect(ledger.logs()).toMatchObject([{ state: 'closed', size: 256 }])
  expect(() => ledger.append(LOG, 256, leaves(256, 257))).toThrow(/closed/)
  expect(await check(ledger)).toMatchObject({ entries: 256 })
  await ledger.stop()
  expect((await open()).logs()).toMatchObject([{ state: 'closed', size: 256 }])
})

test('several logs are signed in one commit, each with its own key', async () => {
  let commits = 0
  const ledger = await open(realFiles, { all: () => [], save: () => void commits++ })
  const other = 'acme/n1/whodid/2026-11-24'
  ledger.append(LOG, 0, leaves(0, 3))
  ledger.append(other, 0, leaves(0, 5))
  await ledger.flush()
  await ledger.sign(() => Infinity)
  expect(commits).toBe(1)
  expect(ledger.logs().map(({ origin, size }) => [origin, size])).toEqual([
    [LOG, 3],
    [other, 5],
  ])
  expect(new Set(ledger.logs().map(({ vkey }) => vkey.split('+')[1])).size).toBe(2)
  await check(ledger, other)
})

const FILES = ['checkpoint', 'entries.gz', 'entries.idx', 'entries.tail', 'hashes.1', 'log.json', 'log.vkey']
/** So many that there are hashes of the second level. */
const MANY = 65_600

test.each([...FILES.map((name) => [name, 700] as const), ['hashes.2', MANY] as const])(
  'one flipped byte anywhere in %s is found by who verifies, and after the next start',
  async (name, size) => {
    const ledger = await open()
    await grow(ledger, size)
    const path = join(data, 'ledger', LOG, name)
    const bytes = await readFile(path)
    const places = size === MANY ? [17] : [0, 4, 9, bytes.length >> 1, Math.floor(bytes.length / 3), bytes.length - 1]
    for (const at of places.filter((place) => place < bytes.length)) {
      await writeFile(path, bytes.with(at, bytes[at]! ^ 1))
      await expect(check(ledger), `byte ${at}`).rejects.toThrow()
      // Closed bundles and full tiles are not read at the start: what is wrong in them is found by who verifies.
      await expect(open().then(check), `byte ${at}, after a start`).rejects.toThrow()
    }
    await writeFile(path, bytes)
    expect(await check(ledger)).toMatchObject({ entries: size })
  },
)

test.each(FILES.filter((name) => name !== 'checkpoint'))(
  'a start without %s is refused by name, and cuts nothing',
  async (name) => {
    const ledger = await open()
    await grow(ledger, 700)
    await ledger.stop()
    const folder = join(data, 'ledger', LOG)
    const before = await sizesIn(folder)
    await rm(join(folder, name))
    await expect(open()).rejects.toMatchObject({ code: 'damaged', message: expect.stringContaining(`${LOG}/${name}`) })
    expect(await sizesIn(folder)).toEqual(before.filter(([each]) => each !== name))
  },
)

test('a start without a log’s folder, or without its key, is refused', async () => {
  const ledger = await open()
  await grow(ledger, 10)
  await ledger.stop()
  const key = join(data, 'keys', 'acme+n1+access+2026-11.skey')
  const text = await readFile(key)
  await writeFile(
    key,
    text.map((byte, i) => (i === 80 ? byte ^ 1 : byte)),
  )
  await expect(open()).rejects.toMatchObject({ code: 'damaged', message: expect.stringContaining('.skey') })
  await rm(key)
  await expect(open()).rejects.toMatchObject({ code: 'damaged', message: expect.stringContaining(LOG) })
  await writeFile(key, text)
  await open()
  await rm(join(data, 'ledger', 'acme'), { recursive: true })
  await expect(open()).rejects.toMatchObject({ code: 'damaged', message: expect.stringContaining('it is gone') })
})

test('a ledger whose leaves are not those that were signed is refused', async () => {
  const ledger = await open()
  await grow(ledger, 300)
  await ledger.stop()
  const elsewhere = { ...signed, all: () => [{ origin: LOG, size: 300, note: forged(signed.all()[0]!.note) }] }
  await expect(open(realFiles, elsewhere)).rejects.toMatchObject({
    code: 'damaged',
    message: expect.stringContaining(LOG),
  })
})

test.each(['no', 'half', 'yes'] as const)(
  'whichever write or sync fails (applied: %s), the next start goes on with all that was flushed',
  async (applied) => {
    const steps = [3, 300, 310, 600]
    for (let at = 1, calls = at; at <= calls; at++) {
      const disk = createSimulatedDisk(seeded(at))
      signed = createSigned()
      const files = faultyFiles(disk.files, { at, applied })
      let flushed = 0
      const run = async (): Promise<void> => {
        const ledger = await open(files)
        for (const to of steps) {
          ledger.append(LOG, flushed, leaves(flushed, to))
          flushed = (await ledger.flush()).get(LOG)!
          await ledger.sign(() => Infinity)
        }
      }
      const outcome = await run().catch(String)
      expect(outcome ?? 'injected').toContain('injected')
      calls = outcome === undefined ? 0 : at + 1
      const again = await open(disk.files)
      expect(again.size(LOG)).toBeGreaterThanOrEqual(flushed)
      again.append(LOG, flushed, leaves(flushed, 600))
      await again.flush()
      await again.sign(() => Infinity)
      expect(await check(again)).toMatchObject({ entries: 600 })
    }
  },
)

test('after a failed write nothing goes on, and what was published can still be read', async () => {
  const { files } = createSimulatedDisk(seeded(1))
  const ledger = await open(faultyFiles(files, { at: 60, applied: 'no', errno: 'ENOSPC' }))
  let size = 0
  const run = async (): Promise<void> => {
    for (;;) {
      await grow(ledger, size + 1)
      size++
    }
  }
  await expect(run()).rejects.toMatchObject({ code: 'disk_full' })
  await expect(ledger.flush()).rejects.toMatchObject({ code: 'disk_full' })
  await expect(ledger.sign(() => Infinity)).rejects.toMatchObject({ code: 'disk_full' })
  expect(size).toBeGreaterThan(1)
  expect(await check(ledger)).toMatchObject({ checkpoint: { size } })
})

test('what the disk forgets or a kill leaves behind is never more than was not flushed', async () => {
  for (let seed = 1; seed <= 15; seed++) await runLedger(seed)
})

test('a checkpoint opens with the log’s verifier key', async () => {
  const ledger = await open()
  await grow(ledger, 2)
  const key = parseVerifierKey(sha256, ledger.logs()[0]!.vkey)
  expect(await openCheckpoint(nodeCrypto, ledger.checkpoint(LOG)!, key)).toMatchObject({ origin: LOG, size: 2 })
})

async function open(files: Files = realFiles, checkpoints: SignedCheckpoints = signed): Promise<Ledger> {
  const keys = await openLogKeys(files, join(data, 'keys'))
  const ledger = await openLedger({ files, folder: join(data, 'ledger'), keys, checkpoints })
  opened.push(ledger)
  return ledger
}

/** Compare and set, in memory. */
function createSigned(): SignedCheckpoints {
  const rows = new Map<string, { origin: string; size: number; note: string }>()
  return {
    all: () => [...rows.values()],
    save(changes) {
      for (const { origin, previousSize } of changes) {
        if ((rows.get(origin)?.size ?? 0) !== previousSize) throw new Error('signed elsewhere')
      }
      for (const { origin, size, note } of changes) rows.set(origin, { origin, size, note })
    },
  }
}

async function grow(ledger: Ledger, to: number): Promise<void> {
  const from = ledger.size(LOG)
  ledger.append(LOG, from, leaves(from, to))
  await ledger.flush()
  await ledger.sign((log) => ledger.size(log))
}

async function check(ledger: Ledger, log = LOG): Promise<LogProgress> {
  const vkey = ledger.logs().find(({ origin }) => origin === log)!.vkey
  const fetch = async (path: string): Promise<Uint8Array> => {
    const file = await ledger.serve(log, path)
    if (file === undefined) throw new Error('not found')
    return file.gzip ? gunzipSync(file.body) : file.body
  }
  let last: LogProgress | undefined
  for await (const progress of verifyLog(nodeCrypto, { vkey, fetch, entries: 'whodid' })) last = progress
  return last!
}

async function sizesIn(folder: string): Promise<readonly (readonly [string, number])[]> {
  const names = (await readdir(folder)).toSorted()
  return Promise.all(names.map(async (name) => [name, (await readFile(join(folder, name))).length] as const))
}

function headOf(note: string): { size: number; root: Uint8Array } {
  return parseCheckpoint(parseNote(note).text)
}

/** Another root in a note; its signature is not what this is about. */
function forged(note: string): string {
  return note.replace(/\n[A-Za-z0-9+/]{4}/, '\nAAAA')
}

function rootOf(size: number): Uint8Array {
  const edge = createEdge(sha256)
  for (const each of leaves(0, size)) edge.push(leafHash(sha256, each))
  return edge.root()
}

function leaves(from: number, to: number): readonly Uint8Array[] {
  return Array.from({ length: to - from }, (_, i) => leaf(from + i))
}

function leaf(i: number, header: { s: string; y: string } = { s: 'api', y: 'read' }): Uint8Array {
  const t = new Date(Date.UTC(2026, 10, 1) + i * 10).toISOString()
  const seed = sha256(Buffer.from(`leaf ${i}`))
  const id = toBase64Url(seed.subarray(0, 16))
  return Buffer.from(formatLeaf({ t, r: t, d: 'app', o: 'success', ...header, id, c: toBase64Url(seed) }))
}
