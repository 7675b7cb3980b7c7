import type { Command } from 'commander'

/**
 * Queries and ids may begin with `-`: what is no option of the command is put behind `--`. A word that begins with `--`
 * and is no option stays where it is, so that a mistyped option is an error and not a search; an event id is told by its
 * shape.
 */
export function protectOperands(args: readonly string[], program: Command): string[] {
  const [path, command] = commandOf(args, program)
  if (command === undefined || command.registeredArguments.length === 0) return [...args]
  const kept: string[] = []
  const operands: string[] = []
  const rest = args.slice(path.length)
  while (rest.length > 0) {
    const word = rest.shift() ?? ''
    if (word === '--') operands.push(...rest.splice(0))
    else if (!isOption(word, command)) operands.push(word)
    else kept.push(word, ...(takesNext(word, command) ? rest.splice(0, 1) : []))
  }
  return [...path, ...kept, '--', ...operands]
}

function commandOf(args: readonly string[], program: Command): [path: string[], command: Command | undefined] {
  const path: string[] = []
  let command: Command | undefined
  for (const word of args) {
    const next: Command | undefined = (command ?? program).commands.find((each) => each.name() === word)
    if (next === undefined) break
    path.push(word)
    command = next
  }
  return [path, command]
}

const EVENT_ID = /^[\w-]{22}$/

function isOption(word: string, command: Command): boolean {
  if (!word.startsWith('-') || word === '-') return false
  if (flagsOf(command).includes(word)) return true
  return word.startsWith('--') && !EVENT_ID.test(word)
}

function takesNext(word: string, command: Command): boolean {
  return command.options.some((option) => option.required && (option.short === word || option.long === word))
}

function flagsOf(command: Command): readonly string[] {
  return ['-h', '--help', ...command.options.flatMap(({ short, long }) => [short ?? '', long ?? ''])]
}
