import { globSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** What a browser loads before the first page stands, against the budget of the UI (kB gzipped; fonts as they are). */
const BUDGET = { js: 260, css: 20, fonts: 90 } as const

const ui = join(import.meta.dirname, '../dist/ui')
const html = readFileSync(join(ui, 'index.html'), 'utf8')
const first = globSync('assets/*', { cwd: ui }).filter((file) => html.includes(basename(file)))
const kilobytes = {
  js: sum(first.filter((file) => file.endsWith('.js')).map(gzipped)),
  css: sum(first.filter((file) => file.endsWith('.css')).map(gzipped)),
  fonts: sum(globSync('assets/*-latin-wght-normal*.woff2', { cwd: ui }).map((file) => statSync(join(ui, file)).size)),
}
for (const [kind, limit] of Object.entries(BUDGET)) {
  // The keys of BUDGET are the keys of kilobytes.
  const size = kilobytes[kind as keyof typeof BUDGET]
  console.log(`${kind} ${size.toFixed(0)} kB of ${limit}`)
  if (size > limit) process.exitCode = 1
}

function gzipped(file: string): number {
  return gzipSync(readFileSync(join(ui, file))).length
}

function sum(bytes: readonly number[]): number {
  return bytes.reduce((total, each) => total + each, 0) / 1000
}
