import { createPublicKey, hash, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

import { type Members, membersOf, repacked, tarOf, withoutBlock } from '../test/a-pack.ts'
import { type Crypto, type PackReport, erasureRoot, proveErasure, toBase64Url, verifyPack } from './index.ts'

const GOLDEN = readFileSync(join(import.meta.dirname, '../test/fixtures/evidence/range.tar'))
const CRYPTO: Crypto = {
  sha256: (bytes) => hash('sha256', bytes, 'buffer'),
  async verifyEd25519(key, message, signature) {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: toBase64Url(key) }
    return verify(null, message, createPublicKey({ key: jwk, format: 'jwk' }), signature)
  },
}

const check = (pack: Uint8Array, policy?: string): Promise<PackReport> =>
  verifyPack(pack, { ...CRYPTO, ...(policy !== undefined && { policy }) })

function faultsOf({ lines }: PackReport): readonly string[] {
  return lines.filter(({ verdict }) => verdict === 'no').map(({ text }) => text)
}

const nameOf = (members: Members, part: string): string =>
  [...members.keys()].find((name) => name.includes(part) && !name.includes('/whodid/')) ?? part

test('a pack that was made long ago is still verified, line for line', async () => {
  const report = await check(GOLDEN)

  expect(faultsOf(report)).toEqual([])
  expect(report.verdict).toBe('verified')
  expect(report.events.map(({ index, leaf }) => [index, leaf.y])).toEqual([
    [1, 'delete'],
    [4, 'read'],
  ])
  expect(report.lines.map(({ check: name, verdict, text }) => `${name} ${verdict} ${text}`)).toMatchSnapshot()
})

test('one flipped byte in any member is found, and the member is named', async () => {
  for (const [name, bytes] of membersOf(GOLDEN)) {
    for (const at of [0, Math.floor(bytes.length / 2), bytes.length - 1]) {
      const members = membersOf(GOLDEN)
      const flipped = Buffer.from(bytes)
      flipped[at]! ^= 1
      members.set(name, flipped)
      const report = await check(tarOf(members))
      expect([name, report.verdict]).toEqual([name, 'not verified'])
      expect(faultsOf(report).join('\n')).toContain(name === 'manifest.sha256' ? 'manifest.json' : name)
    }
  }
})

test('one flipped byte anywhere in the file is found', async () => {
  // Every 97th: headers, padding, members and the end are all among them.
  for (let at = 0; at < GOLDEN.length; at += 97) {
    const flipped = Buffer.from(GOLDEN)
    flipped[at]! ^= 0x10
    expect([at, (await check(flipped)).verdict]).toEqual([at, 'not verified'])
  }
})

test('a pack that is cut short, or longer, or another file, is not verified', async () => {
  const pieces = [GOLDEN.subarray(0, -512), GOLDEN.subarray(0, 700), Buffer.concat([GOLDEN, Buffer.alloc(512)])]
  for (const piece of [...pieces, Buffer.alloc(0), Buffer.from('no tar'), Buffer.alloc(1024)]) {
    const report = await check(piece)
    expect(report).toMatchObject({
      verdict: 'not verified',
      summary: 'Not verified: see the lines marked with a cross.',
    })
    expect(report.lines[0]?.check).toBe('container')
  }
})

