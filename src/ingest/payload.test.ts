import { expect, test } from 'vitest'
import { NOTHING } from '../domain/accounting.ts'
import { AuditError } from '../domain/errors.ts'
import type { Blocks } from '../domain/sealed.ts'
import {
  CONTENT_BYTES,
  eventsOf,
  FLAG_CONFLICT,
  idOfLeaf,
  leavesOf,
  parsePayload,
  type PayloadHeader,
  payloadParts,
  ROW_BYTES,
  writeRow,
} from './payload.ts'

const HEADER: PayloadHeader = {
  source: 'api',
  received: 1_795_000_000_000,
  log: 'acme/n1/default/2026-11',
  first: 41,
  cursor: 'line 7 ü',
  accounting: { ...NOTHING, received: 3, kept: 2, events: 2, rejected: { not_json: 1 } },
  idempotency: { key: 'k', content: 'c' },
}

const ID = 'AbCdEfGhIjKlMnOpQrStUv'
const LEAF = `{"v":1,"id":"${ID}","c":"${'c'.repeat(43)}"}`
const EVENTS: readonly { leaf: string; blocks: Blocks }[] = [
  { leaf: LEAF, blocks: ['{"user":"ü€𝄞"}', undefined, undefined, '{}', '{"original":"x"}'] },
  { leaf: `${LEAF.slice(0, -1)} }`, blocks: [undefined, '', undefined, undefined, undefined] },
]

function tableOf() {
  const table = Buffer.alloc(EVENTS.length * ROW_BYTES)
  for (const [row, { leaf, blocks }] of EVENTS.entries()) {
    writeRow(table, row * ROW_BYTES, {
      leafBytes: Buffer.byteLength(leaf),
      blockBytes: blocks.map((block) => (block === undefined ? -1 : Buffer.byteLength(block))),
      // Beyond 32 bits: ids of keys are sqlite row ids.
      actorKey: 2 ** 40 + row,
      targetKey: row,
      flags: row === 1 ? FLAG_CONFLICT : 0,
    })
  }
  const arena = Buffer.from(EVENTS.map(({ leaf, blocks }) => leaf + blocks.join('')).join(''))
  return { count: EVENTS.length, table, contents: Buffer.alloc(EVENTS.length * CONTENT_BYTES, 7), arena }
}

test('a payload comes back as it went in, wherever in a buffer it stands', () => {
  const bytes = Buffer.concat([Buffer.from('before'), ...payloadParts(HEADER, [tableOf()])]).subarray(6)
  const payload = parsePayload(bytes, EVENTS.length)

  expect(payload.header).toEqual(HEADER)
  expect(Buffer.from(payload.contents)).toEqual(Buffer.alloc(EVENTS.length * CONTENT_BYTES, 7))
  expect(leavesOf(payload).map((leaf) => Buffer.from(leaf).toString())).toEqual(EVENTS.map(({ leaf }) => leaf))
  expect(eventsOf(payload, 1000)).toEqual(
    EVENTS.map(({ leaf, blocks }, row) => ({
      feed: 1000 + row,
      log: HEADER.log,
      index: 41 + row,
      leaf,
      blocks,
      actorKey: 2 ** 40 + row,
      targetKey: row,
      conflict: row === 1,
    })),
  )
})

test('a frame that keeps nothing has its header only', () => {
  const { log: _log, first: _first, ...header } = HEADER
  const payload = parsePayload(Buffer.concat(payloadParts(header, [])), 0)
  expect(payload.header).toEqual(header)
  expect([eventsOf(payload, 1), leavesOf(payload)]).toEqual([[], []])
})

test('a frame that is shorter than its table is damaged', () => {
  const bytes = Buffer.concat(payloadParts(HEADER, [tableOf()]))
  const damaged = expect.objectContaining({ code: 'damaged' })
  expect(() => parsePayload(bytes, 100)).toThrow(AuditError)
  expect(() => parsePayload(bytes, 100)).toThrow(damaged)
})

test('the id is found in a leaf without parsing it', () => {
  expect(idOfLeaf(Buffer.from(LEAF))).toBe(ID)
})
