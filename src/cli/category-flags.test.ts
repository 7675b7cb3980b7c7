import { Command } from 'commander'
import { expect, test } from 'vitest'
import { ran } from '../../test/a-command.ts'
import { addCategoryFlags } from './category-flags.ts'

function said(...args: readonly string[]) {
  const command = new Command('serve')
  const flags = addCategoryFlags(command)
  command.parse(args, { from: 'user' })
  return flags.map(({ operator, value }) => `${operator}${value}`)
}

test.each<[args: readonly string[], flags: readonly string[]]>([
  [[], []],
  [['--audit_log_excluded_categories=iam'], ['=iam']],
  [['--audit_log_excluded_categories', 'iam'], ['=iam']],
  [['--audit_log_excluded_categories='], ['=']],
  [
    ['--audit_log_excluded_categories=iam', '--audit_log_excluded_categories+=auth'],
    ['=iam', '+=auth'],
  ],
  [
    ['--audit_log_excluded_categories+=auth', '--audit_log_excluded_categories=iam'],
    ['+=auth', '=iam'],
  ],
])('%j is taken in its order', (args, flags) => {
  expect(said(...args)).toEqual(flags)
})

test('an unknown word is refused with the list before anything is started', async () => {
  const { code, err } = await ran(['serve', '--data', '/nowhere', '--audit_log_excluded_categories+=fiel'])
  expect(code).toBe(1)
  expect(err).toContain(
    '--audit_log_excluded_categories: there is no category "fiel"; did you mean file? known: auth, iam, file',
  )
})
