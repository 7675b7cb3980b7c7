import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { formatLeaf, parseCheckpoint, parseNote, toBase64Url, verifyLog } from '../../verify/index.ts'
import { AuditError } from '../domain/errors.ts'
import type { Files } from '../lib/files.ts'
import { realFiles } from '../lib/real-files.ts'
import { type Ledger, openLedger } from './ledger.ts'
import { openLogKeys } from './log-keys.ts'
import { nodeCrypto } from './node-crypto.ts'
import { sha256 } from './sha256.ts'
import type { SignedCheckpoints } from './signing-log.ts'
import { exportStatic } from './static-export.ts'

const LOG = 'acme/n1/access/2026-11'
const OTHER = 'acme/n1/default/2026-11'
const ROOT = 'acme/n1/root'

let work: string
let folder: string
let ledger: Ledger
/** Paths, in order. */
let fetched: string[]
let written: string[]
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'static-'))
  folder = join(work, 'export')
  const rows = new Map<string, { origin: string; size: number; note: string }>()
  const checkpoints: SignedCheckpoints = {
    all: () => [...rows.values()],
    save: (changes) => changes.forEach((each) => rows.set(each.origin, each)),
  }
  ledger = await openLedger({
    files: realFiles,
    folder: join(work, 'ledger'),
    keys: await openLogKeys(realFiles, join(work, 'keys')),
    checkpoints,
    root: { origin: ROOT, held: false, places: { load: () => undefined, save: () => undefined } },
  })
})
afterEach(async () => {
  await ledger.stop()
  await rm(work, { recursive: true })
})

test.each([
  [1, ['tile/0/000.p/1', 'tile/entries/000.p/1']],
  [256, ['tile/0/000', 'tile/1/000.p/1', 'tile/entries/000']],
  [300, ['tile/0/000', 'tile/0/001.p/44', 'tile/1/000.p/1', 'tile/entries/000', 'tile/entries/001.p/44']],
])('a log of %i leaves becomes exactly the files that tlog-tiles names, and they verify', async (size, tiles) => {
  await grow(LOG, size)

  expect(await exported(LOG)).toBe(size)
  expect(written.toSorted()).toEqual(['checkpoint', 'log.json', 'log.vkey', ...tiles])
  expect(await verified(LOG)).toBe(size)
})

test('the checkpoint is written last, and not at all where something before it fails', async () => {
  await grow(LOG, 300)
  await exported(LOG)
  expect(written.at(-1)).toBe('checkpoint')

  await grow(LOG, 600)
  await expect(exported(LOG, (path) => path === 'tile/0/002.p/88')).rejects.toThrow('tile/0/002.p/88')
  // Who reads it now still finds the log as it was.
  expect(await verified(LOG)).toBe(300)
  expect(await exported(LOG)).toBe(600)
  expect(await verified(LOG)).toBe(600)
})

test('after growth only what is new is fetched', async () => {
  await grow(LOG, 600)
  await exported(LOG)
  await grow(LOG, 700)
  await exported(LOG)

  const small = ['checkpoint', 'checkpoint.cosigned', 'log.json', 'log.vkey']
  const edge = ['tile/0/002.p/188', 'tile/entries/002.p/188']
  expect(fetched.toSorted()).toEqual([...small, ...edge])
  await exported(LOG)
  expect(fetched.toSorted()).toEqual(small)
  expect(await verified(LOG)).toBe(700)
})

test.each(['tile/0/000', 'tile/0/001.p/44', 'tile/1/000.p/1', 'tile/entries/000', 'tile/entries/001.p/44'])(
  'a flipped byte in %s is found by the next run, which goes on when what it names is deleted',
  async (path) => {
    await grow(LOG, 300)
    await exported(LOG)
    await flip(path)

    const error: unknown = await exported(LOG).catch((thrown: unknown) => thrown)
    const [named = ''] = /^tile\/[^:]+(?=: )/.exec(error instanceof Error ? error.message : '') ?? []
    // A tile of level 0 that is not that of its entries: one of the two is wrong.
    const suspects = [named, named.replace('tile/0/', 'tile/entries/')]
    expect(suspects).toContain(path)
    for (const each of suspects) await rm(join(folder, each), { force: true })
    expect(await exported(LOG)).toBe(300)
    expect(await verified(LOG)).toBe(300)
  },
)

