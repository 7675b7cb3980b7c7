import { Command } from 'commander'

import { AuditError } from '../domain/errors.ts'
import type { StreamAnswer } from '../domain/stream-answers.ts'
import { formatMillis } from '../domain/time.ts'
import { escapeTerminal } from '../lib/text.ts'
import { daysIn } from '../server/config.ts'
import type { Waiting } from '../state/approvals.ts'
import type { Hold } from '../state/holds.ts'
import { callJson, findServer } from './client.ts'
import type { Io } from './io.ts'
import { addServerOptions, type OutputFormat, outputOption, type ServerOptions } from './options.ts'
import { listText, print } from './output.ts'

/** `whodid streams list|keep|prune|waiting|confirm|refuse` */
export function streamsCommand(io: Io): Command {
  const command = new Command('streams').description('how long streams are kept, and what goes when')
  const commands = [listCommand, keepCommand, pruneCommand, waitingCommand, confirmCommand, refuseCommand]
  for (const each of commands) command.addCommand(each(io))
  return command
}

type ListOptions = ServerOptions & { readonly output: OutputFormat }

interface StreamsAnswer {
  readonly streams: readonly StreamAnswer[]
  readonly waiting: readonly Waiting[]
}

function listCommand(io: Io): Command {
  const command = new Command('list')
    .description('streams, for how long each is kept, and what goes next; -o json has each log')
    .addOption(outputOption())
  return addServerOptions(command).action(async (options: ListOptions) => {
    const server = findServer(options, io)
    const { streams, waiting } = await callJson<StreamsAnswer>(server, { path: '/v1/streams' })
    const { holds } = await callJson<{ holds: readonly Hold[] }>(server, { path: '/v1/holds' })
    const open = holds.filter(({ releasedAt }) => releasedAt === undefined)
    const rows = streams.map((each) => rowOf(each, open))
    const head = ['STREAM', 'KEEP', 'BASIS', 'PERIOD', 'EVENTS', 'GO NOW', 'GO NEXT', 'AT', 'HOLDS']
    await print(io, listText(options.output, io, { streams }, head, rows))
    if (waiting.length > 0) io.err(`${waiting.length} of what was asked for waits: whodid streams waiting\n`)
  })
}

/** What goes next is the log with events whose time is over first, of those that nothing holds. */
function rowOf(
  { stream, keepDays, basis = '', period, events, goingEvents, logs }: StreamAnswer,
  holds: readonly Hold[],
): readonly string[] {
  const [next] = logs
    .filter((log) => !log.due && log.holds.length === 0 && log.events > 0)
    .toSorted((one, other) => Date.parse(one.goes) - Date.parse(other.goes))
  // Also one of a time from which nothing is stored yet.
  const held = holds.filter((each) => each.stream === stream).map(({ id }) => id)
  const numbers = [events, goingEvents].map(String)
  return [
    stream,
    `${keepDays}d`,
    basis,
    period,
    ...numbers,
    String(next?.events ?? ''),
    next?.goes ?? '',
    held.join(' '),
  ]
}

function keepCommand(io: Io): Command {
  const command = new Command('keep')
    .description('keep a stream for another time: longer at once, shorter when somebody confirms it')
    .argument('<name>', 'of the stream')
    .argument('<time>', 'like 90d or 5y')
    .option('--basis <text>', 'on what legal basis; left out: none is written down')
  return addServerOptions(command).action(
    async (name: string, time: string, { basis, ...options }: ServerOptions & { readonly basis?: string }) => {
      if (!/^[1-9]\d{0,4}[dy]$/.test(time)) throw new AuditError('bad_request', `${time} is not a time like 90d or 5y`)
      const body = { keepDays: daysIn(time), ...(basis !== undefined && { basis }) }
      const asked = { method: 'PUT', path: `/v1/streams/${encodeURIComponent(name)}`, body }
      const { waiting } = await callJson<{ readonly waiting?: Waiting }>(findServer(options, io), asked)
      if (waiting !== undefined) throw waits(waiting)
      io.err(`${escapeTerminal(name)} is kept ${body.keepDays} days\n`)
    },
  )
}

