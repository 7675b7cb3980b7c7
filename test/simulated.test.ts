import { expect, test } from 'vitest'
import { runSimulated, SUBJECTS } from './crash/simulated.ts'

test('whatever a crash forgets, what was acknowledged is found again', async () => {
  expect(await runSimulated({ seeds: 200 })).toEqual([])
})

test.each(SUBJECTS.flatMap((subject) => subject.mutants))('notices when a sync is left out: $name', async (mutant) => {
  expect(await runSimulated({ seeds: 400, mutant })).toHaveLength(1)
})
