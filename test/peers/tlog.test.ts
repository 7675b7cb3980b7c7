import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AuditError } from '../../src/domain/errors.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { openLedger } from '../../src/ledger/ledger.ts'
import { openLogKeys } from '../../src/ledger/log-keys.ts'
import { sha256 } from '../../src/ledger/sha256.ts'
import type { SignedCheckpoints } from '../../src/ledger/signing-log.ts'
import { exportStatic } from '../../src/ledger/static-export.ts'
import { realFiles } from '../../src/lib/real-files.ts'
import { formatLeaf, toBase64Url } from '../../verify/index.ts'

/** golang.org/x/mod/sumdb, Tessera's fsck and openssl, which nobody here wrote, over logs that our ledger wrote. */

const run = promisify(execFile)
const LOG = 'acme/n1/access/2026-11'
const ROOT = 'acme/n1/root'
const SIZES = [12_345, 65_536, 70_001]
const FILES = [
  'checkpoint',
  'entries.gz',
  'entries.idx',
  'entries.tail',
  'hashes.1',
  'hashes.2',
  'log.json',
  'log.vkey',
]

let work: string
let program: string
let fsck: string
let vkey: string
let rootVkey: string
const earlier: string[] = []
const rows = new Map<string, ReturnType<SignedCheckpoints['all']>[number]>()
let places: unknown

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'tlog-'))
  program = join(work, 'tlog')
  fsck = join(work, 'fsck')
  for (const [name, to] of Object.entries({ tlog: program, fsck }))
    await run('go', ['build', '-mod=readonly', '-o', to, '.'], { cwd: join(import.meta.dirname, name) })
  const ledger = await open(join(work, 'data'))
  for (const size of SIZES) {
    ledger.append(LOG, ledger.size(LOG), leaves(ledger.size(LOG), size))
    await ledger.flush()
    await ledger.sign(() => size)
    await ledger.enterRoot()
    earlier.push(join(work, `checkpoint-${size}`))
    await writeFile(earlier.at(-1)!, ledger.checkpoint(LOG)!)
  }
  vkey = vkeyOf(ledger, LOG)
  rootVkey = vkeyOf(ledger, ROOT)
  await writeStatic(ledger, LOG, 'whodid')
  await writeStatic(ledger, ROOT, 'root')
  await ledger.stop()
})
afterAll(() => rm(work, { recursive: true }))

test('Go verifies the log over HTTP, with every earlier checkpoint', async () => {
  await served(join(work, 'data'), async (url) => {
    const { stdout } = await run(program, [vkey, url, ...earlier])
    expect(stdout).toMatch(/^acme\/n1\/access\/2026-11: 70001 entries verified, root .*, 3 earlier checkpoints\n$/)
  })
})

test('the folder of the log begins as its formats say', async () => {
  expect(await readdir(join(work, 'data', 'ledger', LOG))).toEqual(FILES)
})

test.each(FILES)('Go refuses the log when one byte of %s is flipped', async (name) => {
  const copy = join(work, `copy-${name}`)
  await cp(join(work, 'data'), copy, { recursive: true })
  await served(copy, async (url) => {
    const path = join(copy, 'ledger', LOG, name)
    const bytes = await readFile(path)
    const at = Math.floor(bytes.length / 2)
    await writeFile(path, bytes.with(at, bytes[at]! ^ 1))
    await expect(run(program, [vkey, url])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not verified'),
    })
  })
  await rm(copy, { recursive: true })
})

test('Go refuses another key, and a checkpoint that the log does not continue', async () => {
  await served(join(work, 'data'), async (url) => {
    const other = await (await openLogKeys(realFiles, join(work, 'other'))).create(LOG)
    await expect(run(program, [other.vkey, url])).rejects.toMatchObject({ code: 1 })
    const forged = join(work, 'forged')
    await writeFile(forged, (await readFile(earlier[0]!, 'utf8')).replace('12345', '12344'))
    await expect(run(program, [vkey, url, forged])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('forged'),
    })
  })
})

test('Go verifies the exported folder of a log, with every earlier checkpoint, and that of the root log', async () => {
  const { stdout } = await run(program, [vkey, exported(LOG), ...earlier])
  expect(stdout).toMatch(/^acme\/n1\/access\/2026-11: 70001 entries verified, root .*, 3 earlier checkpoints\n$/)
  // Its key, and a checkpoint for each size.
  expect((await run(program, [rootVkey, exported(ROOT)])).stdout).toMatch(/^acme\/n1\/root: 4 entries verified, /)
  for (const args of [
    [vkey, exported(LOG)],
    [rootVkey, exported(ROOT)],
  ])
    expect(await run(fsck, args)).toMatchObject({ stdout: 'no fault\n' })
})

