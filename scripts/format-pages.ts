import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditEvent } from '../src/domain/event.ts'
import { type State, stateOf } from '../src/domain/event.ts'
import type { Format } from '../src/formats/format.ts'
import { FORMAT_NAMES } from '../src/formats/formats.ts'
import { casesOf, decodeExample, type FormatCase } from '../test/format-fixtures.ts'

/**
 * `node scripts/format-pages.ts` writes the tables of each page in docs/formats between `<!-- mapping -->` and
 * `<!-- /mapping -->`: what the decoder makes of its examples, and which part of a record each field of the event comes
 * from. Both are found out by running it, so they cannot say anything else than the code does. A test holds them together.
 */
const PAGES = join(import.meta.dirname, '../docs/formats')
const BEGIN = '<!-- mapping -->'
const END = '<!-- /mapping -->'

/** A page as it stands, and as it should. Undefined: the format has no page, or the page asks for no tables. */
export function formatPage(name: string): { readonly path: string; readonly is: string; readonly should: string } {
  const path = join(PAGES, `${name}.md`)
  const is = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const begin = is.indexOf(BEGIN)
  const end = is.indexOf(END)
  if (begin < 0 || end < begin) return { path, is, should: `${is}\n${BEGIN}\n${tablesOf(name)}\n${END}\n` }
  return { path, is, should: `${is.slice(0, begin)}${BEGIN}\n${tablesOf(name)}\n${is.slice(end)}` }
}

function tablesOf(name: string): string {
  const cases = casesOf(name)
  const sources = sourcesOf(cases)
  return [
    '<!-- Written by scripts/format-pages.ts from test/fixtures/formats and the decoder. -->',
    'Its own examples, as they are read:',
    '',
    '| example | action | category | type | state | who | what | allowed by |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...cases.flatMap(exampleRows),
    ...(sources.length === 0
      ? []
      : [
          '',
          'Without this part of a record, these fields of its event would be missing or others:',
          '',
          '| record | event |',
          '| --- | --- |',
          ...sources,
        ]),
  ].join('\n')
}

/** One row an event, three at most of one record: an envelope holds many of the same kind. */
function exampleRows({ name, bytes, format }: FormatCase): readonly string[] {
  const events = eventsOf(format, bytes).slice(0, 3)
  return events.map((event) => {
    const cells = [
      name,
      event.event.action ?? '',
      list(event.event.category),
      list(event.event.type),
      stateWord(stateOf(event)),
      whoOf(event),
      list(event.audit?.resource?.slice(0, 2).map((each) => `${each.type ?? ''} ${each.name ?? each.id ?? ''}`.trim())),
      list(event.audit?.authz?.policies?.map((each) => each.name ?? each.id ?? '')),
    ]
    return `| ${cells.map(cell).join(' | ')} |`
  })
}

function whoOf({ user }: AuditEvent): string {
  const name = user?.email ?? user?.name ?? user?.id ?? ''
  const kind = user?.kind === undefined || user.kind === 'person' ? '' : `${user.kind} `
  const effective = user?.effective?.name ?? user?.effective?.id
  return `${kind}${name}${effective === undefined ? '' : ` as ${effective}`}`.trim()
}

function stateWord(state: State): string {
  return state === 'unknown' ? '–' : state
}

function eventsOf(format: Format, bytes: Uint8Array): readonly AuditEvent[] {
  const decoded = decodeExample(format, bytes)
  return decoded.kind === 'events' ? decoded.events.map((each) => each.event) : []
}

/** What each part of the JSON records is needed for: found by leaving it out and looking at what changes. */
function sourcesOf(cases: readonly FormatCase[]): readonly string[] {
  const found = new Map<string, Set<string>>()
  for (const { format, bytes } of cases) {
    const record = jsonOf(bytes)
    if (record === undefined) continue
    const whole = leavesOf(eventsOf(format, bytes))
    for (const path of pathsOf(record)) {
      const rest = decodeExample(format, Buffer.from(JSON.stringify(without(record, path))))
      const name = nameOf(path)
      const into = found.get(name) ?? new Set<string>()
      found.set(name, into)
      if (rest.kind === 'reject') into.add('*the record: it must be there*')
      else for (const field of changed(whole, leavesOf(rest.events.map((each) => each.event)))) into.add(field)
    }
  }
  return [...grouped(found)].map(([path, fields]) => `| \`${path}\` | ${fields} |`)
}

