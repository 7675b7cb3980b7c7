import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { TAR_END_BYTES, readTar, tarHeader, tarPadding } from './index.ts'

function tar(...members: readonly (readonly [name: string, text: string])[]): Uint8Array {
  const parts = members.flatMap(([name, text]) => {
    const bytes = Buffer.from(text)
    return [tarHeader(name, bytes.length, 1_700_000_000), bytes, new Uint8Array(tarPadding(bytes.length))]
  })
  return Buffer.concat([...parts, new Uint8Array(TAR_END_BYTES)])
}

const LONG = `logs/${'a'.repeat(60)}/${'b'.repeat(60)}/leaves/0-1`

test('GNU tar lists and reads what is written, also under a long name', () => {
  const folder = mkdtempSync(join(tmpdir(), 'whodid-tar-'))
  writeFileSync(join(folder, 'x.tar'), tar(['README.txt', 'read me\n'], [LONG, 'x'.repeat(513)], ['empty', '']))
  execFileSync('tar', ['-xf', 'x.tar'], { cwd: folder })

  expect(readFileSync(join(folder, 'README.txt'), 'utf8')).toBe('read me\n')
  expect(readFileSync(join(folder, LONG), 'utf8')).toBe('x'.repeat(513))
  expect(readFileSync(join(folder, 'empty'), 'utf8')).toBe('')
  rmSync(folder, { recursive: true })
})

test('reads back its members in order', () => {
  const read = readTar(tar(['b', 'two'], ['a/c', 'one']))

  expect(read.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()])).toEqual([
    ['b', 'two'],
    ['a/c', 'one'],
  ])
})

test('any flipped bit outside of a member is refused, and so is any cut', () => {
  const whole = tar(['a', 'text'], ['b', ''])
  const inside = new Set([512, 513, 514, 515])
  for (let at = 0; at < whole.length; at++) {
    if (inside.has(at)) continue
    const flipped = Uint8Array.from(whole)
    flipped[at]! ^= 1
    expect(() => readTar(flipped), `byte ${at}`).toThrow()
  }
  for (const length of [0, 511, 512, 600, 1024, 1536, whole.length - 512, whole.length - 1]) {
    expect(() => readTar(whole.subarray(0, length)), `cut to ${length}`).toThrow()
  }
  expect(() => readTar(Buffer.concat([whole, Buffer.alloc(512)]))).toThrow('does not end')
})

test.each(['../a', '/a', 'a//b', './a', 'a/..', 'a b', 'a\u0000', 'ä', '', 'a/', 'x'.repeat(101)])(
  'a member may not be named %j',
  (name) => {
    expect(() => tarHeader(name, 0, 0)).toThrow('no name')
  },
)

test('a name that comes twice, a link and a member larger than the file are refused', () => {
  expect(() => readTar(tar(['a', '1'], ['a', '2']))).toThrow('a is in the pack twice')
  const bomb = Buffer.concat([tarHeader('a', 2 ** 32, 0), Buffer.alloc(1024)])
  expect(() => readTar(bomb)).toThrow('a is cut short')
})
