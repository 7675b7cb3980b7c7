import { Command } from 'commander'

import { AuditError } from '../domain/errors.ts'
import { initWitness, startWitness } from '../server/witness.ts'
import type { Io } from './io.ts'
import { positiveInteger } from './options.ts'
import { print } from './output.ts'

interface WitnessOptions {
  readonly data: string
  readonly listen: string
  readonly logs?: string
  readonly rate: number
  readonly tlsCert?: string
  readonly tlsKey?: string
}

const DEFAULT_DATA = './.whodid-witness'

/** `whodid witness`: a witness for logs of others; needs no server. Runs until SIGINT or SIGTERM. */
export function witnessCommand(io: Io): Command {
  return (
    new Command('witness')
      .description('a witness: signs checkpoints of logs that never take back what they said (C2SP tlog-witness)')
      .option('--data <dir>', 'its folder: key, and what it signed last', DEFAULT_DATA)
      .option('--listen <host:port>', 'where to listen; port 0 takes a free one', '127.0.0.1:7423')
      .option('--logs <file>', 'verifier keys of the logs that it watches, one a line, or a tlog-policy')
      .option('--rate <number>', 'requests a second that one address may make', positiveInteger, 10)
      .option('--tls-cert <file>', 'serve HTTPS with this certificate, in PEM')
      .option('--tls-key <file>', 'its key')
      // Else `init --data` would be taken for the option of this one.
      .enablePositionalOptions()
      .addCommand(initCommand(io))
      .action(async (options: WitnessOptions) => {
        const { data, listen, rate } = options
        const log = (message: string) => io.err(`${new Date().toISOString()} ${message}\n`)
        const tls = tlsOf(options)
        const logs = logsOf(options)
        const witness = await startWitness({ folder: data, listen, logs, rate, log, ...(tls && { tls }) })
        try {
          io.err(`ready ${witness.url}\n${witness.vkey}\n`)
          await aborted(io.signal)
        } finally {
          await witness.close()
        }
      })
  )
}

function initCommand(io: Io): Command {
  return new Command('init')
    .description('make a witness: its key, and the empty book of what it signed; prints its verifier key')
    .requiredOption('--name <name>', 'of the witness, like witness.example.org/w1; fixed for ever')
    .action(async ({ name }: { name: string }, command: Command) => {
      // The option of the command above, wherever it stands.
      const { data } = command.optsWithGlobals<{ data: string }>()
      const vkey = await initWitness(data, name)
      io.err(`made ${data}: back up its key, never its book\n`)
      await print(io, `${vkey}\n`)
    })
}

function logsOf({ logs }: WitnessOptions): string {
  if (logs !== undefined) return logs
  const hint = 'a server lists the key of its root log in GET /log, and whodid ledger list shows it'
  throw new AuditError('bad_request', 'give the logs that it watches with --logs FILE', { hint })
}

function tlsOf({ tlsCert, tlsKey }: WitnessOptions): { cert: string; key: string } | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert !== undefined && tlsKey !== undefined) return { cert: tlsCert, key: tlsKey }
  throw new AuditError('bad_request', 'give --tls-cert and --tls-key together')
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
