import { execFile } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { eventPage } from '../scripts/event-page.ts'
import { formatPage } from '../scripts/format-pages.ts'
import { FORMAT_NAMES } from '../src/formats/formats.ts'
import { parseSource } from '../src/sources/kinds.ts'
import { sha256 } from '../src/ledger/sha256.ts'
import { leafHash, toHex } from '../verify/index.ts'
import { aFolder, aServer } from './a-server.ts'
import { pathWithCurl } from './curl.ts'

const ROOT = join(import.meta.dirname, '..')
const PAGES = ['README.md', ...globSync('docs/**/*.md', { cwd: ROOT })]
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

test('every link of the documents leads somewhere', () => {
  const broken = PAGES.flatMap((page) => linksOf(page).filter((link) => !leadsSomewhere(link)))

  expect(broken).toEqual([])
})

test('every page is linked from the README or from the architecture', () => {
  const linked = new Set(['README.md', 'docs/architecture.md'].flatMap(linksOf).map(({ path }) => path))

  expect(PAGES.filter((page) => page !== 'README.md' && !linked.has(page))).toEqual([])
})

test('what comments name of the documents is there', () => {
  const sources = globSync('{src,verify,test,scripts,bench,examples}/**/*.{ts,tsx}', { cwd: ROOT })
  const named = sources.flatMap((file) =>
    [...read(file).matchAll(/\bdocs\/([\w/-]+\.md)(?:, ([^,;:)]+)\))?/g)].map(([, path = '', heading]) => {
      return { page: file, path: `docs/${path}`, anchor: heading === undefined ? '' : slugOf(heading) }
    }),
  )

  expect(named.length).toBeGreaterThan(30)
  expect(named.filter((link) => !leadsSomewhere(link))).toEqual([])
})

test('docs/event.md is what the declaration of fields says (else: node scripts/event-page.ts)', () => {
  expect(read('docs/event.md')).toBe(eventPage())
})

test.each(FORMAT_NAMES)(
  'docs/formats/%s.md says what its decoder does (else: node scripts/format-pages.ts)',
  (name) => {
    const { is, should } = formatPage(name)

    expect(is).toBe(should)
  },
)

test('every example of sources in the documents is a configuration that is taken', () => {
  const pages = PAGES.filter((page) => /^docs\/(formats|sources)\//.test(page))
  const examples = pages.flatMap((page) => blocksOf(page, 'yaml').map((text) => ({ page, text })))
  const sources = examples.flatMap(({ page, text }) => {
    // Every example here is a piece of whodid.yaml.
    const { sources: listed = [] } = parseYaml(text) as { sources?: readonly unknown[] }
    return listed.map((source) => ({ page, source }))
  })

  expect(sources.length).toBeGreaterThan(10)
  for (const { page, source } of sources) expect(() => parseSource(source), page).not.toThrow()
})

test('the vectors of docs/ledger.md are those that are tested', () => {
  const tests = globSync('verify/*.test.ts', { cwd: ROOT }).map(read).join('\n')
  const words = blocksOf('docs/ledger.md', 'vectors').join('\n').split(/\s+/)
  const values = words.filter((word) => word.length > 20 && !word.startsWith('{'))

  expect(values.length).toBeGreaterThan(20)
  expect(values.filter((value) => !tests.includes(value))).toEqual([])
  const [, leaf = '', hash] = /^leaf +(\{.+\})\nleaf hash +(\w+)$/m.exec(read('docs/ledger.md')) ?? []
  expect(toHex(leafHash(sha256, Buffer.from(leaf)))).toBe(hash)
})

test('the examples of README and command line do what they say, on a server that has just been started', async () => {
  const folder = aFolder()
  const started = await aServer({ data: join(folder, '.whodid') })
  const env = {
    ...process.env,
    PATH: pathWithCurl(),
    NODE: process.execPath,
    MAIN: join(ROOT, 'src/cli/main.ts'),
    URL: started.server.url,
  }
  const run = async (examples: readonly string[]): Promise<string> => {
    const script = [SHELL, ...examples].join('\n')
    return (await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder, env })).stdout
  }
  const [send = '', ...look] = blocksOf('README.md', RUN)

  expect(await run([send])).toContain('{"received":1,"kept":1,')
  await started.find('actor:ada', 1)
  const looked = await run([...look, ...blocksOf('docs/cli.md', RUN)])
  expect(looked).toContain('ada did `invoice-approve` on Invoice 4711')
  expect(looked).toMatch(/^ok {4}acme\/n1\/default\/\d{4}-\d\d {2}\d entries(, \d in the root log)? {2}root /m)
})

const RUN = 'sh whodid-run'

/** Examples run as printed: the program is the one of this checkout, and the port is the server's. */
const SHELL = [
  `npm() { [ "$1 $2 $3 $4" = 'run -s whodid --' ] && "$NODE" "$MAIN" "\${@:5}"; }`,
  `whodid() { "$NODE" "$MAIN" "$@"; }`,
  `curl() { command curl -sS --fail-with-body "\${@/http:\\/\\/127.0.0.1:7421/$URL}"; }`,
].join('\n')

interface Link {
  readonly page: string
  /** From the root. */
  readonly path: string
  readonly anchor: string
}

/** Links into this repository, pictures too. */
function linksOf(page: string): readonly Link[] {
  const text = read(page).replaceAll(/^```[^]*?^```$/gm, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
    if (/^[a-z]+:/.test(target)) return []
    const [path = '', anchor = ''] = target.split('#')
    return [{ page, path: path === '' ? page : normalize(join(dirname(page), path)), anchor }]
  })
}

function leadsSomewhere({ path, anchor }: Link): boolean {
  if (!existsSync(join(ROOT, path))) return false
  return anchor === '' || headingsOf(path).includes(anchor)
}

/** Anchors of a page, as GitHub makes them. */
function headingsOf(page: string): readonly string[] {
  return [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => slugOf(heading))
}

function slugOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

/** Fenced blocks with these words behind the fence. */
function blocksOf(page: string, info: string): readonly string[] {
  return [...read(page).matchAll(/^```(.*)\n([^]*?)^```$/gm)].flatMap(([, words, text = '']) =>
    words === info ? [text] : [],
  )
}