test.each(['checkpoint', 'log.json'])('a damaged %s is written anew', async (path) => {
  await grow(LOG, 300)
  await exported(LOG)
  await flip(path)

  await exported(LOG)
  expect(await verified(LOG)).toBe(300)
})

test('a folder that holds another log is left alone', async () => {
  await grow(LOG, 3)
  await grow(OTHER, 3)
  await exported(LOG)

  await expect(exported(OTHER)).rejects.toMatchObject({ code: 'conflict' })
  expect(written).toEqual([])
  expect(await verified(LOG)).toBe(3)
})

test('a root log can be checked at its newest and at its witnessed checkpoint', async () => {
  await grow(LOG, 3)
  await ledger.enterRoot()
  await ledger.saveCosigned(ledger.checkpoint(ROOT)!)
  await grow(LOG, 300)
  await ledger.enterRoot()

  expect(await exported(ROOT)).toBe(3)
  expect(written.slice(-2)).toEqual(['checkpoint.cosigned', 'checkpoint'])
  expect(await verified(ROOT)).toBe(3)
  expect(await verified(ROOT, 'checkpoint.cosigned')).toBe(2)
})

test('a damaged file that only the witnessed checkpoint needs is named as well', async () => {
  await grow(LOG, 3)
  await ledger.enterRoot()
  await ledger.saveCosigned(ledger.checkpoint(ROOT)!)
  await grow(LOG, 300)
  await ledger.enterRoot()
  await exported(ROOT)
  await flip('tile/0/000.p/2')

  await expect(exported(ROOT)).rejects.toThrow('tile/0/000.p/2')
})

async function grow(log: string, to: number): Promise<void> {
  const from = ledger.size(log)
  const more = Array.from({ length: to - from }, (_, i) => leaf(from + i))
  ledger.append(log, from, more)
  await ledger.flush()
  await ledger.sign((origin) => ledger.size(origin))
}

function exported(log: string, isBroken: (path: string) => boolean = () => false): Promise<number> {
  fetched = []
  written = []
  const files: Files = {
    ...realFiles,
    replace: async (path, bytes) => {
      await realFiles.replace(path, bytes)
      written.push(path.slice(folder.length + 1))
    },
  }
  const fetch = async (path: string): Promise<Uint8Array> => {
    fetched.push(path)
    const file = isBroken(path) ? undefined : await ledger.serve(log, path)
    if (file === undefined) throw new AuditError('not_found', `${path} is not there`)
    return file.gzip ? gunzipSync(file.body) : file.body
  }
  return exportStatic({ files, folder, vkey: vkeyOf(log), entries: entriesOf(log), fetch, tell: () => undefined })
}

/** How many entries of the folder are right, by the verifier alone. */
async function verified(log: string, checkpoint: 'checkpoint' | 'checkpoint.cosigned' = 'checkpoint'): Promise<number> {
  const fetch = (path: string) => readFile(join(folder, path))
  let entries = 0
  for await (const step of verifyLog(nodeCrypto, { vkey: vkeyOf(log), entries: entriesOf(log), fetch, checkpoint }))
    ({ entries } = step)
  const note = await readFile(join(folder, checkpoint), 'utf8')
  expect(entries).toBe(parseCheckpoint(parseNote(note).text).size)
  expect(existsSync(join(folder, 'checkpoint.tmp'))).toBe(false)
  return entries
}

async function flip(path: string): Promise<void> {
  const bytes = await readFile(join(folder, path))
  const at = Math.floor(bytes.length / 2)
  await writeFile(join(folder, path), bytes.with(at, bytes[at]! ^ 1))
}

function vkeyOf(log: string): string {
  return ledger.logs().find(({ origin }) => origin === log)?.vkey ?? ''
}

function entriesOf(log: string): 'root' | 'whodid' {
  return log === ROOT ? 'root' : 'whodid'
}

function leaf(i: number): Uint8Array {
  const t = new Date(Date.UTC(2026, 10, 1) + i * 10).toISOString()
  const seed = sha256(Buffer.from(`leaf ${i}`))
  const id = toBase64Url(seed.subarray(0, 16))
  return Buffer.from(formatLeaf({ t, r: t, s: 'api', d: 'app', y: 'read', o: 'success', id, c: toBase64Url(seed) }))
}
