import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openCheckpoint, verifyInclusion } from '../../verify/index.ts'
import { leafHash, parseCheckpoint, parseNote, parseProof, parseVerifierKey } from '../../verify/index.ts'
import { judgeQuorum, parsePolicy } from '../../verify/index.ts'
import type { LogInfo, ProofAnswer, WitnessAnswer } from '../../src/domain/answers.ts'
import { nodeCrypto } from '../../src/ledger/node-crypto.ts'
import { openLogKeys } from '../../src/ledger/log-keys.ts'
import { realFiles } from '../../src/lib/real-files.ts'
import { type AServer, aFolder, aServer, until } from '../a-server.ts'
import { type AWitness, aWitness, policyOf } from '../a-witness.ts'

const ROOT = 'acme/n1/root'
const { sha256 } = nodeCrypto

type LogAnswer = { readonly logs: readonly LogInfo[] } & Partial<WitnessAnswer>

test('two witnesses sign the root log, and an event is proved up to it', async () => {
  const witnesses = [await aWitness('auditor'), await aWitness('customer')]
  const policy = policyOf(witnesses)
  const server = await start(aFolder(), policy)
  const [sent] = (await server.send([{ event: { action: 'hello' }, user: { name: 'ada' } }])).results
  const root = await watched(server, witnesses)

  const answer = await until(async () => {
    const found = await server.call(
      'GET',
      `/v1/events/${sent !== undefined && 'id' in sent ? sent.id : ''}/proof?format=json`,
    )
    if (found.status !== 200) return undefined
    const proof = found.json<ProofAnswer>()
    return proof.root !== undefined && isCosigned(proof.root.proof, policy) && proof
  })
  const above = answer.root!
  const event = parseProof(above.event)
  const log = await openCheckpoint(nodeCrypto, event.checkpoint, parseVerifierKey(sha256, answer.vkey))
  verifyInclusion(sha256, leafHash(sha256, Buffer.from(answer.leaf)), event.index, log.size, event.path, log.root)
  const entry = parseProof(above.proof)
  const head = parseCheckpoint(parseNote(entry.checkpoint).text)
  expect(entry.index).toBe(above.entry)
  verifyInclusion(
    sha256,
    leafHash(sha256, Buffer.from(event.checkpoint)),
    entry.index,
    head.size,
    entry.path,
    head.root,
  )
  const seen = await openCheckpoint(
    nodeCrypto,
    entry.checkpoint,
    parseVerifierKey(sha256, root.vkey),
    keysOf(witnesses),
  )
  expect(judgeQuorum(parsePolicy(sha256, policy), seen.signers)).toMatchObject({
    met: true,
    seenBy: [{ name: 'auditor' }, { name: 'customer' }],
  })
  expect(above.vkey).toBe(root.vkey)
})

test('a missing witness holds up neither intake nor signing, and is told', async () => {
  const witnesses = [await aWitness('auditor'), await aWitness('customer')]
  const server = await start(aFolder(), policyOf(witnesses))
  await watched(server, witnesses)
  await until(async () => (await logsOf(server)).quorum === 'met')
  await witnesses[1]!.stop()
  await server.send([{ event: { action: 'hello' } }])
  const answer = await until(async () => {
    const now = await logsOf(server)
    return now.witnesses?.[1]?.state === 'failing' && now.witnesses[0]?.state === 'signed' && now
  })
  expect(answer).toMatchObject({ quorum: 'behind', unwitnessedSince: expect.any(String) })
  expect((await server.call('GET', '/readyz')).status).toBe(200)
  const fresh = await server.call('GET', `/log/${ROOT}/checkpoint`)
  const cosigned = await server.call('GET', `/log/${ROOT}/checkpoint.cosigned`)
  expect(sizeIn(fresh.text)).toBeGreaterThan(sizeIn(cosigned.text))
})

test('a copy from before is refused, and goes on as new logs when told to', async () => {
  const witnesses = [await aWitness('auditor')]
  const policy = policyOf(witnesses)
  const data = aFolder()
  const copy = join(aFolder(), 'copy')
  const before = await start(data, policy)
  await before.send([{ event: { action: 'first' } }])
  await watched(before, witnesses)
  await until(async () => (await logsOf(before)).quorum === 'met')
  await before.server.close()
  cpSync(data, copy, { recursive: true })
  const after = await start(data, policy)
  const held = rootOf((await logsOf(after)).logs)?.size ?? 0
  await after.send([{ event: { action: 'second' } }])
  const seen = await until(async () => {
    const { logs, quorum } = await logsOf(after)
    const root = rootOf(logs)
    return quorum === 'met' && root !== undefined && root.size > held && root
  })
  await after.server.close()

  await expect(start(copy, policy)).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringMatching(
      /^witness auditor has signed \d+ entries of acme\/n1\/root, this disk has \d+: it is an old copy$/,
    ),
  })
  await expect(start(copy, policy)).rejects.toMatchObject({ message: expect.stringContaining(String(seen.size)) })

  const recovered = await start(copy, policy, { recover: true })
  await recovered.send([{ event: { action: 'third' } }])
  await until(async () => {
    const { logs } = await logsOf(recovered)
    return logs.some(({ origin }) => /^acme\/n1\/default\/\d{4}-\d{2}\.2$/.test(origin)) && rootOf(logs, 2)
  })
  const { logs } = await logsOf(recovered)
  expect(
    logs
      .filter(({ state }) => state === 'abandoned')
      .map(({ stream }) => stream)
      .toSorted(),
  ).toEqual(['default', 'root', 'whodid'])
  const told = await recovered.find('source:_log action:recovery', 2)
  expect(told.map(({ whodid }) => whodid?.log ?? '').toSorted()).toEqual([
    expect.stringMatching(/default\/.*\.2$/),
    expect.stringMatching(/whodid\/.*\.2$/),
  ])
  const entries = await recovered.call('GET', `/log/${ROOT}.2/tile/entries/000.p/${rootOf(logs, 2)?.size}`)
  expect(entries.text).toContain(`log.abandoned ${ROOT} ${seen.size}\n`)
})

