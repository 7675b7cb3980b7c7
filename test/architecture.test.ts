import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..')

/** Which room may look into which: docs/architecture.md says why. npm packages are not arrows. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  verify: [],
  domain: [],
  lib: ['domain'],
  query: ['domain'],
  formats: ['domain', 'lib'],
  rules: ['domain', 'query', 'formats', 'lib'],
  state: ['domain', 'lib'],
  journal: ['domain', 'lib'],
  ledger: ['domain', 'lib', 'verify'],
  store: ['domain', 'lib', 'query'],
  sources: ['domain', 'lib', 'formats'],
  auth: ['domain', 'lib', 'query', 'state'],
  ingest: ['domain', 'lib', 'query', 'formats', 'rules', 'state', 'journal', 'ledger', 'store', 'sources', 'verify'],
  api: [
    'domain',
    'lib',
    'query',
    'formats',
    'rules',
    'state',
    'journal',
    'ledger',
    'store',
    'sources',
    'auth',
    'ingest',
    'verify',
  ],
  server: [
    'domain',
    'lib',
    'query',
    'formats',
    'rules',
    'state',
    'journal',
    'ledger',
    'store',
    'sources',
    'auth',
    'ingest',
    'api',
    'verify',
  ],
  ui: ['domain', 'query', 'verify'],
  cli: ['domain', 'lib', 'query', 'formats', 'rules', 'state', 'ledger', 'store', 'auth', 'api', 'server', 'verify'],
}

const files = [...globSync('src/**/*.{ts,tsx}', { cwd: ROOT }), ...globSync('verify/*.ts', { cwd: ROOT })].filter(
  (file) => !/\.test\.tsx?$|\.d\.ts$/.test(file),
)

test('imports point one way', () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter((to) => !isAllowed(file, to))
      .map((to) => `${file} -> ${to}`),
  )

  expect(wrong).toEqual([])
})

test('every folder below src has its place in the table', () => {
  const folders = new Set(files.map(roomOf))

  expect([...folders].filter((folder) => !Object.hasOwn(ARROWS, folder))).toEqual([])
})

test('only auth makes a visibility, and only server and cli construct a server', () => {
  const makers = files.filter((file) => /judgedVisibility\(/.test(read(file)) && !file.startsWith('src/query/'))

  expect(makers.filter((file) => roomOf(file) !== 'auth')).toEqual([])
})

test('files are written by lib and journal alone', () => {
  const writes = /\b(writeFile|writeFileSync|appendFile|appendFileSync|createWriteStream)\(/
  const writers = files.filter((file) => writes.test(read(file)) && !['lib', 'journal'].includes(roomOf(file)))

  // The engine's child hands an insert's bytes to ClickHouse through a file that lives for one query.
  expect(writers.filter((file) => !file.startsWith('src/store/engine-'))).toEqual([])
})

test('what runs in a browser or in other hands imports no Node module', () => {
  const portable = files.filter((file) => ['ui', 'domain', 'query', 'verify'].includes(roomOf(file)))

  expect(portable.filter((file) => /from 'node:/.test(read(file)))).toEqual([])
})

function isAllowed(from: string, to: string): boolean {
  const [here, there] = [roomOf(from), roomOf(to)]
  return here === there || (ARROWS[here]?.includes(there) ?? false)
}

function importsOf(file: string): string[] {
  const specifiers = [...read(file).matchAll(/(?:from|import\(|new URL\()\s*'(\.[^']+)'/g)].map(
    (match) => match[1] ?? '',
  )
  return specifiers
    .map((specifier) => relative(ROOT, normalize(join(ROOT, dirname(file), specifier))))
    .filter((to) => to.startsWith('src/') || to.startsWith('verify/'))
}

function roomOf(file: string): string {
  const [first = '', second = ''] = file.split('/')
  return first === 'src' ? second : first
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}
