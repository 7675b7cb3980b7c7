import { expect, onTestFinished, test } from 'vitest'
import { aFolder } from '../../test/a-server.ts'
import { manualClock } from '../../test/manual-clock.ts'
import { createAdmission } from './admission.ts'

const DAY = 86_400_000
const LOOK_MS = 5000

async function anAdmission(journalBytes = 1000) {
  const clock = manualClock()
  const journal = { sizeBytes: 0, durableFeed: 1 }
  const passed = { feed: 1 }
  const admission = await createAdmission({
    folder: aFolder(),
    journal,
    passedFeed: () => passed.feed,
    clock,
    journalBytes,
  })
  onTestFinished(() => admission.stop())
  /** Lets days go by, in each of its looks `step` happening before. */
  const live = async (days: number, step: () => void): Promise<void> => {
    for (let ms = 0; ms < days * DAY; ms += DAY / 4) {
      step()
      clock.advance(DAY / 4)
      // It looks at the disk before it sets its next look.
      await expect.poll(() => clock.waiting(), { interval: 1 }).toBe(1)
    }
  }
  return { clock, journal, passed, admission, live }
}

test('records are taken until the journal reaches its bound, and again once it has shrunk', async () => {
  const { journal, admission } = await anAdmission()
  journal.sizeBytes = 999
  expect(admission.refusal()).toBeUndefined()
  journal.sizeBytes = 1000
  expect(admission.refusal()).toMatchObject({ code: 'busy', details: { retryAfterMs: 10_000 } })
  journal.sizeBytes = 10
  expect(admission.refusal()).toBeUndefined()
})

test('counts of what is given up have a little room beyond the bound', async () => {
  const { journal, admission } = await anAdmission()
  journal.sizeBytes = 2000
  expect([admission.refusal()?.code, admission.refusal('count')]).toEqual(['busy', undefined])
  journal.sizeBytes = 1000 + 64 * 1024 * 1024
  expect(admission.refusal('count')).toMatchObject({ code: 'busy' })
  journal.sizeBytes = 0
  admission.close()
  expect(admission.refusal('count')).toMatchObject({ code: 'busy' })
})

test('a store that is always a little behind under steady load is not behind', async () => {
  const { journal, passed, admission, live } = await anAdmission()
  await live(20, () => {
    passed.feed = journal.durableFeed
    journal.durableFeed += 1000
  })
  expect(admission.refusal()).toBeUndefined()
})

test('when nothing passes for seven days, sources are told to wait, and again taken from once it does', async () => {
  const { journal, passed, admission, live, clock } = await anAdmission()
  await live(6, () => (journal.durableFeed += 1))
  expect(admission.refusal()).toBeUndefined()
  await live(2, () => (journal.durableFeed += 1))
  expect(admission.refusal()?.message).toContain('more than seven days')
  passed.feed = journal.durableFeed
  clock.advance(LOOK_MS)
  await expect.poll(() => clock.waiting(), { interval: 1 }).toBe(1)
  clock.advance(LOOK_MS)
  expect(admission.refusal()).toBeUndefined()
})

test('when nothing comes there is nothing to be behind with', async () => {
  const { admission, live } = await anAdmission()
  await live(20, () => undefined)
  expect(admission.refusal()).toBeUndefined()
})

test('a server that ends takes nothing more', async () => {
  const { admission } = await anAdmission()
  admission.close()
  expect(admission.refusal()).toMatchObject({ code: 'busy', message: 'the server is stopping' })
})
