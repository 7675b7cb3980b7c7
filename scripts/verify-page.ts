import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'vite'

const ROOT = join(import.meta.dirname, '..')
const SOURCE = join(ROOT, 'verify/html')

/** Builds `verify.html`: the checker as one file, script and style within, that may reach nothing. */
export async function buildVerifyPage(): Promise<void> {
  const [html, style] = ['index.html', 'style.css'].map((name) => readFileSync(join(SOURCE, name), 'utf8'))
  if (html === undefined || style === undefined) throw new Error('verify/html lacks a part')
  const script = await bundle(join(SOURCE, 'page.ts'), 'iife')
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  const page = html
    .replace(
      '</head>',
      () =>
        `  <meta http-equiv="Content-Security-Policy" content="${policy}" />\n    <style>${style}</style>\n  </head>`,
    )
    .replace('</body>', () => `  <script>${script}</script>\n  </body>`)
  mkdirSync(join(ROOT, 'dist'), { recursive: true })
  writeFileSync(join(ROOT, 'dist/verify.html'), page)
}

/** Builds `@whodid/verify/single.js`: the package as one module without imports. */
export async function buildSingleFile(): Promise<void> {
  const code = await bundle(join(ROOT, 'verify/index.ts'), 'es')
  mkdirSync(join(ROOT, 'verify/dist'), { recursive: true })
  writeFileSync(join(ROOT, 'verify/dist/single.js'), code)
}

async function bundle(entry: string, format: 'iife' | 'es'): Promise<string> {
  const built = await build({
    root: ROOT,
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    build: {
      write: false,
      minify: format === 'iife',
      target: ['chrome125', 'firefox128', 'safari17.5'],
      lib: { entry, formats: [format], name: 'whodid', fileName: 'single' },
    },
  })
  const outputs = (Array.isArray(built) ? built : [built]).flatMap((each) => ('output' in each ? each.output : []))
  const [chunk, ...more] = outputs
  if (chunk?.type !== 'chunk' || more.length > 0) throw new Error(`${entry} did not become one file`)
  // It ends the element wherever it stands in a script.
  return chunk.code.replaceAll('</script', '<\\/script')
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}

if (import.meta.main) {
  await buildVerifyPage()
  await buildSingleFile()
}
