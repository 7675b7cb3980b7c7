import { Command, CommanderError } from 'commander'

import packageJson from '../../package.json' with { type: 'json' }
import { adminLinkCommand } from './admin-link.ts'
import { backupCommand } from './backup.ts'
import { configCommand } from './config.ts'
import { complain } from './complain.ts'
import { eraseCommand } from './erase.ts'
import { evidenceCommand } from './evidence.ts'
import { forwardCommand } from './forward.ts'
import { holdCommand } from './hold.ts'
import type { Io } from './io.ts'
import { ledgerCommand } from './ledger.ts'
import { protectOperands } from './operands.ts'
import { policyCommand } from './policy.ts'
import { restoreCommand } from './restore.ts'
import { rulesCommand } from './rules.ts'
import { searchCommand } from './search.ts'
import { serveCommand } from './serve.ts'
import { showCommand } from './show.ts'
import { sourcesCommand } from './sources.ts'
import { streamsCommand } from './streams.ts'
import { tailCommand } from './tail.ts'
import { tokenCommand } from './token.ts'
import { verifyCommand } from './verify.ts'
import { witnessCommand } from './witness.ts'

/**
 * Runs one command and gives its exit code: 0 done, 1 refused or not verified, 2 wrong call.
 *
 * @param args without the program's own name
 */
export async function runCli(args: readonly string[], io: Io): Promise<number> {
  const program = createProgram(io)
  try {
    await program.parseAsync(protectOperands(args, program), { from: 'user' })
    return 0
  } catch (error) {
    // Commander has said what is wrong; help and version are no errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    return complain(error, io)
  }
}

/** All commands. */
export function createProgram(io: Io): Command {
  const program = new Command('whodid')
    .description('The open audit log: what happened, who did it, and proof that nobody changed the record.')
    .version(packageJson.version)
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({ writeOut: (text) => void io.out(text), writeErr: (text) => io.err(text) })
  const commands = [
    serveCommand(io),
    forwardCommand(io),
    searchCommand(io),
    tailCommand(io),
    showCommand(io),
    verifyCommand(io),
    ledgerCommand(io),
    witnessCommand(io),
    evidenceCommand(io),
    eraseCommand(io),
    streamsCommand(io),
    holdCommand(io),
    sourcesCommand(io),
    policyCommand(io),
    rulesCommand(io),
    tokenCommand(io),
    adminLinkCommand(io),
    configCommand(io),
    backupCommand(io),
    restoreCommand(io),
  ]
  for (const command of commands) program.addCommand(inherit(command, program))
  return program
}

/** `addCommand` takes over no settings. */
function inherit(command: Command, from: Command): Command {
  command.copyInheritedSettings(from)
  for (const below of command.commands) inherit(below, command)
  return command
}
