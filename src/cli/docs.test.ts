import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { expect, test } from 'vitest'

import { NOWHERE } from '../../test/a-command.ts'
import { createProgram } from './cli.ts'

const docs = readFileSync(join(import.meta.dirname, '../../docs/cli.md'), 'utf8')

/** Commands that do something, by their whole name. */
function leavesOf(command: Command, path: readonly string[] = []): [name: string, command: Command][] {
  return command.commands.flatMap((each) =>
    each.commands.length > 0
      ? leavesOf(each, [...path, each.name()])
      : [[[...path, each.name()].join(' '), each] as [string, Command]],
  )
}

const program = createProgram(NOWHERE)

test.each(leavesOf(program))('docs/cli.md has a section for %s and tells of each of its options', (name, command) => {
  expect(docs).toContain(`whodid ${name}`)
  expect(docs).toMatch(new RegExp(`^## (${name}|${name.split(' ')[0]})$`, 'm'))
  for (const { long, short } of command.options) expect(docs).toMatch(new RegExp(`${long}\\b|${short} `))
})
