import { readFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'

import { Command, Option } from 'commander'

import { type TryAs, tryAsOf, tryRecords } from '../api/try-records.ts'
import type { Accounting } from '../domain/accounting.ts'
import type { RejectedAnswer, ReplayAnswer, SourceAnswer, TriedRecord } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { systemClock } from '../lib/clock.ts'
import { loadConfig } from '../server/config.ts'
import { type ServerAddress, callBytes, callJson, findServer } from './client.ts'
import type { Io } from './io.ts'
import { rereadCommand } from './reread.ts'
import { type OutputFormat, type ServerOptions, addServerOptions, outputOption, positiveInteger } from './options.ts'
import { jsonText, listText, print } from './output.ts'
import { accountingCommand } from './source-accounting.ts'

/** `whodid sources list|accounting|rejected|replay|discard|reread|try` */
export function sourcesCommand(io: Io): Command {
  const command = new Command('sources').description('sources: how they stand, what of them was rejected')
  for (const each of COMMANDS) command.addCommand(each(io))
  return command
}

const COMMANDS = [
  listCommand,
  accountingCommand,
  rejectedCommand,
  replayCommand,
  discardCommand,
  rereadCommand,
  tryCommand,
]

interface ListOptions extends ServerOptions {
  readonly output: OutputFormat
}

function listCommand(io: Io): Command {
  const command = new Command('list').description('list sources and how they stand').addOption(outputOption())
  return addServerOptions(command).action(async (options: ListOptions) => {
    const { sources } = await callJson<{ sources: readonly SourceAnswer[] }>(findServer(options, io), {
      path: '/v1/sources',
    })
    const head = ['NAME', 'KIND', 'STATE', 'LAST RECORD', 'RECEIVED', 'KEPT', 'DUPLICATE', 'REJECTED', 'LAG', 'BECAUSE']
    await print(io, listText(options.output, io, { sources }, head, sources.map(sourceRow)))
  })
}

function sourceRow({
  name,
  kind,
  state,
  lastRecord = '',
  accounting,
  lag,
  reason = '',
}: SourceAnswer): readonly string[] {
  const { received, kept, duplicate } = accounting
  const behind = Object.entries(lag ?? {}).map(([unit, count]) => `${count} ${unit}`)
  const counts = [received, kept, duplicate, rejectedSum(accounting)].map(String)
  return [name, kind, state, lastRecord, ...counts, behind.join(' '), reason]
}

function rejectedSum({ rejected }: Accounting): number {
  return Object.values(rejected).reduce((sum, count) => sum + count, 0)
}

interface RejectedOptions extends ListOptions {
  readonly reason?: string
  readonly limit: number
}

function rejectedCommand(io: Io): Command {
  const command = new Command('rejected')
    .description('list what could become no event, newest first; with an id: its bytes')
    .argument('<source>', 'see whodid sources list')
    .argument('[id]', 'prints the bytes of this record')
    .option('--reason <word>', 'only those that were rejected for it')
    .option('--limit <number>', 'at most', positiveInteger, 50)
    .addOption(outputOption())
  return addServerOptions(command).action(async (source: string, id: string | undefined, options: RejectedOptions) => {
    const server = findServer(options, io)
    const path = `/v1/sources/${encodeURIComponent(source)}/rejected`
    if (id !== undefined) {
      const bytes = Buffer.from(await callBytes(server, { path: `${path}/${encodeURIComponent(id)}` }))
      // On a terminal nothing that was recorded may act.
      await print(io, io.isTerminal ? `${jsonText(bytes.toString())}\n` : bytes)
      return
    }
    const rejected = await rejectedOf(server, path, options)
    const head = ['ID', 'RECEIVED', 'FORMAT', 'REASON', 'BYTES', 'MESSAGE', 'PATH']
    await print(io, listText(options.output, io, { rejected }, head, rejected.map(rejectedRow)))
  })
}

const MOST_A_PAGE = 1000

async function rejectedOf(server: ServerAddress, path: string, { reason, limit }: RejectedOptions) {
  const all: RejectedAnswer[] = []
  let cursor: string | undefined
  do {
    const params = { reason, cursor, limit: String(Math.min(MOST_A_PAGE, limit - all.length)) }
    const page = await callJson<{ rejected: readonly RejectedAnswer[]; next?: string }>(server, { path, params })
    all.push(...page.rejected)
    cursor = page.next
  } while (cursor !== undefined && all.length < limit)
  return all
}

function rejectedRow({
  id,
  received,
  format,
  reason,
  bytes,
  cut,
  message,
  path = '',
}: RejectedAnswer): readonly string[] {
  return [id, received, format, reason, cut === true ? `${bytes} (cut)` : String(bytes), message, path]
}

interface ChoiceOptions extends ServerOptions {
  readonly id?: readonly string[]
  readonly reason?: string
  readonly all?: true
}

function addChoice(command: Command): Command {
  return addServerOptions(command)
    .argument('<source>', 'see whodid sources list')
    .option('--id <id...>', 'these records')
    .option('--reason <word>', 'all that were rejected for it')
    .option('--all', 'all of this source')
}

function choiceOf({ id: ids, reason, all }: ChoiceOptions): object {
  if ([ids, reason, all].filter((each) => each !== undefined).length === 1) return { ids, reason, all }
  throw new AuditError('bad_request', 'it is not said which records', { hint: 'give one of --id, --reason and --all' })
}

function replayCommand(io: Io): Command {
  const command = new Command('replay').description('feed rejected records again, as the configuration is now')
  return addChoice(command).action(async (source: string, options: ChoiceOptions) => {
    const server = findServer(options, io)
    const path = `/v1/sources/${encodeURIComponent(source)}/rejected:replay`
    const choice = choiceOf(options)
    const sum = { replayed: 0, kept: 0, duplicate: 0, dropped: 0, rejected: 0, cut: 0 }
    let after: string | undefined
    do {
      const answer = await callJson<ReplayAnswer>(server, { method: 'POST', path, body: { ...choice, after } })
      for (const name of FATES) sum[name] += answer[name]
      if (answer.waits !== undefined) {
        io.err(`stopped after ${sum.replayed}: ${answer.waits}\n`)
        throw new AuditError('busy', answer.waits, { hint: 'run it again later: what was taken is not fed twice' })
      }
      after = answer.next
    } while (after !== undefined && !io.signal.aborted)
    await print(io, `${FATES.map((name) => `${name} ${sum[name]}`).join('  ')}\n`)
  })
}

const FATES = ['replayed', 'kept', 'duplicate', 'dropped', 'rejected', 'cut'] as const

function discardCommand(io: Io): Command {
  const command = new Command('discard').description('throw rejected records away')
  return addChoice(command).action(async (source: string, options: ChoiceOptions) => {
    const path = `/v1/sources/${encodeURIComponent(source)}/rejected:discard`
    const body = choiceOf(options)
    const { discarded } = await callJson<{ discarded: number }>(findServer(options, io), { method: 'POST', path, body })
    await print(io, `discarded ${discarded}\n`)
  })
}

interface TryOptions {
  readonly format?: string
  readonly options?: string
  readonly timezone?: string
  readonly cluster?: string
  readonly config?: string
  readonly source?: string
  readonly output: OutputFormat
}

function tryCommand(io: Io): Command {
  return new Command('try')
    .description('show what would become of a sample; needs no server and stores nothing')
    .argument('<file>', 'a file with records, or - for stdin')
    .option('--format <name>', 'format of the records')
    .option('--options <json>', 'options of the format')
    .option('--timezone <zone>', 'of times that carry none')
    .option('--cluster <name>', 'name of their cluster')
    .addOption(new Option('--source <name>', 'format, options, zone and cluster of this source of the configuration'))
    .option('--config <file>', 'configuration file (default ./whodid.yaml)')
    .addOption(outputOption())
    .action(async (file: string, options: TryOptions) => {
      const tried = tryRecords(await sampleOf(file), howToTry(options), systemClock.now())
      const head = ['RECORD', 'RESULT', 'TIME', 'SENTENCE']
      const rows = tried.flatMap((record, n) => triedRows(record, n + 1))
      await print(io, listText(options.output, io, { records: tried }, head, rows))
      const refused = tried.filter(({ rejected }) => rejected !== undefined).length
      const events = tried.reduce((sum, record) => sum + record.events.length, 0)
      io.err(`${tried.length} records, ${events} events, ${refused} rejected\n`)
    })
}

/** What the command line says beside the configuration wins. */
function howToTry(said: TryOptions): TryAs {
  const { options, timezone, cluster, source } = said
  const configured = source === undefined ? undefined : configuredIn(source, said)
  const format = said.format ?? configured?.format
  if (format === undefined) {
    const hint = 'give --format, or --source of the configuration'
    throw new AuditError('bad_request', 'no format is named', { hint })
  }
  return {
    ...configured,
    format,
    ...(options !== undefined && { options: parsedOptions(options) }),
    ...(timezone !== undefined && { timezone }),
    ...(cluster !== undefined && { cluster }),
  }
}

function parsedOptions(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return Object.fromEntries(Object.entries(value))
  } catch {
    // Told below.
  }
  throw new AuditError('bad_request', '--options is no JSON object', { hint: `write it like '{"key":"value"}'` })
}

function configuredIn(name: string, { config: file }: TryOptions): TryAs | undefined {
  const { sources } = loadConfig(file === undefined ? {} : { file })
  const source = sources.find((each) => each.name === name)
  if (source !== undefined) return tryAsOf(source)
  const hint = `known sources: ${sources.map((each) => each.name).join(', ')}`
  throw new AuditError('not_found', `the configuration has no source ${name}`, { hint })
}

async function sampleOf(file: string): Promise<Uint8Array> {
  if (file === '-') return buffer(process.stdin)
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new AuditError('not_found', `cannot read ${file}`, { cause })
  }
}

function triedRows({ events, rejected, dropped }: TriedRecord, n: number): readonly (readonly string[])[] {
  const rows = events.map(({ sentence, event }) => [String(n), 'event', event['@timestamp'], sentence])
  if (rejected !== undefined) {
    const { code, message, path } = rejected
    rows.push([String(n), 'rejected', '', `${code}: ${path === undefined ? '' : `${path}: `}${message}`])
  }
  if (dropped !== undefined) rows.push([String(n), 'dropped', '', dropped])
  return rows.length > 0 ? rows : [[String(n), 'no event', '', '']]
}
