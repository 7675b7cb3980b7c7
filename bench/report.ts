import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import Table from 'cli-table3'
import type { Machine } from './machine.ts'

/** One figure, beside its budget. */
export interface Figure {
  readonly what: string
  readonly value: number
  readonly unit: Unit
  /** Where `value` is a high percentile: the middle of the same values. */
  readonly p50?: number
  /** In the same unit: what must be held, and what we would like. */
  readonly atLeast?: number
  readonly aim?: number
}

export type Unit = '/s' | 'ms' | 's' | 'µs' | 'MiB' | 'B'

export interface Benchmark {
  /** Of what, with how much: "search in 1,000,000 events". */
  readonly title: string
  readonly figures: readonly Figure[]
}

export function printBenchmark({ title, figures }: Benchmark): void {
  const table = new Table({
    head: [title, 'p50', 'measured', 'at least', 'aim', ''],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'right', 'right', 'right', 'left'],
  })
  for (const each of figures) {
    table.push([
      each.what,
      each.p50 === undefined ? '' : text(each.p50, each.unit),
      text(each.value, each.unit),
      each.atLeast === undefined ? '' : text(each.atLeast, each.unit),
      each.aim === undefined ? '' : text(each.aim, each.unit),
      verdict(each),
    ])
  }
  console.log(table.toString())
}

export function writeResults(
  path: string,
  results: { readonly machine: Machine; readonly events: number; readonly benchmarks: readonly Benchmark[] },
): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify({ at: new Date().toISOString(), ...results }, null, 2)}\n`)
}

/** The value below which that share of the values lies (nearest rank). NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

function text(value: number, unit: Unit): string {
  if (Number.isNaN(value)) return 'not measured'
  const digits = value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2
  return `${value.toLocaleString('en', { maximumFractionDigits: digits })}${unit === '/s' ? '' : ' '}${unit}`
}

/** More is better of rates only. */
function verdict({ value, unit, atLeast, aim }: Figure): string {
  const holds = (limit: number): boolean => (unit === '/s' ? value >= limit : value <= limit)
  if (Number.isNaN(value)) return ''
  if (aim !== undefined && holds(aim)) return 'aim reached'
  if (atLeast === undefined) return ''
  return holds(atLeast) ? 'held' : 'NOT HELD'
}
