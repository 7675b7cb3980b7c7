import { Command } from 'commander'

import type { AuditEvent } from '../domain/event.ts'
import { escapeTerminal } from '../lib/text.ts'
import { callJson, findServer } from './client.ts'
import type { Io } from './io.ts'
import { type ServerOptions, addServerOptions, outputOption } from './options.ts'
import { colours, jsonText, print, sentenceText } from './output.ts'

interface ShowOptions extends ServerOptions {
  readonly output: 'table' | 'json'
}

/** `whodid show ID` */
export function showCommand(io: Io): Command {
  const command = new Command('show')
    .description('show one event with all its fields')
    .argument('<id>', 'id of the event')
    .addOption(outputOption(['table', 'json']))
  return addServerOptions(command).action(async (id: string, options: ShowOptions) => {
    const path = `/v1/events/${encodeURIComponent(id)}`
    const event = await callJson<AuditEvent>(findServer(options, io), { path, signal: io.signal })
    await print(io, options.output === 'json' ? `${jsonText(event, 2)}\n` : eventText(event, io))
  })
}

function eventText(event: AuditEvent, io: Io): string {
  const fields = flatten(event, '')
  const width = Math.max(...fields.map(([path]) => path.length))
  const { dim } = colours(io)
  const lines = fields.map(([path, text]) => `${dim(path.padEnd(width))}  ${escapeTerminal(text)}`)
  return `${sentenceText(event, io)}\n\n${lines.join('\n')}\n`
}

/** Dotted paths, as a query takes them; lists of texts on one line, lists of objects numbered. */
function flatten(value: unknown, path: string): readonly [path: string, text: string][] {
  if (typeof value !== 'object' || value === null) return [[escapeTerminal(path), String(value)]]
  if (Array.isArray(value) && !value.some((each) => typeof each === 'object')) {
    return [[escapeTerminal(path), value.join(', ')]]
  }
  return Object.entries(value).flatMap(([name, inner]) => flatten(inner, path === '' ? name : `${path}.${name}`))
}
