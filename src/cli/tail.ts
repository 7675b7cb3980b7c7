import { Command } from 'commander'

import { AuditError } from '../domain/errors.ts'
import type { AuditEvent } from '../domain/event.ts'
import { systemClock } from '../lib/clock.ts'
import { type ServerAddress, call, findServer } from './client.ts'
import type { Io } from './io.ts'
import { type ServerOptions, addServerOptions, outputOption } from './options.ts'
import { colours, jsonText, print, sentenceText } from './output.ts'
import { whenText, withQuery } from './search.ts'
import { readMessages } from './server-sent.ts'

interface TailOptions extends ServerOptions {
  readonly output: 'table' | 'jsonl'
}

/** `whodid tail QUERY`: until Ctrl-C, also over restarts of the server. */
export function tailCommand(io: Io): Command {
  const command = new Command('tail')
    .description('show events as they are recorded, until Ctrl-C')
    .argument('[query...]', 'words of the query language (docs/query.md)')
    .addOption(outputOption(['table', 'jsonl']))
  return addServerOptions(command).action(async (words: string[], options: TailOptions) => {
    const query = words.join(' ')
    await withQuery(query, () => follow(query, options, io))
  })
}

const AGAIN_MS = 2000

async function follow(query: string, options: TailOptions, io: Io): Promise<void> {
  let from: string | undefined
  while (!io.signal.aborted) {
    try {
      // Found anew each time: a server that was restarted may have another socket.
      const server = findServer(options, io)
      for await (const { id, events } of messages(server, query, from, io.signal)) {
        for (const event of events)
          await print(io, options.output === 'jsonl' ? `${jsonText(event)}\n` : lineOf(event, io))
        from = id ?? from
      }
    } catch (error) {
      if (io.signal.aborted) return
      if (from === undefined || !(error instanceof AuditError) || !PASSING.has(error.code)) throw error
    }
    await pause(AGAIN_MS, io.signal)
  }
}

/** What a restart or a busy moment brings. */
const PASSING = new Set(['not_found', 'busy', 'engine_unavailable', 'timeout', 'io_failed'])

interface TailMessage {
  readonly id: string | undefined
  readonly events: readonly AuditEvent[]
}

async function* messages(
  server: ServerAddress,
  query: string,
  from: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<TailMessage, void> {
  const headers = from === undefined ? {} : { 'last-event-id': from }
  const stream = await call(server, { path: '/v1/events:tail', params: { q: query }, headers, signal })
  stream.setEncoding('utf8')
  for await (const { id, event, data } of readMessages(stream)) {
    // Our own server wrote it.
    if (event === 'events') yield { id, events: (JSON.parse(data) as { events: readonly AuditEvent[] }).events }
    if (event === 'problem') throw problemOf(data)
  }
}

function problemOf(data: string): AuditError {
  // As above.
  const { code, detail } = JSON.parse(data) as { code: AuditError['code']; detail: string }
  return new AuditError(code, detail)
}

function lineOf(event: AuditEvent, io: Io): string {
  return `${colours(io).dim(whenText(event))}  ${sentenceText(event, io)}\n`
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = systemClock.later(ms, resolve)
    signal.addEventListener('abort', () => {
      timer.cancel()
      resolve()
    })
  })
}
