import { expect, test } from 'vitest'
import { aFolder } from '../../test/a-server.ts'
import { anEvent, aWritePath, type AWritePath } from '../../test/a-write-path.ts'
import { manualClock } from '../../test/manual-clock.ts'
import { seeded } from '../../test/seeded.ts'
import { someRules } from '../../test/some-rules.ts'
import { NO_RULES } from '../rules/rule-set.ts'
import { resumeFeed } from './recover.ts'
import { createRulesInForce } from './rules-in-force.ts'

const MINUTE = 60_000
const ACTIONS = ['read', 'route', 'drop', 'shadow']

/** What the writer goes by, but for the windows. */
function memoryOf({ memory: { books, logs } }: AWritePath) {
  const open = logs.open.map(({ origin, next, grown }) => ({ origin, next, grown }))
  return { books: books.snapshot(), open: open.toSorted((a, b) => (a.origin < b.origin ? -1 : 1)) }
}

test.each([1, 2, 3, 4, 5, 6])(
  'memory is as it was after a restart, whenever the books were saved (seed %i)',
  async (seed) => {
    const random = seeded(seed)
    const folder = aFolder()
    const rules = createRulesInForce(NO_RULES, someRules)
    // Some of these cross the end of a month.
    const clock = manualClock(Date.UTC(2026, 10, 30, 23, random.between(0, 59)))
    for (let life = 0; life < 2; life++) {
      const path = await aWritePath({ folder, clock, rules })
      for (let step = 0; step < 12; step++) {
        clock.advance(random.between(0, 2 * MINUTE))
        const records = Array.from({ length: random.between(0, 4) }, () => {
          const id = String(random.between(0, 20))
          return anEvent(id, { event: { id, action: ACTIONS[random.between(0, 3)] ?? 'read' } })
        })
        const choice = random.next()
        if (choice < 0.6) await path.send(records, random.chance(0.5) ? { cursor: `${life} ${step}` } : {})
        else if (choice < 0.8) await path.writer.beat('due')
        else path.state.snapshots.save('books', path.memory.books.snapshot())
      }
      await path.writer.settled()
      await path.writer.beat('stop')
      const before = memoryOf(path)
      await path.close()
      const again = await aWritePath({ folder, clock })
      expect(memoryOf(again)).toEqual(before)
      await again.close()
    }
  },
)

test('what is older than ten minutes is in the books, and not in the windows', async () => {
  const folder = aFolder()
  const clock = manualClock()
  const before = await aWritePath({ folder, clock })
  await before.send([anEvent('old')], { idempotencyKey: 'old' })
  clock.advance(6 * MINUTE)
  await before.send([anEvent('young')], { idempotencyKey: 'young' })
  await before.close()
  clock.advance(6 * MINUTE)

  const after = await aWritePath({ folder, clock })
  expect(after.memory.duplicates.size).toBe(1)
  expect(after.memory.books.of('api').kept).toBe(2)
  await expect(after.send([anEvent('other')], { idempotencyKey: 'young' })).rejects.toMatchObject({ code: 'conflict' })
  expect(await after.send([anEvent('other')], { idempotencyKey: 'old' })).toMatchObject({ kept: 1 })
})

test('many frames are one place: what is read again is little, and what is kept of them too', async () => {
  const folder = aFolder()
  const before = await aWritePath({ folder })
  for (let n = 0; n < 30; n++) await before.send([anEvent(n)])
  await before.writer.beat('start')
  for (let n = 30; n < 35; n++) await before.send([anEvent(n)])
  await before.close()
  const { places } = await aWritePath({ folder })
  expect(places).toEqual([
    { log: 'acme/n1/default/2026-11', next: 37, firstFeed: 1 },
    { log: 'acme/n1/whodid/2026-11', next: 2, firstFeed: 32 },
  ])
})

test('ledger and store go on at the first frame that they do not have whole', () => {
  const places = [
    { log: 'a', next: 100, firstFeed: 1 },
    { log: 'b', next: 50, firstFeed: 101 },
    { log: 'a', next: 200, firstFeed: 151 },
  ]
  const having = (has: Record<string, number>) => resumeFeed(places, (log) => has[log] ?? 0, 251)
  expect(having({})).toBe(1)
  expect(having({ a: 200 })).toBe(101)
  expect(having({ a: 150, b: 50 })).toBe(151)
  expect(having({ a: 200, b: 50 })).toBe(251)
})
