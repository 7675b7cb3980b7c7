import { Command } from 'commander'

import { loadConfig } from '../server/config.ts'
import { startForwarder } from '../server/forwarder.ts'
import type { Io } from './io.ts'

interface ForwardOptions {
  readonly config?: string
  readonly data?: string
}

/** `whodid forward`: runs until SIGINT or SIGTERM. */
export function forwardCommand(io: Io): Command {
  return new Command('forward')
    .description('follows and receives on this machine, and brings it to a server elsewhere')
    .option('--config <file>', 'configuration (default ./whodid.yaml if there)')
    .option('--data <dir>', 'data folder (default ./.whodid)')
    .action(async ({ config: file, data }: ForwardOptions) => {
      const config = loadConfig({ ...(file && { file }), ...(data && { data }) })
      const log = (message: string) => io.err(`${new Date().toISOString()} ${message}\n`)
      const forwarder = await startForwarder({ config, log })
      try {
        if (forwarder.url !== undefined) io.err(`receiving at ${forwarder.url}/in/NAME\n`)
        io.err(`forwarding to ${forwarder.to} as epoch ${forwarder.epoch}\n`)
        await Promise.race([ended(io.signal), forwarder.failed])
      } finally {
        if (io.signal.aborted) io.err('stopping …\n')
        await forwarder.close()
      }
    })
}

function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve())
  })
}
