import { type Command, InvalidArgumentError, Option } from 'commander'

const DEFAULT_DATA = './.whodid'

/** How a command finds its server. */
export interface ServerOptions {
  readonly url?: string
  readonly ca?: string
  readonly data: string
}

export function addServerOptions(command: Command): Command {
  return command
    .option('--url <url>', 'address of the server (also WHODID_URL; token in WHODID_TOKEN)')
    .option(
      '--ca <file>',
      'who signs the certificate of --url, in PEM (also WHODID_CA); left out: those that Node knows',
    )
    .option('--data <dir>', 'data folder of a server on this machine', DEFAULT_DATA)
}

const FORMATS = ['table', 'json', 'jsonl', 'csv'] as const
export type OutputFormat = (typeof FORMATS)[number]

export function outputOption(choices: readonly OutputFormat[] = FORMATS): Option {
  return new Option('-o, --output <format>', 'how to print it').choices(choices).default('table')
}

/** For options that are a number above zero. */
export function positiveInteger(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError('It must be a number above 0.')
  return number
}