const MOST_PATHS = 200
const OF_THE_ORIGINAL = /^event\.original|^whodid/

function jsonOf(bytes: Uint8Array): object | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

type Path = readonly string[]

function pathsOf(value: object, below: Path = []): readonly Path[] {
  return Object.entries(value)
    .flatMap(([key, each]: [string, unknown]): readonly Path[] => {
      const path = [...below, key]
      return typeof each === 'object' && each !== null && Object.keys(each).length > 0 ? pathsOf(each, path) : [path]
    })
    .slice(0, MOST_PATHS)
}

function without(value: object, [key = '', ...deeper]: Path): unknown {
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value
    return items.flatMap((each, n) => {
      if (String(n) !== key) return [each]
      return deeper.length === 0 ? [] : [inner(each, deeper)]
    })
  }
  const entries = Object.entries(value).flatMap(([name, each]: [string, unknown]) => {
    if (name !== key) return [[name, each]]
    return deeper.length === 0 ? [] : [[name, inner(each, deeper)]]
  })
  return Object.fromEntries(entries) as unknown
}

function inner(value: unknown, path: Path): unknown {
  return typeof value === 'object' && value !== null ? without(value, path) : value
}

function nameOf(path: Path): string {
  return path
    .map((key) => (/^\d+$/.test(key) ? '[]' : key))
    .join('.')
    .replaceAll('.[]', '[]')
}

function leavesOf(value: unknown, path = ''): ReadonlyMap<string, string> {
  if (typeof value !== 'object' || value === null) return new Map([[path, JSON.stringify(value) ?? '']])
  const leaves = new Map<string, string>()
  for (const [key, each] of Object.entries(value)) {
    const name = /^\d+$/.test(key) ? path : path === '' ? key : `${path}.${key}`
    for (const [leaf, text] of leavesOf(each, name)) leaves.set(leaf, `${leaves.get(leaf) ?? ''}${text}`)
  }
  return leaves
}

function changed(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] {
  const names = new Set([...before.keys(), ...after.keys()])
  return [...names].filter((name) => before.get(name) !== after.get(name) && !OF_THE_ORIGINAL.test(name)).map(shortened)
}

/** Of what is kept as it came, no more than where. */
function shortened(field: string): string {
  return /^(audit\.(?:request|response)|labels)\b/.exec(field)?.[1] ?? field
}

/** Neighbours below one key that serve the same fields are one row. */
function grouped(found: ReadonlyMap<string, ReadonlySet<string>>): ReadonlyMap<string, string> {
  const rows = new Map<string, string>()
  const texts = new Map([...found].map(([path, fields]) => [path, textOf(fields)]))
  for (const [path, text] of texts) {
    const parent = path.includes('.') ? path.slice(0, path.lastIndexOf('.')) : ''
    const siblings = [...texts].filter(([other]) => parent !== '' && other.startsWith(`${parent}.`))
    const alike = siblings.length > 1 && siblings.every(([, other]) => other === text)
    rows.set(alike ? `${parent}.*` : path, text)
  }
  return rows
}

function textOf(fields: ReadonlySet<string>): string {
  const names = [...fields].toSorted().map((field) => (field.startsWith('*') ? field : `\`${field}\``))
  return names.length === 0 ? 'in `event.original` only' : names.join(', ')
}

function list(values: readonly string[] | undefined): string {
  return values?.join(', ') ?? ''
}

function cell(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 59)}…` : text
  return short.replaceAll(/[|\n\r<>`]/g, ' ')
}

if (import.meta.main) {
  for (const name of FORMAT_NAMES) {
    const { path, should } = formatPage(name)
    writeFileSync(path, should)
  }
}
