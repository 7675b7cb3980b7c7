import { type Command, Option } from 'commander'
import { CATEGORIES_FLAG, type CategoriesFlag } from '../rules/categories.ts'

/**
 * EngFlow's flag on a command, as EngFlow takes it: `=iam` sets, `+=auth` appends, as often as it is said.
 *
 * @returns What was said, in its order, once the command's arguments are parsed.
 */
export function addCategoryFlags(command: Command): readonly CategoriesFlag[] {
  const said: CategoriesFlag[] = []
  const taking = (operator: CategoriesFlag['operator']) => (value: string) => {
    said.push({ operator, value, where: `--${CATEGORIES_FLAG}` })
  }
  const sets = new Option(`--${CATEGORIES_FLAG} <category>`, 'keep no events of auth, iam or file; += appends')
  const appends = new Option(`--${CATEGORIES_FLAG}+ <category>`).hideHelp()
  command.addOption(sets.argParser(taking('='))).addOption(appends.argParser(taking('+=')))
  return said
}
