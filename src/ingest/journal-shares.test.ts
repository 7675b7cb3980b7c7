import { expect, test } from 'vitest'
import { JournalShares } from './journal-shares.ts'

test('a source holds what of it is not everywhere yet', () => {
  const shares = new JournalShares()
  shares.enter('a', 10, 300_000)
  shares.enter('b', 20, 5)
  shares.enter('a', 30, 300_000)
  expect([shares.held('a', 0), shares.held('b', 0), shares.held('c', 0)]).toEqual([600_000, 5, 0])
  expect([shares.held('a', 10), shares.held('a', 29), shares.held('a', 30)]).toEqual([300_000, 300_000, 0])
  shares.enter('a', 40, 7)
  expect(shares.held('a', 30)).toBe(7)
})

test('small frames are counted together, and let go of no sooner than the last of them', () => {
  const shares = new JournalShares()
  for (let frame = 1; frame <= 10_000; frame++) shares.enter('a', frame, 100)
  expect(shares.held('a', 1)).toBe(1_000_000)
  expect(shares.held('a', 9_999)).toBeGreaterThan(0)
  expect(shares.held('a', 10_000)).toBe(0)
})