test.each([
  [LOG, 'checkpoint'],
  [LOG, 'tile/entries/100'],
  [LOG, 'tile/entries/273.p/113'],
  [LOG, 'tile/0/100'],
  [LOG, 'tile/0/273.p/113'],
  [LOG, 'tile/1/000'],
  [LOG, 'tile/2/000.p/1'],
  [ROOT, 'checkpoint'],
  [ROOT, 'tile/entries/000.p/4'],
  [ROOT, 'tile/0/000.p/4'],
])('x/mod and Tessera both refuse the folder of %s when one byte of its %s is flipped', async (log, name) => {
  const args = [log === LOG ? vkey : rootVkey, exported(log)]
  const path = join(exported(log), name)
  const bytes = await readFile(path)
  const at = Math.floor(bytes.length / 2)
  await writeFile(path, bytes.with(at, bytes[at]! ^ 1))
  try {
    const refused = { code: 1, stderr: expect.stringContaining('not verified') }
    await expect(run(program, args)).rejects.toMatchObject(refused)
    await expect(run(fsck, args)).rejects.toMatchObject(refused)
  } finally {
    await writeFile(path, bytes)
  }
})

test.each([LOG, ROOT])('openssl alone verifies the signature of the checkpoint of %s, as documented', async (log) => {
  const note = await readFile(join(exported(log), 'checkpoint'), 'utf8')
  const signature = note.trimEnd().length - 10
  const other = note[signature] === 'A' ? 'B' : 'A'

  expect(await opensslSays(log, note)).toMatch(/^Signature Verified Successfully/)
  expect(await opensslSays(log, note.replace('\n', '\n1'))).toMatch(/^Signature Verification Failure/)
  expect(await opensslSays(log, note.slice(0, signature) + other + note.slice(signature + 1))).toMatch(
    /^Signature Verification Failure/,
  )
})

/** Runs what docs/ledger-export.md says, on this checkpoint and the key of that log. */
async function opensslSays(log: string, note: string): Promise<string> {
  const page = await readFile(join(import.meta.dirname, '../../docs/ledger-export.md'), 'utf8')
  const commands = page.split('```').find((each) => each.includes('openssl pkeyutl')) ?? ''
  const folder = await mkdtemp(join(work, 'openssl-'))
  await cp(join(exported(log), 'log.vkey'), join(folder, 'log.vkey'))
  await writeFile(join(folder, 'checkpoint'), note)
  // openssl ends with 1 when it refuses, and says so on stdout all the same.
  const { stdout } = await run('sh', ['-c', commands.replace('DIR/ORIGIN', folder)]).catch(
    (error: { stdout: string }) => error,
  )
  return stdout
}

function exported(log: string): string {
  return join(work, 'static', log)
}

async function writeStatic(ledger: Ledger, log: string, entries: 'whodid' | 'root'): Promise<void> {
  const fetch = async (path: string): Promise<Uint8Array> => {
    const file = await ledger.serve(log, path)
    if (file === undefined) throw new AuditError('not_found', `${path} is not there`)
    return file.gzip ? gunzipSync(file.body) : file.body
  }
  const size = await exportStatic({
    files: realFiles,
    folder: exported(log),
    vkey: vkeyOf(ledger, log),
    entries,
    fetch,
    tell: () => undefined,
  })
  expect(size).toBe(ledger.size(log))
}

function vkeyOf(ledger: Ledger, log: string): string {
  return ledger.logs().find(({ origin }) => origin === log)?.vkey ?? ''
}

/** Serves a data folder's log on loopback while `use` runs. */
async function served(data: string, use: (url: string) => Promise<void>): Promise<void> {
  const ledger = await open(data)
  const server = serve(ledger)
  try {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    // It listens on TCP, so its address has a port.
    const { port } = server.address() as AddressInfo
    await use(`http://127.0.0.1:${port}`)
  } finally {
    server.closeAllConnections()
    server.close()
    await ledger.stop()
  }
}

function serve(ledger: Ledger): Server {
  return createServer((request, response) => {
    ledger.serve(LOG, (request.url ?? '').slice(1)).then(
      (file) => {
        if (file === undefined) return response.writeHead(404).end()
        const encoding = file.gzip ? { 'content-encoding': 'gzip' } : {}
        return response.writeHead(200, { 'content-type': file.contentType, ...encoding }).end(file.body)
      },
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
}

async function open(data: string): Promise<Ledger> {
  const checkpoints: SignedCheckpoints = {
    all: () => [...rows.values()],
    save: (changes) => changes.forEach((each) => rows.set(each.origin, each)),
  }
  const keys = await openLogKeys(realFiles, join(data, 'keys'))
  return openLedger({
    files: realFiles,
    folder: join(data, 'ledger'),
    keys,
    checkpoints,
    root: { origin: ROOT, held: false, places: { load: () => places, save: (value) => (places = value) } },
  })
}

function leaves(from: number, to: number): readonly Uint8Array[] {
  return Array.from({ length: to - from }, (_, i) => leaf(from + i))
}

function leaf(i: number): Uint8Array {
  const t = new Date(Date.UTC(2026, 10, 1) + i * 10).toISOString()
  const hash = sha256(Buffer.from(`leaf ${i}`))
  const id = toBase64Url(hash.subarray(0, 16))
  return Buffer.from(formatLeaf({ t, r: t, s: 'api', d: 'app', y: 'read', o: 'success', id, c: toBase64Url(hash) }))
}
