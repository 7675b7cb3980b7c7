import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { seeded } from '../../test/seeded.ts'
import { createSimulatedDisk, type SimulatedDisk } from '../../test/simulated-disk.ts'
import {
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
import { type Ledger, openLedger } from './ledger.ts'
import { nodeCrypto } from './node-crypto.ts'
import { openLogKeys } from './log-keys.ts'
import { sha256 } from './sha256.ts'
import type { SignedCheckpoints } from './signing-log.ts'

const LOG = 'acme/n1/access/2026-10'
const NEXT = 'acme/n1/access/2026-11'
const FOLDER = `/data/ledger/${LOG}`
const SIZE = 700

test('of a pruned log its signed end is left, and the hashes that lead from old ends to it', async () => {
  const life = await aLife()
  const { ledger, files } = life
  const before = headOf(ledger.checkpoint(LOG)!)

  await ledger.prune(LOG, true)

  for (const { size, root } of [before, headOf((await open(life)).checkpoint(LOG)!)])
    expect({ size, root }).toEqual(before)
  expect(await files.list(FOLDER)).toEqual(['checkpoint', 'hashes.1', 'hashes.edge', 'log.json', 'log.vkey'])
  for (const each of [ledger, await open(life)]) {
    expect(each.logs().find(({ origin }) => origin === LOG)).toMatchObject({
      state: 'pruned',
      size: SIZE,
      minimumIndex: SIZE,
    })
    const path = await each.consistency(LOG, 512, SIZE)
    expect(verifyConsistency(sha256, { size: 512, root: life.roots.get(512)! }, before, path)).toBeUndefined()
    await expect(each.consistency(LOG, 300, SIZE)).rejects.toMatchObject({ code: 'not_found' })
    await expect(each.proof(LOG, 3)).rejects.toMatchObject({ code: 'not_found' })
    expect((await each.serve(LOG, 'log.json'))?.body.toString()).toContain(`"minimumIndex":${SIZE}`)
    expect((await each.serve(LOG, 'tile/1/000.p/2'))?.body).toHaveLength(64)
    expect((await each.serve(LOG, `tile/0/002.p/${SIZE % 256}`))?.body).toHaveLength((SIZE % 256) * 32)
    for (const gone of ['tile/0/000', 'tile/entries/000', 'tile/entries/002.p/188'])
      await expect(each.serve(LOG, gone)).rejects.toMatchObject({ code: 'not_found' })
    expect(await check(each)).toMatchObject({ pruned: true, entries: 0, checkpoint: { size: SIZE } })
  }
})

test('a proof that somebody holds of an event still verifies when its log is gone', async () => {
  const life = await aLife()
  const proof = await life.ledger.proof(LOG, 300)
  const key = parseVerifierKey(sha256, life.ledger.logs().find(({ origin }) => origin === LOG)!.vkey)

  await life.ledger.prune(LOG, false)

  const { size, root } = await openCheckpoint(nodeCrypto, proof!.checkpoint, key)
  expect(verifyInclusion(sha256, leafHash(sha256, leaf(300)), 300, size, proof!.hashes, root)).toBeUndefined()
  expect(await life.files.list(FOLDER)).toEqual(['checkpoint', 'log.json', 'log.vkey'])
  const again = await open(life)
  expect(again.checkpoint(LOG)).toBe(proof!.checkpoint)
  await expect(again.consistency(LOG, 512, SIZE)).rejects.toMatchObject({ code: 'not_found' })
})

test.each([true, false])(
  'a kill or a power loss at every step of pruning leaves a whole log or a pruned one, and the next try ends it (hashes kept: %s)',
  async (keepHashes) => {
    let steps = 0
    for (let isDone = false; !isDone; steps++) {
      for (const how of ['crash', 'kill'] as const) {
        const life = await aLife(steps + 1)
        life.disk.failAfter(steps)
        isDone = await life.ledger.prune(LOG, keepHashes).then(
          () => true,
          () => false,
        )
        life.disk.stop()
        const disk = life.disk[how]()
        const next = { ...life, disk, files: disk.files }

        const found = await open(next)
        const { state } = found.logs().find(({ origin }) => origin === LOG)!
        const progress = await check(found)
        expect([state, progress.entries]).toEqual(state === 'pruned' ? ['pruned', 0] : ['closed', SIZE])
        if (isDone) expect(state).toBe('pruned')

        await found.prune(LOG, keepHashes)
        const left = keepHashes
          ? ['checkpoint', 'hashes.1', 'hashes.edge', 'log.json', 'log.vkey']
          : ['checkpoint', 'log.json', 'log.vkey']
        // What a crash leaves of a file that was being replaced.
        expect((await next.files.list(FOLDER)).filter((name) => !name.endsWith('.tmp'))).toEqual(left)
        expect(found.checkpoint(LOG)).toBe(life.note)
        expect((await open({ ...next, disk: disk.crash(), files: disk.crash().files })).checkpoint(LOG)).toBe(life.note)
      }
    }
    expect(steps).toBeGreaterThan(8)
  },
)

test('a log is taken as pruned only where somebody decided it', async () => {
  const life = await aLife()
  await expect(open({ ...life, pruned: () => false }).then((each) => each.prune(LOG, true))).rejects.toMatchObject({
    code: 'conflict',
  })
  await life.ledger.prune(LOG, true)

  await expect(open({ ...life, pruned: () => false })).rejects.toMatchObject({
    code: 'damaged',
    message: expect.stringContaining(`${FOLDER}/log.json`),
  })
})

test('an open log is not pruned', async () => {
  const life = await aLife()
  await grow(life.ledger, NEXT, 3)

  await expect(life.ledger.prune(NEXT, true)).rejects.toMatchObject({ code: 'conflict' })
  await expect(life.ledger.prune('acme/n1/none/2026-10', true)).rejects.toMatchObject({ code: 'conflict' })
})

test.each(['hashes.1', 'hashes.edge', 'checkpoint', 'log.json', 'log.vkey'])(
  'a bit that flips in %s of a pruned log is found at the next start',
  async (name) => {
    const life = await aLife()
    await life.ledger.prune(LOG, true)
    const bytes = Buffer.from((await life.files.read(`${FOLDER}/${name}`))!)
    bytes[10]! ^= 1
    await life.files.replace(`${FOLDER}/${name}`, bytes)

    await expect(open(life)).rejects.toMatchObject({
      code: 'damaged',
      message: expect.stringContaining(name),
    })
  },
)

test('what the journal repeats of a pruned log is passed over', async () => {
  const life = await aLife()
  await life.ledger.prune(LOG, true)

  life.ledger.append(LOG, 690, leaves(690, SIZE))
  await life.ledger.flush()

  expect(life.ledger.size(LOG)).toBe(SIZE)
  expect(await life.files.list(FOLDER)).not.toContain('entries.tail')
})

interface Life {
  readonly disk: SimulatedDisk
  readonly files: Files
  readonly checkpoints: SignedCheckpoints
  readonly ledger: Ledger
  /** Of the closed log at sizes that were signed. */
  readonly roots: ReadonlyMap<number, Uint8Array>
  readonly note: string
  readonly pruned: (origin: string) => boolean
}

/** A closed log of `SIZE` leaves, signed to its end. */
async function aLife(seed = 1): Promise<Life> {
  const disk = createSimulatedDisk(seeded(seed))
  const parts = { disk, files: disk.files, checkpoints: signedInMemory(), pruned: (origin: string) => origin === LOG }
  const ledger = await open(parts)
  const roots = new Map<number, Uint8Array>()
  for (const to of [1, 512, SIZE]) {
    await grow(ledger, LOG, to)
    const { size, root } = headOf(ledger.checkpoint(LOG)!)
    roots.set(size, root)
  }
  return { ...parts, ledger, roots, note: ledger.checkpoint(LOG)! }
}

async function open(life: Pick<Life, 'files' | 'checkpoints' | 'pruned'> & { disk?: unknown }): Promise<Ledger> {
  const { files, checkpoints, pruned } = life
  const keys = await openLogKeys(files, '/data/keys')
  return openLedger({ files, folder: '/data/ledger', keys, checkpoints, pruned })
}

async function grow(ledger: Ledger, log: string, to: number): Promise<void> {
  const from = ledger.size(log)
  ledger.append(log, from, leaves(from, to))
  await ledger.flush()
  await ledger.sign((each) => ledger.size(each))
}

function signedInMemory(): SignedCheckpoints {
  const rows = new Map<string, { origin: string; size: number; note: string }>()
  return {
    all: () => [...rows.values()],
    save: (changes) => changes.forEach(({ origin, size, note }) => rows.set(origin, { origin, size, note })),
  }
}

async function check(ledger: Ledger): Promise<LogProgress> {
  const vkey = ledger.logs().find(({ origin }) => origin === LOG)!.vkey
  const fetch = async (path: string): Promise<Uint8Array> => {
    const file = await ledger.serve(LOG, path)
    if (file === undefined) throw new Error('not found')
    return file.gzip ? gunzipSync(file.body) : file.body
  }
  let last: LogProgress | undefined
  for await (const progress of verifyLog(nodeCrypto, { vkey, fetch, entries: 'whodid' })) last = progress
  return last!
}

function headOf(note: string): { size: number; root: Uint8Array } {
  const { size, root } = parseCheckpoint(parseNote(note).text)
  return { size, root }
}

function leaves(from: number, to: number): readonly Uint8Array[] {
  return Array.from({ length: to - from }, (_, i) => leaf(from + i))
}

function leaf(i: number): Uint8Array {
  const t = new Date(Date.UTC(2026, 9, 1) + i * 10).toISOString()
  const seed = sha256(Buffer.from(`leaf ${i}`))
  const id = toBase64Url(seed.subarray(0, 16))
  const [s, y] = i === SIZE - 1 ? ['_log', 'log.closed'] : ['api', 'read']
  return Buffer.from(formatLeaf({ t, r: t, d: 'app', o: 'success', s, y, id, c: toBase64Url(seed) }))
}
