import { Command } from 'commander'

import { loadConfig } from '../server/config.ts'
import type { Io } from './io.ts'

/** `whodid config check` */
export function configCommand(io: Io): Command {
  const check = new Command('check')
    .description('read the configuration and say what is wrong in it')
    .option('--config <file>', 'configuration (default ./whodid.yaml if there)')
    .action(({ config: file }: { config?: string }) => {
      const { sources, streams, data } = loadConfig(file === undefined ? {} : { file })
      io.err(`the configuration is right: ${sources.length} sources, ${streams.length} streams, data in ${data}\n`)
    })
  return new Command('config').description('the configuration').addCommand(check)
}
