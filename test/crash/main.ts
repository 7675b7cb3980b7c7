import { parseArgs } from 'node:util'
import { Chain } from './chain.ts'
import { runSimulated, SUBJECTS } from './simulated.ts'

/**
 * `npm run test:crash -- [--runs N] [--seed S]`: kills real servers N times, a new data folder every ten times, then lets a
 * simulated disk forget what was not synced. Ends with `N passed, N failed`; exit 1 when something failed.
 */
const RUNS_PER_CHAIN = 10
const SEEDS = 1000
/** With few runs, as in CI. A mutant is looked for until it is found all the same. */
const FEW_SEEDS = 200

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '100' }, seed: { type: 'string', default: '1' } },
})
const runs = Number(values.runs)
let passed = 0
let failed = 0
for (let run = 1, seed = Number(values.seed); run <= runs; run += RUNS_PER_CHAIN, seed++) {
  await runChain(run, Math.min(RUNS_PER_CHAIN, runs - run + 1), seed)
}
await simulate(runs < 100 ? FEW_SEEDS : SEEDS)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

async function runChain(first: number, count: number, seed: number): Promise<void> {
  const chain = new Chain(seed)
  for (let n = 0; n < count; n++) {
    const isLast = n === count - 1
    const isGood = await outcome(`run ${first + n}`, async () => {
      const said = await chain.live()
      return isLast ? `${said}; in the end ${await chain.finish()}` : said
    })
    if (isGood) continue
    console.error(`  its folder is ${chain.folder}; once more: npm run test:crash -- --seed ${seed} --runs ${count}`)
    // What comes after in this folder says nothing any more.
    failed += count - n - 1
    return
  }
}

async function simulate(seeds: number): Promise<void> {
  const failures = await runSimulated({ seeds })
  for (const { name } of SUBJECTS) {
    await outcome(`${name} on a simulated disk, ${seeds} seeds`, async () => {
      const failure = failures.find((each) => each.subject === name)
      if (failure !== undefined) throw new Error(`seed ${failure.seed}`, { cause: failure.error })
      return 'nothing lost'
    })
  }
  for (const mutant of SUBJECTS.flatMap((subject) => subject.mutants)) {
    await outcome(mutant.name, async () => {
      const [failure] = await runSimulated({ seeds: SEEDS, mutant })
      if (failure === undefined) throw new Error(`nobody notices in ${SEEDS} seeds that it is left out`)
      return `noticed by seed ${failure.seed}`
    })
  }
}

async function outcome(name: string, work: () => Promise<string>): Promise<boolean> {
  try {
    const said = await work()
    passed++
    console.error(`ok     ${name}: ${said}`)
    return true
  } catch (error) {
    failed++
    console.error(`FAILED ${name}:`, error)
    return false
  }
}
