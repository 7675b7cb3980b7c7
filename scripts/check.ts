import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

/** The one gate, the same on a desk and in CI. `--no-tests` leaves out the tests, for who has just run them. */
const STEPS: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['lockfile', 'node', 'scripts/lockfile.ts'],
  ['format', 'oxfmt', '--check'],
  ['lint', 'oxlint', '--type-aware', 'src', 'verify', 'test', 'bench', 'scripts', 'examples'],
  ['types', 'tsc', '--noEmit'],
  ['unused code', 'knip'],
  ['tests', 'vitest', 'run', '--project', 'unit'],
  ['build', 'node', 'scripts/build.ts'],
  ['sizes', 'node', 'scripts/sizes.ts'],
  ['package shape', 'publint', 'verify'],
]

const root = join(import.meta.dirname, '..')
const steps = STEPS.filter(([name]) => name !== 'tests' || !process.argv.includes('--no-tests'))
const failed: string[] = []
for (const [name, command, ...args] of steps) {
  console.error(`\n— ${name}`)
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) failed.push(name)
}
console.error(failed.length === 0 ? '\nall checks passed' : `\nfailed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1
