import { expect, test } from 'vitest'
import { runSimulated, SUBJECTS } from './crash/simulated.ts'

/** Few enough for every `npm test`; `npm run test:crash` goes on to a thousand. */
const SEEDS = new Map([
  ['journal', 200],
  ['ledger', 30],
  ['write path', 30],
])

test.each(SUBJECTS)('whatever a crash forgets, what was acknowledged is found again: $name', async ({ name }) => {
  expect(await runSimulated({ seeds: SEEDS.get(name) ?? 30, subject: name })).toEqual([])
})

test.each(SUBJECTS.flatMap((subject) => subject.mutants))('notices when a sync is left out: $name', async (mutant) => {
  expect(await runSimulated({ seeds: 400, mutant })).toHaveLength(1)
})
