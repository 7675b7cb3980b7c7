import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DuplicateWindow } from './duplicates.ts'

const LOG = 'acme/n1/default/2026-11'
const hashed = (text: string) => createHash('sha256').update(text).digest().subarray(0, 16)

test('knows the same event, and the same id with other content', () => {
  const window = new DuplicateWindow()
  window.add(hashed('id'), hashed('content'), 0, { log: LOG, index: 41 }, 0)

  expect(window.find(hashed('id'), hashed('content'), 0)).toEqual({
    kind: 'duplicate',
    position: { log: LOG, index: 41 },
  })
  expect(window.find(hashed('id'), hashed('other'), 0)).toEqual({ kind: 'conflict' })
  expect(window.find(hashed('elsewhere'), hashed('content'), 0)).toEqual({ kind: 'new' })
})

test('after a conflict both contents are known', () => {
  const window = new DuplicateWindow()
  window.add(hashed('id'), hashed('one'), 0, { log: LOG, index: 1 }, 0)
  window.add(hashed('id'), hashed('two'), 0, { log: LOG, index: 2 }, 0)

  expect(window.find(hashed('id'), hashed('one'), 0)).toMatchObject({ kind: 'duplicate', position: { index: 1 } })
  expect(window.find(hashed('id'), hashed('two'), 0)).toMatchObject({ kind: 'duplicate', position: { index: 2 } })
})

test('forgets after ten minutes, and the oldest when it is full', () => {
  const window = new DuplicateWindow(2)
  for (const [n, time] of [0, 1000, 2000].entries()) {
    window.add(hashed(`id ${n}`), hashed('c'), 0, { log: LOG, index: n }, time)
  }
  expect(window.find(hashed('id 0'), hashed('c'), 0).kind).toBe('new')
  expect(window.find(hashed('id 1'), hashed('c'), 0).kind).toBe('duplicate')

  window.add(hashed('id 3'), hashed('c'), 0, { log: LOG, index: 3 }, 603_000)
  expect(window.find(hashed('id 2'), hashed('c'), 0).kind).toBe('new')
})

test('an id that a sender gives to everything costs no more than another, and none of it counts as known', () => {
  const window = new DuplicateWindow()
  const began = performance.now()
  let conflicts = 0
  for (let n = 0; n < 50_000; n++) {
    const content = Buffer.alloc(16)
    content.writeUInt32LE(n)
    const seen = window.find(hashed('login'), content, 0)
    if (seen.kind === 'conflict') conflicts++
    window.add(hashed('login'), content, 0, { log: LOG, index: n }, 0)
  }
  expect(conflicts).toBe(49_999)
  expect(window.size).toBeLessThan(100)
  // Looking through all that came before takes minutes.
  expect(performance.now() - began).toBeLessThan(5000)
  expect(window.find(hashed('login'), Buffer.alloc(16), 0).kind).toBe('duplicate')
})

test('agrees with a plain map whatever comes and is forgotten', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(200), fc.nat(3)), { maxLength: 3000 }),
      fc.integer({ min: 3, max: 64 }),
      (adds, most) => {
        const window = new DuplicateWindow(most)
        const model: string[] = []
        for (const [n, [id, content]] of adds.entries()) {
          window.add(hashed(`${id}`), hashed(`${content}`), 0, { log: LOG, index: n }, n)
          if (model.length >= most) model.shift()
          if (model.filter((each) => each.startsWith(`${id} `)).length < 16) model.push(`${id} ${content}`)
        }
        const ids = Buffer.concat(Array.from({ length: 200 }, (_, id) => hashed(`${id}`)))
        const contents = Buffer.concat(Array.from({ length: 200 }, () => hashed('1')))
        for (let id = 0; id < 200; id++) {
          const expected = model.includes(`${id} 1`)
            ? 'duplicate'
            : model.some((each) => each.startsWith(`${id} `))
              ? 'conflict'
              : 'new'
          expect(window.find(ids, contents, id * 16).kind).toBe(expected)
        }
      },
    ),
    { numRuns: 30 },
  )
})
