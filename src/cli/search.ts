import { Command, Option } from 'commander'

import type { EventPage } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import type { AuditEvent } from '../domain/event.ts'
import { plainSentence } from '../domain/sentence.ts'
import { type ServerAddress, callJson, findServer } from './client.ts'
import { QueryFault } from './complain.ts'
import type { Io } from './io.ts'
import { type OutputFormat, type ServerOptions, addServerOptions, outputOption, positiveInteger } from './options.ts'
import { csvLine, jsonText, print, tableText } from './output.ts'

interface SearchOptions extends ServerOptions {
  readonly since?: string
  readonly until?: string
  readonly limit: number
  readonly order: 'newest' | 'oldest'
  readonly output: OutputFormat
}

/** `whodid search QUERY` */
export function searchCommand(io: Io): Command {
  const command = new Command('search')
    .description('find events: whodid search actor:alice action:delete -outcome:success')
    .argument('[query...]', 'words of the query language (docs/query.md)')
    .option('--since <time>', 'from then on: 7d, 2026-11-01, RFC 3339')
    .option('--until <time>', 'before then')
    .option('--limit <number>', 'at most so many events', positiveInteger, 50)
    .addOption(new Option('--order <order>', 'which come first').choices(['newest', 'oldest']).default('newest'))
    .addOption(outputOption())
  return addServerOptions(command).action(async (words: string[], options: SearchOptions) => {
    const query = words.join(' ')
    const found = search(findServer(options, io), query, options, io.signal)
    await withQuery(query, () => WRITERS[options.output](found, io))
  })
}

/** Shows an error of the query at its place in it. */
export async function withQuery(query: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const isFault = error instanceof AuditError && error.code === 'invalid_query'
    throw isFault ? new QueryFault(error, query) : error
  }
}

const LARGEST_PAGE = 1000

/** Page after page of one run, until there are as many as were asked for. */
async function* search(
  server: ServerAddress,
  query: string,
  options: SearchOptions,
  signal: AbortSignal,
): AsyncGenerator<EventPage, void> {
  let left = options.limit
  let cursor: string | undefined
  do {
    const limit = Math.min(left, LARGEST_PAGE)
    const { since, until, order } = options
    const params = { q: query, since, until, order, limit: String(limit), cursor }
    const page: EventPage = await callJson<EventPage>(server, { path: '/v1/events', params, signal })
    yield page
    left -= page.events.length
    cursor = page.events.length === 0 ? undefined : page.next
  } while (left > 0 && cursor !== undefined)
}

type Writer = (pages: AsyncIterable<EventPage>, io: Io) => Promise<void>

const WRITERS: Readonly<Record<OutputFormat, Writer>> = {
  async table(pages, io) {
    const { events, next } = await gather(pages)
    if (events.length > 0) await print(io, tableText(['WHEN', 'WHAT', 'SOURCE', 'ID'], events.map(rowOf), io))
    const more = next === undefined ? '' : ', there are more (--limit)'
    if (io.isTerminal || events.length === 0)
      io.err(`${events.length} ${events.length === 1 ? 'event' : 'events'}${more}\n`)
  },
  async json(pages, io) {
    const { events, asOf } = await gather(pages)
    await print(io, `${jsonText({ events, asOf }, 2)}\n`)
  },
  async jsonl(pages, io) {
    for await (const { events } of pages) await print(io, events.map((event) => `${jsonText(event)}\n`).join(''))
  },
  async csv(pages, io) {
    await print(io, csvLine(CSV_HEAD, io))
    for await (const { events } of pages) await print(io, events.map((event) => csvLine(csvRow(event), io)).join(''))
  },
}

async function gather(pages: AsyncIterable<EventPage>): Promise<Pick<EventPage, 'events' | 'asOf' | 'next'>> {
  const events: AuditEvent[] = []
  let last: EventPage | undefined
  for await (const page of pages) {
    events.push(...page.events)
    last = page
  }
  return { events, asOf: last?.asOf ?? '', ...(last?.next !== undefined && { next: last.next }) }
}

function rowOf(event: AuditEvent): readonly string[] {
  return [whenText(event), plainSentence(event), event.whodid?.source ?? '', event.event.id ?? '']
}

/** UTC, to the second. */
export function whenText(event: AuditEvent): string {
  return `${event['@timestamp'].slice(0, 19).replace('T', ' ')}Z`
}

const CSV_HEAD = [
  'time',
  'actor',
  'action',
  'resource_type',
  'resource',
  'outcome',
  'decision',
  'ip',
  'source',
  'id',
  'sentence',
]

function csvRow(event: AuditEvent): readonly string[] {
  const [resource] = event.audit?.resource ?? []
  const name = [resource?.namespace, resource?.name ?? resource?.id].filter((part) => part !== undefined).join('/')
  return [
    event['@timestamp'],
    event.user?.name ?? event.user?.id ?? '',
    event.event.action ?? '',
    resource?.type ?? '',
    name,
    event.event.outcome ?? 'unknown',
    event.audit?.authz?.decision ?? '',
    event.source?.ip ?? '',
    event.whodid?.source ?? '',
    event.event.id ?? '',
    plainSentence(event),
  ]
}
