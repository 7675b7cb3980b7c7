import { JOURNAL_MUTANTS, runJournal } from './journal-model.ts'
import { LEDGER_MUTANTS, runLedger } from './ledger-model.ts'
import type { Mutant } from './mutants.ts'
import { runWritePath, WRITE_PATH_MUTANTS } from './write-path-model.ts'

/** What is put through crashes on the simulated disk: a run of one seed throws what it found wrong. */
interface Subject {
  readonly name: string
  readonly run: (seed: number, mutant?: Mutant) => Promise<void>
  readonly mutants: readonly Mutant[]
}

export const SUBJECTS: readonly Subject[] = [
  { name: 'journal', run: runJournal, mutants: JOURNAL_MUTANTS },
  { name: 'ledger', run: runLedger, mutants: LEDGER_MUTANTS },
  { name: 'write path', run: runWritePath, mutants: WRITE_PATH_MUTANTS },
]

export interface Failure {
  readonly subject: string
  readonly seed: number
  readonly error: unknown
}

/** Runs each subject (only `subject`; a mutant's own) with seeds 1, 2 … Ends at the first failure when there is a mutant. */
export async function runSimulated(options: {
  readonly seeds: number
  readonly mutant?: Mutant
  readonly subject?: string
}): Promise<readonly Failure[]> {
  const { seeds, mutant } = options
  const failures: Failure[] = []
  for (const subject of SUBJECTS) {
    if (mutant && !subject.mutants.includes(mutant)) continue
    if (options.subject !== undefined && options.subject !== subject.name) continue
    for (let seed = 1; seed <= seeds; seed++) {
      try {
        await subject.run(seed, mutant)
      } catch (error) {
        failures.push({ subject: subject.name, seed, error })
        if (mutant) return failures
      }
    }
  }
  return failures
}

/** Seeds for the whole run; every mutant must be found within them. */
const SEEDS = 1000

async function main(): Promise<void> {
  const failures = await runSimulated({ seeds: SEEDS })
  for (const { subject, seed, error } of failures) console.error(`FAILED ${subject}, seed ${seed}:`, error)
  let passed = SUBJECTS.length * SEEDS - failures.length
  let failed = failures.length
  for (const mutant of SUBJECTS.flatMap((subject) => subject.mutants)) {
    const [found] = await runSimulated({ seeds: SEEDS, mutant })
    if (found) passed += 1
    else failed += 1
    console.error(found ? `found by seed ${found.seed}: ${mutant.name}` : `NOT FOUND: ${mutant.name}`)
  }
  console.log(`simulated disk: ${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

if (import.meta.main) await main()