interface PruneOptions extends ServerOptions {
  readonly dryRun?: true
  readonly clockIsRight?: true
  readonly log?: string
  readonly reason?: string
}

function pruneCommand(io: Io): Command {
  const command = new Command('prune')
    .description('let go of what is over, as the server does by itself once an hour')
    .option('--dry-run', 'only say what would go')
    .option('--clock-is-right', 'the clock did not jump: believe it again')
    .option('--log <origin>', 'ask for that log to go before its time: it waits until somebody confirms it')
    .option('--reason <text>', 'with --log: why; it is sealed for ever')
  return addServerOptions(command).action(async (options: PruneOptions) => {
    const { dryRun, log, reason, clockIsRight = false } = options
    const server = findServer(options, io)
    if ((log === undefined) !== (reason === undefined))
      throw new AuditError('bad_request', '--log and --reason go together')
    if (dryRun) {
      if (log !== undefined) throw new AuditError('bad_request', '--dry-run says what is over: leave --log out')
      const { streams } = await callJson<StreamsAnswer>(server, { path: '/v1/streams' })
      const due = streams.flatMap(({ logs }) => logs.filter((each) => each.due))
      await print(io, due.map(({ origin, events }) => `${escapeTerminal(origin)}  ${events} events\n`).join(''))
      return io.err(due.length === 0 ? 'nothing would go\n' : `${due.length} logs would go\n`)
    }
    const asked = { method: 'POST', path: '/v1/streams:prune' }
    if (log !== undefined)
      throw waits((await callJson<{ waiting: Waiting }>(server, { ...asked, body: { log, reason } })).waiting)
    const { gone } = await callJson<{ gone: readonly string[] }>(server, { ...asked, body: { clockIsRight } })
    await print(io, gone.map((origin) => `${escapeTerminal(origin)}\n`).join(''))
    io.err(gone.length === 0 ? 'nothing went\n' : `${gone.length} logs are gone\n`)
  })
}

function waitingCommand(io: Io): Command {
  const command = new Command('waiting')
    .description('what somebody has to confirm: shorter times, logs before their time, releases of holds')
    .addOption(outputOption())
  return addServerOptions(command).action(async (options: ListOptions) => {
    const { waiting } = await callJson<StreamsAnswer>(findServer(options, io), { path: '/v1/streams' })
    const rows = waiting.map(({ id, summary, requestedBy, requestedAt }) => {
      return [id, formatMillis(requestedAt), requestedBy, summary]
    })
    if (options.output === 'table' && rows.length === 0) return io.err('nothing waits\n')
    await print(io, listText(options.output, io, { waiting }, ['ID', 'ASKED', 'BY', 'WHAT'], rows))
    if (options.output === 'table')
      io.err('whodid streams confirm ID does it, whodid streams refuse ID --reason TEXT does not\n')
  })
}

function confirmCommand(io: Io): Command {
  const command = new Command('confirm').description('do what waits').argument('<id>', 'see whodid streams waiting')
  return addServerOptions(command).action(async (id: string, options: ServerOptions) => {
    const asked = { method: 'POST', path: `/v1/streams/waiting/${encodeURIComponent(id)}:confirm` }
    const { summary } = await callJson<Waiting>(findServer(options, io), asked)
    io.err(`confirmed: ${escapeTerminal(summary)}\n`)
  })
}

function refuseCommand(io: Io): Command {
  const command = new Command('refuse')
    .description('take back what waits, or refuse it')
    .argument('<id>', 'see whodid streams waiting')
    .requiredOption('--reason <text>', 'why: it stands in our trail')
  return addServerOptions(command).action(async (id: string, options: ServerOptions & { readonly reason: string }) => {
    const path = `/v1/streams/waiting/${encodeURIComponent(id)}:refuse`
    await callJson<Waiting>(findServer(options, io), { method: 'POST', path, body: { reason: options.reason } })
    io.err(`${escapeTerminal(id)} is refused\n`)
  })
}

/** What waits is a refusal for now: exit code 1. */
export function waits({ id, summary }: Waiting): AuditError {
  return new AuditError('conflict', `it waits for a decision: ${summary}`, {
    hint: `to do it: whodid streams confirm ${id}`,
  })
}
