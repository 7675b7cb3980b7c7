import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import {
  createEdge,
  formatAddCheckpoint,
  formatCheckpoint,
  formatNote,
  judgeQuorum,
  leafHash,
  openCheckpoint,
  parseKnownSize,
  parsePolicy,
  parseVerifierKey,
  proveConsistency,
  tileHashReader,
} from '../../verify/index.ts'
import type { LogInfo, WitnessAnswer } from '../../src/domain/answers.ts'
import { openLogKeys } from '../../src/ledger/log-keys.ts'
import { nodeCrypto } from '../../src/ledger/node-crypto.ts'
import { realFiles } from '../../src/lib/real-files.ts'
import { aFolder, aServer, until } from '../a-server.ts'
import { aWitness } from '../a-witness.ts'
import { runCommand } from '../server-process.ts'

/** litewitness of filippo.io/torchwood, which nobody here wrote, beside ours; and ours, killed. */

const run = promisify(execFile)
const ROOT = 'acme/n1/root'
const { sha256 } = nodeCrypto

test('litewitness and our own witness both sign, and together they make the quorum', async () => {
  const own = await aWitness('own')
  const lite = await startLitewitness()
  const policy = `witness own ${own.vkey} ${own.url}\nwitness lite ${lite.vkey} ${lite.url}\ngroup both all own lite\nquorum both\n`
  const path = join(aFolder(), 'policy.txt')
  writeFileSync(path, policy)
  const server = await aServer({ config: { ledger: { public: 'none', witnesses: path, rootMs: 1000 } } })
  const look = async () => (await server.call('GET', '/log')).json<{ logs: LogInfo[] } & Partial<WitnessAnswer>>()
  const root = await until(async () => (await look()).logs.find(({ origin }) => origin === ROOT))
  await own.watch(root.vkey)
  lite.trust(ROOT, root.vkey)
  await until(async () => (await look()).quorum === 'met')
  // It grows on, with consistency proofs.
  for (let n = 0; n < 3; n++) {
    const { size } = (await look()).logs.find(({ origin }) => origin === ROOT) ?? { size: 0 }
    await server.send([{ event: { action: `n${n}` } }])
    await until(async () => {
      const now = await look()
      return now.quorum === 'met' && (now.logs.find(({ origin }) => origin === ROOT)?.size ?? 0) > size
    })
  }
  const { text } = await server.call('GET', `/log/${ROOT}/checkpoint.cosigned`)
  const keys = [own.vkey, lite.vkey].map((vkey) => parseVerifierKey(sha256, vkey))
  const { signers } = await openCheckpoint(nodeCrypto, text, parseVerifierKey(sha256, root.vkey), keys)
  expect(judgeQuorum(parsePolicy(sha256, policy), signers)).toMatchObject({
    met: true,
    seenBy: [{ name: 'own' }, { name: 'lite' }],
  })

  const verified = await runCommand(['verify', '--data', server.data, '--policy', path])
  expect(verified).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/acme\/n1\/root .* witnessed by own at .*, lite at /),
  })
  const other = join(aFolder(), 'policy.txt')
  const stranger = await aWitness('stranger')
  writeFileSync(other, `witness stranger ${stranger.vkey}\nquorum stranger\n`)
  expect(await runCommand(['verify', '--data', server.data, '--policy', other])).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('it lacks the cosignatures that the policy asks for'),
  })
})

test('killed at any moment it never signs two histories, and a client goes on with it', async () => {
  const folder = aFolder()
  const log = await (await openLogKeys(realFiles, join(folder, 'log'))).create('acme/n1/root')
  const data = join(folder, 'witness')
  const logs = join(folder, 'logs')
  writeFileSync(logs, `${log.vkey}\n`)
  expect(await runCommand(['witness', 'init', '--data', data, '--name', 'w.example/1'])).toMatchObject({ code: 0 })
  /** What was signed, by size: whoever holds a signature holds it for ever. */
  const signed = new Map<number, string>()
  let known = 0
  for (let life = 0; life < LIVES; life++) {
    const { process, url } = await startOwn([
      'witness',
      '--data',
      data,
      '--logs',
      logs,
      '--listen',
      '127.0.0.1:0',
      '--rate',
      '1000',
    ])
    const begun = Promise.withResolvers<void>()
    const death = begun.promise.then(() => sleep(Math.random() * 80)).then(() => process.kill('SIGKILL'))
    // Two histories at once: whichever it takes first is the only one from there on.
    const clients = ['a', 'b'].map(async (salt) => {
      for (let size = known + 1; ; size++) {
        const answer = await post(url, await request(log, known, size, salt)).catch(() => undefined)
        if (answer === undefined) return
        begun.resolve()
        if (answer.status === 200) {
          if ((signed.get(size) ?? salt) !== salt) throw new Error(`two histories at ${size}`)
          signed.set(size, salt)
        }
        known =
          answer.status === 409
            ? (parseKnownSize(answer.body) ?? known)
            : answer.status === 200
              ? Math.max(known, size)
              : known
      }
    })
    await Promise.all([...clients, death, once(process, 'exit')])
  }
  expect(new Set(signed.values()).size).toBe(1)
  expect(signed.size).toBeGreaterThan(LIVES / 2)
})