test('nothing is signed while no witness can be asked, and everything once one can', async () => {
  const witnesses = [await aWitness('auditor')]
  const policy = policyOf(witnesses)
  const data = aFolder()
  const before = await start(data, policy)
  await watched(before, witnesses)
  await until(async () => (await logsOf(before)).quorum === 'met')
  await before.server.close()
  await witnesses[0]!.stop()
  const server = await start(data, policy)
  const { logs } = await logsOf(server)
  expect((await server.send([{ event: { action: 'hello' } }])).kept).toBe(1)
  expect(await server.find('action:hello', 1)).toHaveLength(1)
  expect((await server.call('GET', '/readyz')).json<{ reasons: string[] }>().reasons).toEqual([
    expect.stringMatching(/^unwitnessed since /),
  ])
  expect((await logsOf(server)).logs).toEqual(logs)
  await witnesses[0]!.watch(rootOf(logs)!.vkey)
  await until(async () => (await logsOf(server)).logs.some(({ stream }) => stream === 'default'))
})

test('a fork is refused by the witness, alarmed, and refused by who has the policy', async () => {
  const witnesses = [await aWitness('auditor')]
  const policy = policyOf(witnesses)
  const data = aFolder()
  const server = await start(data, policy)
  const root = await watched(server, witnesses)
  await until(async () => (await logsOf(server)).quorum === 'met')
  // Somebody with the key signs another history, as long as he likes, and shows it to the witness.
  const key = await (await openLogKeys(realFiles, join(data, 'keys', 'logs'))).find(ROOT)
  const forged = (size: number): string => {
    const text = `${ROOT}\n${size}\n${Buffer.alloc(32, size).toString('base64')}\n`
    const line = Buffer.concat([key!.id, key!.sign(Buffer.from(text))]).toString('base64')
    return `${text}\n— ${ROOT} ${line}\n`
  }
  const known = await until(async () => {
    const { logs, witnesses: standing } = await logsOf(server)
    return standing?.[0]?.size === rootOf(logs)?.size && standing?.[0]?.size
  })
  const post = (body: string) => fetch(`${witnesses[0]!.url}/add-checkpoint`, { method: 'POST', body })
  const answers = [await post(`old ${known}\n\n${forged(known)}`), await post(`old ${known}\n\n${forged(known + 5)}`)]
  expect(answers.map(({ status }) => status)).toEqual([422, 422])
  const opened = await openCheckpoint(nodeCrypto, forged(known), parseVerifierKey(sha256, root.vkey), keysOf(witnesses))
  expect(judgeQuorum(parsePolicy(sha256, policy), opened.signers).met).toBe(false)

  // A witness that was led on by a fork before it heard of the real log.
  const misled = await aWitness('misled')
  await misled.watch(root.vkey)
  expect((await fetch(`${misled.url}/add-checkpoint`, { method: 'POST', body: `old 0\n\n${forged(1)}` })).status).toBe(
    200,
  )
  await server.server.close()
  const again = await start(data, policyOf([misled]))
  const standing = await until(async () => {
    const [each] = (await logsOf(again)).witnesses ?? []
    return each?.state === 'fork' && each
  })
  expect(standing.reason).toBe('what it holds is no beginning of our log')
  const ready = await again.call('GET', '/readyz')
  expect(ready.json()).toMatchObject({ ready: true, reasons: [expect.stringContaining('witness misled says')] })
  const [alarm] = await again.find('source:whodid action:witness-fork', 1)
  expect(alarm?.event.kind).toBe('alert')
})

interface More {
  readonly recover?: boolean
}

async function start(data: string, policy: string, more: More = {}): Promise<AServer> {
  const path = join(aFolder(), 'policy.txt')
  writeFileSync(path, policy)
  return aServer({ data, config: { ledger: { public: 'none', witnesses: path, rootMs: 1000 } }, ...more })
}

/** Lets the witnesses know the server's root log, once there is one. */
async function watched(server: AServer, witnesses: readonly AWitness[]): Promise<LogInfo> {
  const root = await until(async () => rootOf((await logsOf(server)).logs))
  for (const each of witnesses) await each.watch(root.vkey)
  return root
}

async function logsOf(server: AServer): Promise<LogAnswer> {
  return (await server.call('GET', '/log')).json<LogAnswer>()
}

function rootOf(logs: readonly LogInfo[], generation = 1): LogInfo | undefined {
  return logs.find(({ origin }) => origin === (generation === 1 ? ROOT : `${ROOT}.${generation}`))
}

function keysOf(witnesses: readonly AWitness[]) {
  return witnesses.map(({ vkey }) => parseVerifierKey(sha256, vkey))
}

function isCosigned(proof: string, policy: string): boolean {
  const names = parseNote(parseProof(proof).checkpoint).signatures.map(({ name }) => name)
  return parsePolicy(sha256, policy).witnesses.every(({ key }) => names.includes(key.name))
}

function sizeIn(note: string): number {
  return parseCheckpoint(parseNote(note).text).size
}
