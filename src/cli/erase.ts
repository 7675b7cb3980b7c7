import { Command } from 'commander'

import type { ErasureAnswer, ErasurePreview } from '../domain/erasure-answers.ts'
import { escapeTerminal } from '../lib/text.ts'
import { callJson, findServer } from './client.ts'
import type { Io } from './io.ts'
import { addServerOptions, type OutputFormat, outputOption, type ServerOptions } from './options.ts'
import { jsonText, print, tableText } from './output.ts'

/** `whodid erase preview|request|list|show|approve|refuse|hold` */
export function eraseCommand(io: Io): Command {
  const command = new Command('erase').description('take a person out of the log, and keep every proof')
  const commands = [
    previewCommand,
    requestCommand,
    listCommand,
    showCommand,
    approveCommand,
    refuseCommand,
    holdCommand,
  ]
  for (const each of commands) command.addCommand(each(io))
  return command
}

interface PersonOptions extends ServerOptions {
  readonly name?: readonly string[]
  readonly id?: readonly string[]
  readonly email?: readonly string[]
  readonly mentions?: true
}

function addPersonOptions(command: Command): Command {
  return command
    .option('--name <value...>', 'user names, as events have them')
    .option('--id <value...>', 'user ids')
    .option('--email <value...>', 'e-mail addresses')
    .option('--mentions', 'also blocks of other events that hold one of these texts')
}

function personOf({ name = [], id = [], email = [], mentions }: PersonOptions): object {
  return { names: name, ids: id, emails: email, mentions: mentions === true }
}

function previewCommand(io: Io): Command {
  const command = addPersonOptions(new Command('preview').description('who would be erased, and how much of them'))
  return addServerOptions(command.addOption(outputOption(['table', 'json']))).action(
    async (options: PersonOptions & { readonly output: OutputFormat }) => {
      const asked = { method: 'POST', path: '/v1/erasures:preview', body: personOf(options) }
      const found = await callJson<ErasurePreview>(findServer(options, io), asked)
      if (options.output === 'json') return print(io, `${jsonText(found, 2)}\n`)
      await print(
        io,
        previewText(found)
          .map((line) => `${escapeTerminal(line)}\n`)
          .join(''),
      )
    },
  )
}

function previewText({ identities, events, blocks, logs, underDayKeys, isPart }: ErasurePreview): readonly string[] {
  return [
    `${events} events${isPart ? ' at least' : ''}`,
    ...identities.map(({ names, ids, emails, asActor, asTarget }) => {
      const called = [...names, ...ids, ...emails].join(', ')
      return `  ${called}: ${asActor} as actor, ${asTarget} as target`
    }),
    ...Object.entries(blocks).map(([block, count]) => `  ${count} blocks ${block}`),
    ...logs.map(
      ({ log, events: own, hold }) => `  ${own} in ${log}${hold === undefined ? '' : `, under hold: ${hold}`}`,
    ),
    ...(underDayKeys === 0 ? [] : [`  ${underDayKeys} under a key of their day, which stays`]),
  ]
}

function requestCommand(io: Io): Command {
  const command = addPersonOptions(new Command('request').description('ask for an erasure: somebody has to approve it'))
    .requiredOption('--reference <number>', 'the request outside, by its number: it is sealed for ever')
    .requiredOption('--basis <text>', 'on what legal basis: it is sealed for ever')
  return addServerOptions(command).action(
    async (options: PersonOptions & { readonly reference: string; readonly basis: string }) => {
      const { reference, basis } = options
      const body = { ...personOf(options), reference, basis }
      const asked = await callJson<ErasureAnswer>(findServer(options, io), {
        method: 'POST',
        path: '/v1/erasures',
        body,
      })
      await print(io, `${asked.id}\n`)
      io.err(`it waits: whodid erase approve ${asked.id} --confirm, or whodid erase refuse ${asked.id} --reason TEXT\n`)
    },
  )
}

function listCommand(io: Io): Command {
  const command = new Command('list').description('requests, newest first').addOption(outputOption(['table', 'json']))
  return addServerOptions(command).action(async (options: ServerOptions & { readonly output: OutputFormat }) => {
    const path = '/v1/erasures'
    const { erasures } = await callJson<{ erasures: readonly ErasureAnswer[] }>(findServer(options, io), { path })
    if (options.output === 'json') return print(io, `${jsonText({ erasures }, 2)}\n`)
    const rows = erasures.map(({ id, reference, state, step, requestedAt, requestedBy, decidedBy = '', waitsFor }) => {
      const now = waitsFor ?? (state === 'approved' ? step : state)
      return [id, reference, now, requestedAt, requestedBy, decidedBy]
    })
    const head = ['ID', 'REFERENCE', 'STATE', 'REQUESTED', 'BY', 'DECIDED BY']
    await print(io, tableText(head, rows, io))
  })
}

function showCommand(io: Io): Command {
  const command = new Command('show').description('one request, as JSON').argument('<id>')
  return addServerOptions(command).action(async (id: string, options: ServerOptions) => {
    const path = `/v1/erasures/${encodeURIComponent(id)}`
    await print(io, `${jsonText(await callJson<ErasureAnswer>(findServer(options, io), { path }), 2)}\n`)
  })
}

function approveCommand(io: Io): Command {
  const command = new Command('approve')
    .description('erase: it cannot be undone')
    .argument('<id>')
    .requiredOption('--confirm', 'yes, erase')
  return addServerOptions(command).action((id: string, options: ServerOptions) =>
    decide(io, options, id, 'approve', { confirm: true }),
  )
}

function refuseCommand(io: Io): Command {
  const command = new Command('refuse')
    .description('do not erase; the reason is kept')
    .argument('<id>')
    .requiredOption('--reason <text>', 'for example an exception of GDPR article 17(3)')
  return addServerOptions(command).action((id: string, options: ServerOptions & { readonly reason: string }) =>
    decide(io, options, id, 'refuse', { reason: options.reason }),
  )
}

function holdCommand(io: Io): Command {
  const command = new Command('hold')
    .description('put a request off: it cannot be approved before')
    .argument('<id>')
    .requiredOption('--until <time>', 'RFC 3339')
    .requiredOption('--reason <text>', 'why')
  return addServerOptions(command).action(
    (id: string, options: ServerOptions & { readonly reason: string; readonly until: string }) =>
      decide(io, options, id, 'hold', { reason: options.reason, until: options.until }),
  )
}

async function decide(io: Io, options: ServerOptions, id: string, how: string, body: object): Promise<void> {
  const asked = { method: 'POST', path: `/v1/erasures/${encodeURIComponent(id)}:${how}`, body }
  const { state } = await callJson<ErasureAnswer>(findServer(options, io), asked)
  io.err(`${id} is ${state}\n`)
}