describe('somebody who knows how packs are made', () => {
  const forged: readonly (readonly [what: string, change: (members: Members) => void, fault: RegExp])[] = [
    ['holds back a block', (members) => withoutBlock(members, 'actor'), /^withheld: actor of leaf 1 of acme/],
    ['takes a leaf out', (members) => editLeaves(members, (bytes) => bytes.subarray(2 + bytes.readUInt16BE(0))), /./],
    [
      'changes a leaf',
      (members) =>
        editLeaves(members, (bytes) => Buffer.from(bytes.toString('latin1').replace('delete', 'create'), 'latin1')),
      /does not lead to the root|do not lead to the root/,
    ],
    [
      'changes a disclosed text',
      (members) => editText(members, 'blocks.jsonl', (text) => text.replace(String.raw`\"ada\"`, String.raw`\"eva\"`)),
      /blocks\.jsonl: block actor of leaf 1 is not what was sealed/,
    ],
    [
      'changes the hash of a block that is not shown',
      (members) => editText(members, 'blocks.jsonl', (text) => text.replace(/"commitments":\["./, '"commitments":["B')),
      /is not what was sealed|are not those that it commits to/,
    ],
    [
      'changes what a heartbeat says',
      (members) => editText(members, 'blocks.jsonl', (text) => text.replace(/\\"api\\":\d+/, String.raw`\"api\":7`)),
      /block body of leaf \d+ is not what was sealed/,
    ],
    [
      'signs with another key',
      (members) => editText(members, '/checkpoint', (text) => text.replace(/.{8}\n$/, 'AAAAAAA=\n')),
      /signature|base64/,
    ],
    [
      'adds a member',
      (members) => void members.set('evil.sh', Buffer.from('rm -rf /')),
      /evil\.sh is nothing that a pack holds/,
    ],
    [
      'leaves the proofs out',
      (members) => void members.delete(nameOf(members, '/proofs/0.')),
      /proofs\/0\.tlog-proof is missing/,
    ],
    [
      'writes a line twice',
      (members) => editText(members, 'blocks.jsonl', (text) => text + text),
      /is not in the order of the leaves/,
    ],
    [
      'adds a key that nobody knows',
      (members) => editText(members, 'blocks.jsonl', (text) => text.replace('{"index"', '{"x":1,"index"')),
      /line 1: it has an unknown "x"/,
    ],
    [
      'makes up an erasure',
      (members) => {
        withoutBlock(members, 'place')
        const log = nameOf(members, '/checkpoint').replace(/^logs\/|\/checkpoint$/g, '')
        const line = { log, index: 1, block: 'place', record: { log, index: 0 }, at: 0, path: [] }
        members.set('erasures.jsonl', Buffer.from(`${JSON.stringify(line)}\n`))
      },
      /erasures\.jsonl, line 1: leaf 0 of acme.* is no record of an erasure/,
    ],
  ]

  test.each(forged)('%s, and is found out', async (_what, change, fault) => {
    const report = await check(repacked(GOLDEN, change))

    expect(report.verdict).toBe('not verified')
    expect(faultsOf(report).join('\n')).toMatch(fault)
  })

  test('says that fewer events match than are there, and is found out', async () => {
    const pack = repacked(
      GOLDEN,
      () => undefined,
      (manifest) => ({
        ...manifest,
        logs: manifest.logs.map((log) => ({ ...log, events: 1 })),
      }),
    )
    expect(faultsOf(await check(pack)).join('\n')).toContain('the manifest counts 1 event that match')
  })

  test('calls a pack a selection, and gets no completeness out of it', async () => {
    const pack = repacked(
      GOLDEN,
      () => undefined,
      (manifest) => ({ ...manifest, kind: 'selection' }),
    )
    const report = await check(pack)
    expect(report.about).toMatch(/^This pack is a selection: it does NOT show completeness/)
    expect(report.lines.filter((line) => line.check === 'completeness').map(({ verdict }) => verdict)).toEqual([
      'open',
      'open',
    ])
  })
})

test('a policy of one’s own that does not name the key, or asks for a witness, is not met', async () => {
  expect(faultsOf(await check(GOLDEN, 'quorum none\n')).join('\n')).toContain('which the policy does not name')
  const inside = membersOf(GOLDEN).get('policy.txt')?.toString() ?? ''
  const witness = 'witness w witness.example.org/w1+5b43239c+BN+GARmBG3ZTJJSX8/UQnTezIZRqgCkLwWQCBUNSL47c'
  const asks = inside.replace('quorum none', `${witness}\nquorum w`)
  expect(faultsOf(await check(GOLDEN, asks)).join('\n')).toContain('no witness has seen it; the policy asks for w')
  expect(faultsOf(await check(GOLDEN, 'nonsense\n')).join('\n')).toContain('policy, line 1')
})

test('members of a hundred thousand brackets, and of the wrong kind, are refused and nothing is thrown', async () => {
  const bombs = [
    '['.repeat(100_000),
    '{"index":1e400}',
    'null',
    '{"__proto__":1}',
    '\u0000',
    '{"index":0,"commitments":[],"blocks":[]}',
  ]
  for (const bomb of bombs) {
    const pack = repacked(GOLDEN, (members) => editText(members, 'blocks.jsonl', () => `${bomb}\n`))
    expect((await check(pack)).verdict).toBe('not verified')
    const members = membersOf(GOLDEN)
    members.set('manifest.json', Buffer.from(bomb))
    members.set('manifest.sha256', Buffer.from(`${hash('sha256', bomb, 'hex')}  manifest.json\n`))
    expect((await check(tarOf(members))).verdict).toBe('not verified')
  }
})

test('an erasure covers what its root commits to', async () => {
  const covered = [{ log: 'acme/n1/default/2026-11', index: 1, block: 'actor' as const }]
  const root = erasureRoot(CRYPTO.sha256, covered)
  expect(root).toHaveLength(32)
  expect((await proveErasure(CRYPTO.sha256, covered, covered[0]!)).path).toEqual([])
})

function editText(members: Members, part: string, edit: (text: string) => string): void {
  const name = nameOf(members, part)
  const before = members.get(name)?.toString() ?? ''
  const after = edit(before)
  expect(after, `${name} is changed`).not.toBe(before)
  members.set(name, Buffer.from(after))
}

function editLeaves(members: Members, edit: (bytes: Buffer) => Buffer): void {
  const name = nameOf(members, '/leaves/')
  members.set(name, edit(members.get(name) ?? Buffer.alloc(0)))
}
