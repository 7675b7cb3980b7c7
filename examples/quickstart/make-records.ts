import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildsRoutine, buildsStory } from './builds.ts'
import { databaseRoutine, databaseStory } from './database.ts'
import { hostsRoutine, hostsStory } from './hosts.ts'
import { linesOf } from './kubernetes-record.ts'
import { kubernetesRoutine } from './kubernetes-routine.ts'
import { kubernetesStory } from './kubernetes-story.ts'
import { seeded } from './seeded.ts'

/**
 * Writes the example records (`records/`): the same ones each time. `story` is what happens once a week at its
 * own hour, `routine` what is played again and again.
 */
const random = seeded('acme')
const folder = join(import.meta.dirname, 'records')

write('kubernetes-story.jsonl', kubernetesStory().flatMap(linesOf))
write('kubernetes-routine.jsonl', kubernetesRoutine(random, 260).flatMap(linesOf))
write('builds-story.jsonl', buildsStory())
write('builds-routine.jsonl', buildsRoutine(random, 240))
write('hosts-story.log', hostsStory())
write('hosts-routine.log', hostsRoutine(random, 120))
write('database-story.log', databaseStory())
write('database-routine.log', databaseRoutine(random, 120))

function write(name: string, lines: readonly string[]): void {
  writeFileSync(join(folder, name), lines.map((line) => `${line}\n`).join(''))
  console.log(`${name}: ${lines.length} records`)
}
