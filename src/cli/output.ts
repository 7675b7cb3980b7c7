import Table from 'cli-table3'
import { createColors } from 'picocolors'

import { type AuditEvent, type State, stateOf } from '../domain/event.ts'
import { plainSentence } from '../domain/sentence.ts'
import { escapeTerminal } from '../lib/text.ts'
import type { Io } from './io.ts'
import type { OutputFormat } from './options.ts'

/** Prints data, as fast as whoever reads takes it. */
export async function print(io: Io, text: string | Uint8Array): Promise<void> {
  if (!io.out(text)) await io.drained()
}

/**
 * JSON that is also safe on a terminal: what is invisible or turns the text around is written as `\u…`, which means the
 * same to every JSON reader.
 */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(INVISIBLE, (character) =>
    // Code units: a pair of surrogates becomes two escapes.
    Array.from({ length: character.length }, (_, n) => unitEscape(character.charCodeAt(n))).join(''),
  )
}

const INVISIBLE = /[\p{Cf}\p{Zl}\p{Zp}\u007f-\u009f]/gu

function unitEscape(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`
}

/** RFC 4180. A cell that a spreadsheet would compute begins with `'`. Into a pipe texts go as they are. */
export function csvLine(cells: readonly string[], io: Io): string {
  const shown = io.isTerminal ? cells.map(escapeTerminal) : cells
  return `${shown.map(csvCell).join(',')}\r\n`
}

function csvCell(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}

/** Rows without borders. What is too wide for the terminal is cut; into a pipe everything goes whole. */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[], io: Io): string {
  const { bold } = colours(io)
  const table = new Table({ chars: NO_BORDERS, style: { 'padding-left': 0, 'padding-right': 2, head: [], border: [] } })
  const shown = rows.map((row) => row.map(escapeTerminal))
  const widths = io.isTerminal ? fit([head, ...shown], io.columns) : undefined
  const cut = (cells: readonly string[]) => cells.map((cell, n) => cutTo(cell, widths?.[n]))
  table.push(
    cut(head).map((cell) => bold(cell)),
    ...shown.map((row) => cut(row)),
  )
  return `${table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}\n`
}

/** A list in the form that was asked for: `whole` names it and has its items. */
export function listText(
  format: OutputFormat,
  io: Io,
  whole: Readonly<Record<string, readonly unknown[]>>,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  if (format === 'json') return `${jsonText(whole, 2)}\n`
  if (format === 'jsonl')
    return Object.values(whole)
      .flat()
      .map((item) => `${jsonText(item)}\n`)
      .join('')
  if (format === 'csv')
    return [head.map((name) => name.toLowerCase()), ...rows].map((cells) => csvLine(cells, io)).join('')
  return tableText(head, rows, io)
}

/** Colour only where a person reads, and never against NO_COLOR. */
export function colours(io: Io) {
  return createColors(io.isTerminal && io.env['NO_COLOR'] === undefined && io.env['TERM'] !== 'dumb')
}

/** A line of the trail for a person: the sentence, coloured by its state. */
export function sentenceText(event: AuditEvent, io: Io): string {
  const text = escapeTerminal(plainSentence(event))
  const colour = COLOURS[stateOf(event)]
  return colour === undefined ? text : colours(io)[colour](text)
}

const COLOURS: Readonly<Record<State, 'red' | 'yellow' | 'cyan' | undefined>> = {
  denied: 'red',
  failed: 'yellow',
  staged: 'cyan',
  success: undefined,
  unknown: undefined,
}

const NO_BORDERS = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
    .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'])
    .map((place) => [place, '']),
)

/** Takes from the widest column until all fit; none is narrower than this. */
const NARROWEST = 12

function fit(rows: readonly (readonly string[])[], columns: number): readonly number[] {
  const widths = (rows[0] ?? []).map((_, n) => Math.max(...rows.map((row) => row[n]?.length ?? 0)))
  const room = columns - 2 * widths.length
  for (let over = widths.reduce((sum, width) => sum + width, 0) - room; over > 0; over--) {
    const widest = widths.indexOf(Math.max(...widths))
    if ((widths[widest] ?? 0) <= NARROWEST) break
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}

function cutTo(text: string, width: number | undefined): string {
  return width === undefined || text.length <= width ? text : `${text.slice(0, width - 1)}…`
}
