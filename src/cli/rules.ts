import { Command } from 'commander'

import type { Change } from '../domain/event.ts'
import type { RuleOutcome, RulesAnswer, RuleVersionAnswer, WaitingRules } from '../domain/rule-answers.ts'
import { AuditError } from '../domain/errors.ts'
import { escapeTerminal } from '../lib/text.ts'
import { diffLines } from '../rules/rule-entries.ts'
import { callJson, findServer } from './client.ts'
import type { Io } from './io.ts'
import { addServerOptions, type OutputFormat, outputOption, type ServerOptions } from './options.ts'
import { csvLine, jsonText, print, tableText } from './output.ts'
import { checkCommand } from './rules-check.ts'

/** `whodid rules list|check|add|remove|waiting|confirm|refuse|versions` */
export function rulesCommand(io: Io): Command {
  const command = new Command('rules').description('what is kept, dropped and masked, and how that changes')
  const commands = [
    listCommand(io),
    checkCommand(io),
    addCommand(io),
    removeCommand(io),
    waitingCommand(io),
    confirmCommand(io),
    refuseCommand(io),
    versionsCommand(io),
  ]
  for (const each of commands) command.addCommand(each)
  return command
}

type ListOptions = ServerOptions & { readonly output: OutputFormat }

function listCommand(io: Io): Command {
  const command = new Command('list').description('rules in force, and how often each acted').addOption(outputOption())
  return addServerOptions(command).action(async (options: ListOptions) => {
    const answer = await callJson<RulesAnswer>(findServer(options, io), { path: '/v1/rules' })
    if (options.output === 'json') return print(io, `${jsonText(answer, 2)}\n`)
    if (options.output === 'jsonl') return print(io, answer.rules.map((each) => `${jsonText(each)}\n`).join(''))
    const head = ['NAME', 'SAYS', 'ORIGIN', 'DROPPED', 'ACTED', 'SHADOW', 'TODAY']
    const rows = answer.rules.map(({ name, says, origin, by, total, today }) => {
      const acts = today && today.dropped + today.acted + today.shadow
      const numbers = [total?.dropped, total?.acted, total?.shadow, acts].map((each) => String(each ?? ''))
      return [name, says, by === undefined ? origin : `${origin} ${by}`, ...numbers]
    })
    await print(io, tableOrCsv(head, rows, options.output, io))
    io.err(`revision ${answer.revision} since ${answer.since}, hash ${answer.hash.slice(0, 12)}\n`)
    for (const note of answer.notes) io.err(`${escapeTerminal(note)}\n`)
  })
}

interface AddOptions extends ServerOptions {
  readonly match?: string
  readonly keep?: true
  readonly drop?: true
  readonly sample?: string
  readonly route?: string
  readonly label?: readonly string[]
  readonly shadow?: true
}

function addCommand(io: Io): Command {
  const more = (label: string, labels: readonly string[] = []) => [...labels, label]
  const command = new Command('add')
    .description('add a rule, or put another one in its place')
    .argument('<name>', 'a name: it stands in accounts and events as rule/NAME')
    .option('--match <query>', 'which events, in the query language; left out: every event')
    .option('--keep', 'keep them, whatever rules behind it say')
    .option('--drop', 'drop them: only their number and bytes are left')
    .option('--sample <share>', 'keep that share of them, like 0.1')
    .option('--route <stream>', 'put them into another stream')
    .option('--label <name=value>', 'give them a label; may be repeated', more)
    .option('--shadow', 'only count what it would do')
  return addServerOptions(command).action(async (name: string, options: AddOptions) => {
    const { match, keep, drop, sample, route, label, shadow } = options
    const body = {
      ...(match !== undefined && { match }),
      ...(keep && { keep }),
      ...(drop && { drop }),
      ...(sample !== undefined && { sample: Number(sample) }),
      ...(route !== undefined && { route }),
      ...(label !== undefined && { label: Object.fromEntries(label.map(labelOf)) }),
      ...(shadow && { shadow }),
    }
    await tell(await change(options, io, 'PUT', `/v1/rules/${encodeURIComponent(name)}`, body), io)
  })
}

function labelOf(text: string): readonly [string, string] {
  const equals = text.indexOf('=')
  if (equals < 1) throw new AuditError('bad_request', `--label ${text} is not NAME=VALUE`)
  return [text.slice(0, equals), text.slice(equals + 1)]
}

