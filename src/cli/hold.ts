import { Command } from 'commander'

import { formatMillis } from '../domain/time.ts'
import { escapeTerminal } from '../lib/text.ts'
import type { Waiting } from '../state/approvals.ts'
import type { Hold } from '../state/holds.ts'
import { callJson, findServer } from './client.ts'
import type { Io } from './io.ts'
import { addServerOptions, type OutputFormat, outputOption, type ServerOptions } from './options.ts'
import { listText, print } from './output.ts'
import { waits } from './streams.ts'

/** `whodid hold add|list|release` */
export function holdCommand(io: Io): Command {
  const command = new Command('hold').description('legal holds: what is held stays, however old it grows')
  for (const each of [addCommand, listCommand, releaseCommand]) command.addCommand(each(io))
  return command
}

interface AddOptions extends ServerOptions {
  readonly stream: string
  readonly from?: string
  readonly until?: string
  readonly reason: string
}

function addCommand(io: Io): Command {
  const command = new Command('add')
    .description('hold what a stream received in a time')
    .requiredOption('--stream <name>', 'which stream')
    .option('--from <time>', 'received since then, RFC 3339; left out: from its beginning')
    .option('--until <time>', 'received before then, RFC 3339; left out: also what is still to come')
    .requiredOption('--reason <text>', 'why: it stands in our trail')
  return addServerOptions(command).action(async (options: AddOptions) => {
    const { stream, from, until, reason } = options
    const body = { stream, reason, ...(from !== undefined && { from }), ...(until !== undefined && { until }) }
    const { id } = await callJson<Hold>(findServer(options, io), { method: 'POST', path: '/v1/holds', body })
    await print(io, `${id}\n`)
    io.err(`${escapeTerminal(stream)} is under legal hold\n`)
  })
}

function listCommand(io: Io): Command {
  const command = new Command('list')
    .description('legal holds, newest first, also those that were released')
    .addOption(outputOption())
  return addServerOptions(command).action(async (options: ServerOptions & { readonly output: OutputFormat }) => {
    const { holds } = await callJson<{ holds: readonly Hold[] }>(findServer(options, io), { path: '/v1/holds' })
    const head = ['ID', 'STREAM', 'FROM', 'UNTIL', 'SINCE', 'BY', 'RELEASED', 'REASON']
    const rows = holds.map(({ id, stream, from, until, at, by, releasedAt, reason }) => {
      return [id, stream, timeOf(from), timeOf(until), timeOf(at), by, timeOf(releasedAt), reason]
    })
    await print(io, listText(options.output, io, { holds }, head, rows))
  })
}

function timeOf(millis: number | undefined): string {
  return millis === undefined ? '' : formatMillis(millis)
}

function releaseCommand(io: Io): Command {
  const command = new Command('release')
    .description('ask for a hold to end: it waits until somebody confirms it')
    .argument('<id>', 'see whodid hold list')
    .requiredOption('--reason <text>', 'why: it stands in our trail')
  return addServerOptions(command).action(async (id: string, options: ServerOptions & { readonly reason: string }) => {
    const asked = { method: 'POST', path: `/v1/holds/${encodeURIComponent(id)}:release` }
    const body = { reason: options.reason }
    throw waits((await callJson<{ waiting: Waiting }>(findServer(options, io), { ...asked, body })).waiting)
  })
}
