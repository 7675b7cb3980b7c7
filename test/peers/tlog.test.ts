import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { openLedger } from '../../src/ledger/ledger.ts'
import { openLogKeys } from '../../src/ledger/log-keys.ts'
import { sha256 } from '../../src/ledger/sha256.ts'
import type { SignedCheckpoints } from '../../src/ledger/signing-log.ts'
import { realFiles } from '../../src/lib/real-files.ts'
import { formatLeaf, toBase64Url } from '../../verify/index.ts'

/** golang.org/x/mod/sumdb, which nobody here wrote, over a log that our ledger wrote. */

const run = promisify(execFile)
const LOG = 'acme/n1/access/2026-11'
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
let vkey: string
const earlier: string[] = []
let rows: ReturnType<SignedCheckpoints['all']> = []

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'tlog-'))
  program = join(work, 'tlog')
  await run('go', ['build', '-mod=readonly', '-o', program, '.'], { cwd: join(import.meta.dirname, 'tlog') })
  const ledger = await open(join(work, 'data'))
  for (const size of SIZES) {
    ledger.append(LOG, ledger.size(LOG), leaves(ledger.size(LOG), size))
    await ledger.flush()
    await ledger.sign(() => size)
    earlier.push(join(work, `checkpoint-${size}`))
    await writeFile(earlier.at(-1)!, ledger.checkpoint(LOG)!)
  }
  vkey = ledger.logs()[0]!.vkey
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
    all: () => rows,
    save: (changes) => {
      rows = changes
    },
  }
  const keys = await openLogKeys(realFiles, join(data, 'keys'))
  return openLedger({ files: realFiles, folder: join(data, 'ledger'), keys, checkpoints })
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
