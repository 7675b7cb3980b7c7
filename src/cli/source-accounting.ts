import { Command } from 'commander'

import type { Accounting } from '../domain/accounting.ts'
import type { AccountingAnswer } from '../domain/answers.ts'
import { callJson, findServer } from './client.ts'
import type { Io } from './io.ts'
import { addServerOptions, type OutputFormat, outputOption, type ServerOptions } from './options.ts'
import { listText, print } from './output.ts'

interface AccountingOptions extends ServerOptions {
  readonly since?: string
  readonly until?: string
  readonly output: OutputFormat
}

const HEAD = ['HOUR', 'RECEIVED', 'KEPT', 'EVENTS', 'DROPPED', 'DUPLICATE', 'REJECTED', 'SHED', 'BY']

/** `whodid sources accounting` */
export function accountingCommand(io: Io): Command {
  const command = new Command('accounting')
    .description('what became of the records of a source, hour by hour, and which rule dropped them')
    .argument('<source>', 'see whodid sources list')
    .option('--since <time>', 'from that hour on: 7d, 2026-11-01, RFC 3339 (default: a day)')
    .option('--until <time>', 'before then')
    .addOption(outputOption())
  return addServerOptions(command).action(async (source: string, options: AccountingOptions) => {
    const { since, until } = options
    const path = `/v1/sources/${encodeURIComponent(source)}/accounting`
    const answer = await callJson<AccountingAnswer>(findServer(options, io), { path, params: { since, until } })
    const { hours, total } = answer
    const rows = hours.map(({ from, accounting }) => rowOf(from, accounting))
    const all = options.output === 'table' ? [...rows, rowOf('total', total)] : rows
    await print(io, listText(options.output, io, { hours }, HEAD, all))
  })
}

function rowOf(hour: string, accounting: Accounting): readonly string[] {
  const { received, kept, events, dropped, duplicate, rejected, shed } = accounting
  const counts = [received, kept, events, sum(dropped), duplicate, sum(rejected), shed]
  return [hour, ...counts.map(String), byOf(accounting)]
}

/** By which rules and for which reasons. Names of rules have no spaces. */
function byOf({ dropped, droppedBytes = {}, rejected, acted = {}, shadow = {} }: Accounting): string {
  const said = [
    ...Object.entries(dropped).map(([rule, count]) => `${rule} dropped ${count}${bytesOf(droppedBytes, rule)}`),
    ...Object.entries(rejected).map(([reason, count]) => `${reason} ${count}`),
    ...Object.entries(acted).map(([rule, count]) => `${rule} acted on ${count}`),
    ...Object.entries(shadow).map(([rule, count]) => `${rule} would have acted on ${count}`),
  ]
  return said.join('; ')
}

function bytesOf(bytes: Readonly<Record<string, number>>, rule: string): string {
  return Object.hasOwn(bytes, rule) ? ` (${bytes[rule]} bytes)` : ''
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}
