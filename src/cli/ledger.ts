import { Command } from 'commander'

import type { LogInfo, WitnessAnswer } from '../domain/answers.ts'
import { callJson, findServer } from './client.ts'
import type { Io } from './io.ts'
import { exportCommand } from './ledger-export.ts'
import { scrubCommand } from './ledger-scrub.ts'
import { type OutputFormat, type ServerOptions, addServerOptions, outputOption } from './options.ts'
import { csvLine, jsonText, print, tableText } from './output.ts'

interface ListOptions extends ServerOptions {
  readonly output: OutputFormat
}

/** `whodid ledger list` */
export function ledgerCommand(io: Io): Command {
  return new Command('ledger')
    .description('the logs, and who has witnessed them')
    .addCommand(listCommand(io))
    .addCommand(exportCommand(io))
    .addCommand(scrubCommand(io))
}

function listCommand(io: Io): Command {
  const command = new Command('list')
    .description('all logs with their keys, the root log first; then its witnesses')
    .addOption(outputOption())
  return addServerOptions(command).action(async ({ output, ...options }: ListOptions) => {
    const answer = await callJson<Answer>(findServer(options, io), { path: '/log', signal: io.signal })
    const logs = answer.logs.toSorted((a, b) => rank(a) - rank(b) || (a.origin < b.origin ? -1 : 1))
    if (output === 'json') return print(io, `${jsonText({ ...answer, logs }, 2)}\n`)
    if (output === 'jsonl') return print(io, logs.map((log) => `${jsonText(log)}\n`).join(''))
    const rows = logs.map((log) => [log.origin, String(log.size), log.state, log.cosigned?.at ?? '', log.vkey])
    if (output === 'csv') return print(io, [HEAD, ...rows].map((row) => csvLine(row, io)).join(''))
    await print(io, `${tableText(HEAD, rows, io)}${witnessesText(answer, io)}`)
  })
}

type Answer = { readonly logs: readonly LogInfo[] } & Partial<WitnessAnswer>

const HEAD = ['LOG', 'LEAVES', 'STATE', 'WITNESSED', 'KEY']

function rank({ stream }: LogInfo): number {
  return stream === 'root' ? 0 : 1
}

function witnessesText({ witnesses, quorum, unwitnessedSince }: Answer, io: Io): string {
  if (witnesses === undefined) return ''
  const rows = witnesses.map(({ name, state, size, at, reason }) => {
    return [name, state, size === undefined ? '' : String(size), at ?? '', reason ?? '']
  })
  const since = unwitnessedSince === undefined ? '' : ` since ${unwitnessedSince}`
  return `\n${tableText(['WITNESS', 'STATE', 'ENTRIES', 'AT', 'WHY'], rows, io)}quorum ${quorum}${since}\n`
}
