import { expect, test } from 'vitest'
import { configuredFormat } from '../formats/formats.ts'
import type { SealedEvent } from '../domain/sealed.ts'
import type { AuditEvent } from '../domain/event.ts'
import type { StoredEvent } from '../store/reread.ts'
import { mergeEvent } from '../domain/blocks.ts'
import { aSealed } from '../../test/sealed-events.ts'
import { reread, type ReadAs } from './reread.ts'

const MAP = { 'event.action': '$.verb', 'event.outcome': { value: 'success' } }
const LATER: ReadAs = {
  formatNow: (format) => ({ format, options: { map: { ...MAP, 'event.action': '$.other', 'user.name': '$.who' } } }),
}

function stored(feed: number, original: string | undefined, whodid: AuditEvent['whodid'] = {}): StoredEvent {
  const event = { action: 'read', outcome: 'success' as const, ...(original !== undefined && { original }) }
  const sealed = aSealed({ event, whodid: { parser: 'json@1', ...whodid } }, { feed })
  return storedAs(sealed)
}

function storedAs(sealed: SealedEvent): StoredEvent {
  const leaf = JSON.parse(sealed.leaf)
  const event = mergeEvent(leaf, sealed.blocks, { log: sealed.log, index: sealed.index, stream: 'default' })
  return { sealed, event, shown: sealed.blocks }
}

async function readAgain(rows: readonly StoredEvent[], as: ReadAs, more: { force?: boolean; dryRun?: boolean } = {}) {
  const renewed: SealedEvent[] = []
  const asked = { source: 'api', afterFeed: 0, asOf: 100, dryRun: false, force: true, ...more }
  const answer = await reread(
    {
      rereads: {
        find: async ({ afterFeed, except }) =>
          rows.filter(({ sealed, event }) => sealed.feed > afterFeed && !except.includes(event.whodid?.parser ?? '')),
        renew: async (_source, events) => void renewed.push(...events),
      },
      format: configuredFormat,
      parsersNow: ['json@1'],
    },
    as,
    asked,
  )
  return { answer, renewed }
}

const GOOD = '{"verb":"read","other":"written","who":"ada"}'

test('a row gets what is read now under the words of its leaf, and says who sealed it', async () => {
  const row = stored(1, GOOD, { natural_id: 'k', trust: ['unauthenticated'] })
  const { answer, renewed } = await readAgain([row], LATER)

  expect(answer).toMatchObject({ read: 1, renewed: 1, examples: [] })
  const [later] = renewed
  if (later === undefined) throw new RangeError('one was renewed')
  const now = storedAs(later).event
  expect(now.user).toEqual({ name: 'ada' })
  expect(now.event).toEqual(row.event.event)
  expect(now['@timestamp']).toBe(row.event['@timestamp'])
  expect(now.whodid).toMatchObject({ parser: 'json@1', sealed_parser: 'json@1', natural_id: 'k' })
  expect(now.whodid?.trust).toEqual(['unauthenticated', 'time:collected'])
  expect([later.leaf, later.blocks[4]]).toEqual([row.sealed.leaf, row.sealed.blocks[4]])

  expect((await readAgain([storedAs(later)], LATER)).answer).toMatchObject({ read: 1, renewed: 0, unchanged: 1 })
})

test('what cannot be read as the same event is left as it was, counted and named', async () => {
  const rows = [
    stored(1, undefined),
    stored(2, GOOD, { parser: 'gone@1' }),
    stored(3, GOOD, { masked: [{ path: 'user.name', rule: 'r' }] }),
    stored(4, GOOD, { truncated: [{ path: 'message', bytes: 1, reason: 'r' }] }),
    stored(5, '[7]'),
    stored(6, GOOD, { natural_id: 'file:1/1' }),
  ]
  const { answer, renewed } = await readAgain(rows, {
    formatNow: (format) => (format === 'json' ? LATER.formatNow(format) : undefined),
  })

  expect(answer.skipped).toEqual({ noOriginal: 1, noFormat: 1, notWhole: 2, rejected: 1, otherEvents: 1 })
  expect(answer.examples).toEqual(rows.map(({ event }) => event.event.id))
  expect(renewed).toEqual([])
})

test('of a record that became several events each row gets its own', async () => {
  const original = '{"all":[{"verb":"read","who":"ada"},{"verb":"read","who":"bob"},{"verb":"write","who":"eve"}]}'
  const as: ReadAs = {
    formatNow: (format) => ({ format, options: { items: '$.all[*]', map: { ...MAP, 'user.name': '$.who' } } }),
  }
  const rows = ['f', 'f/1', 'f/2', 'f/3', undefined].map((name, n) =>
    stored(n + 1, original, name === undefined ? {} : { natural_id: name }),
  )
  const { answer, renewed } = await readAgain(rows, as)

  expect(renewed.map((each) => storedAs(each).event.user?.name)).toEqual(['ada', 'bob'])
  // One does another thing by now, one is no more, one has no name to be known by.
  expect(answer.skipped.otherEvents).toBe(3)
})

test('only older parsers are asked for unless it is forced, and a dry run changes nothing', async () => {
  expect((await readAgain([stored(1, GOOD)], LATER, { force: false })).answer.read).toBe(0)
  const dry = await readAgain([stored(1, GOOD, { parser: 'json@0' })], LATER, { force: false, dryRun: true })
  expect(dry.answer.renewed).toBe(1)
  expect(dry.renewed).toEqual([])
})