function removeCommand(io: Io): Command {
  const command = new Command('remove').description('take away a rule that was added by the API').argument('<name>')
  return addServerOptions(command).action(async (name: string, options: ServerOptions) => {
    await tell(await change(options, io, 'DELETE', `/v1/rules/${encodeURIComponent(name.replace(/^rule\//, ''))}`), io)
  })
}

function waitingCommand(io: Io): Command {
  const command = new Command('waiting')
    .description('changes of rules that somebody has to confirm')
    .addOption(outputOption(['table', 'json']))
  return addServerOptions(command).action(async (options: ListOptions) => {
    const path = '/v1/rules/waiting'
    const { waiting } = await callJson<{ waiting: readonly WaitingRules[] }>(findServer(options, io), { path })
    if (options.output === 'json') return print(io, `${jsonText({ waiting }, 2)}\n`)
    for (const each of waiting) await print(io, `${waitingText(each)}\n`)
    io.err(
      waiting.length === 0
        ? 'nothing waits\n'
        : 'whodid rules confirm ID applies it, whodid rules refuse ID --reason TEXT does not\n',
    )
  })
}

function waitingText({ id, requestedBy, requestedAt, reasons, changes }: WaitingRules): string {
  const lines = [
    `${id}  asked for by ${requestedBy} at ${requestedAt}`,
    ...reasons.map((each) => `  ${each}`),
    ...diffOf(changes),
  ]
  return lines.map((line) => `${escapeTerminal(line)}\n`).join('')
}

function confirmCommand(io: Io): Command {
  const command = new Command('confirm')
    .description('put a change into force that waits')
    .argument('<id>', 'see whodid rules waiting')
  return addServerOptions(command).action(async (id: string, options: ServerOptions) => {
    await tell(await change(options, io, 'POST', `/v1/rules/waiting/${encodeURIComponent(id)}:confirm`), io)
  })
}

function refuseCommand(io: Io): Command {
  const command = new Command('refuse')
    .description('take back a change that waits, or refuse it')
    .argument('<id>', 'see whodid rules waiting')
    .requiredOption('--reason <text>', 'why: it stands in our trail')
  return addServerOptions(command).action(async (id: string, options: ServerOptions & { reason: string }) => {
    const path = `/v1/rules/waiting/${encodeURIComponent(id)}:refuse`
    await callJson<WaitingRules>(findServer(options, io), { method: 'POST', path, body: { reason: options.reason } })
    io.err(`${escapeTerminal(id)} is refused\n`)
  })
}

function versionsCommand(io: Io): Command {
  const command = new Command('versions').description('every set of rules that was in force').addOption(outputOption())
  return addServerOptions(command).action(async (options: ListOptions) => {
    const path = '/v1/rules/versions'
    const { versions } = await callJson<{ versions: readonly RuleVersionAnswer[] }>(findServer(options, io), { path })
    if (options.output === 'json') return print(io, `${jsonText({ versions }, 2)}\n`)
    if (options.output === 'jsonl') return print(io, versions.map((each) => `${jsonText(each)}\n`).join(''))
    const rows = versions.map(({ revision, since, by, hash, approval = '' }) => [
      String(revision),
      since,
      by,
      approval,
      hash,
    ])
    await print(io, tableOrCsv(['REVISION', 'SINCE', 'BY', 'APPROVAL', 'HASH'], rows, options.output, io))
  })
}

function change(options: ServerOptions, io: Io, method: string, path: string, body?: object): Promise<RuleOutcome> {
  return callJson<RuleOutcome>(findServer(options, io), { method, path, ...(body && { body }) })
}

/** What became of it. What waits is a refusal for now: exit code 1. */
async function tell(outcome: RuleOutcome, io: Io): Promise<void> {
  if (outcome.kind === 'same') return io.err('these rules are in force already\n')
  await print(
    io,
    diffOf(outcome.changes)
      .map((line) => `${escapeTerminal(line)}\n`)
      .join(''),
  )
  if (outcome.kind === 'applied')
    return io.err(`revision ${outcome.revision} is in force, hash ${outcome.hash.slice(0, 12)}\n`)
  const hint = `to apply it: whodid rules confirm ${outcome.id}`
  throw new AuditError('conflict', `it waits for a decision: ${outcome.reasons.join('; ')}`, { hint })
}

function diffOf(changes: readonly Change[]): readonly string[] {
  return diffLines(changes).map((line) => `  ${line}`)
}

function tableOrCsv(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  format: OutputFormat,
  io: Io,
): string {
  if (format !== 'csv') return tableText(head, rows, io)
  return [head.map((each) => each.toLowerCase()), ...rows].map((row) => csvLine(row, io)).join('')
}