const LIVES = 10

async function post(url: string, body: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`${url}/add-checkpoint`, { method: 'POST', body })
  return { status: response.status, body: await response.text() }
}

async function startOwn(args: readonly string[]): Promise<{ process: ChildProcess; url: string }> {
  const main = join(import.meta.dirname, '../../src/cli/main.ts')
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const url = await until(async () => /^ready (http\S+)$/m.exec(stderr)?.[1])
  return { process: child, url }
}

/** The request of one of two logs, of which every leaf differs. */
async function request(
  log: { sign(message: Uint8Array): Uint8Array; readonly id: Uint8Array },
  old: number,
  size: number,
  salt: string,
): Promise<string> {
  const rows: Uint8Array[][] = [[]]
  const edge = createEdge(sha256, (level, _, __, root) => (rows[level + 1] ??= []).push(root))
  for (let i = 0; i < size; i++) {
    const hash = leafHash(sha256, Buffer.from(`${salt} ${i}`))
    rows[0]?.push(hash)
    edge.push(hash)
  }
  const read = tileHashReader(sha256, size, async ({ level, index, width }) =>
    Buffer.concat((rows[Number(level)] ?? []).slice(index * 256, index * 256 + width)),
  )
  const text = formatCheckpoint({ origin: ROOT, size, root: edge.root() })
  const checkpoint = formatNote({ text, signatures: [{ name: ROOT, id: log.id, bytes: log.sign(Buffer.from(text)) }] })
  return formatAddCheckpoint({ old, proof: old > 0 ? await proveConsistency(sha256, old, size, read) : [], checkpoint })
}

interface Litewitness {
  readonly url: string
  readonly vkey: string
  /** As its witnessctl does it. */
  trust(origin: string, vkey: string): void
}

async function startLitewitness(): Promise<Litewitness> {
  const program = await builtLitewitness()
  const folder = aFolder()
  const pem = join(folder, 'witness.pem')
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'witness', '-f', pem])
  const socket = join(folder, 'agent.sock')
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
  onTestFinished(() => void agent.kill())
  await until(async () => existsSync(socket))
  await run('ssh-add', ['-q', pem], { env: { ...process.env, SSH_AUTH_SOCK: socket } })
  const { stdout } = await run('ssh-keygen', ['-lf', `${pem}.pub`])
  const db = join(folder, 'litewitness.db')
  const port = 20_000 + Math.floor(Math.random() * 20_000)
  const args = ['-name', 'lite.example/w', '-key', stdout.split(' ')[1] ?? '', '-ssh-agent', socket, '-db', db]
  const child = spawn(program, [...args, '-listen', `127.0.0.1:${port}`], { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill())
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  const vkey = await until(async () => /vkey="?(lite\.example\/w\+[^"\s]+)/.exec(said)?.[1])
  const url = `http://127.0.0.1:${port}`
  await until(async () =>
    fetch(url).then(
      () => true,
      () => false,
    ),
  )
  const empty = Buffer.from(sha256(new Uint8Array(0))).toString('base64')
  return {
    url,
    vkey,
    trust(origin, key) {
      const database = new DatabaseSync(db, { timeout: 5000 })
      database.prepare('INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)').run(origin, empty)
      database.prepare('INSERT INTO key (origin, key) VALUES (?, ?)').run(origin, key)
      database.close()
    },
  }
}

/** Built once; the key of the cache is the list of what it is made of. */
async function builtLitewitness(): Promise<string> {
  const module = join(import.meta.dirname, '../peers/torchwood')
  const sums = createHash('sha256')
    .update(readFileSync(join(module, 'go.sum')))
    .digest('hex')
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  const folder = join(cache, 'whodid-tests', `torchwood-${sums.slice(0, 12)}`)
  const program = join(folder, 'litewitness')
  if (existsSync(program)) return program
  mkdirSync(folder, { recursive: true })
  const build = ['build', '-mod=readonly', '-trimpath', '-ldflags=-s -w', '-o', program]
  await run('go', [...build, 'filippo.io/torchwood/cmd/litewitness'], { cwd: module })
  return program
}
