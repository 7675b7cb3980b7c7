import { execFileSync } from 'node:child_process'
import { globSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'vite'
import { buildSingleFile, buildVerifyPage } from './verify-page.ts'

const ROOT = join(import.meta.dirname, '..')
const UI = join(ROOT, 'dist/ui')
const UI_SOURCES = [
  'src/ui/**/*',
  'src/domain/**/*',
  'src/query/**/*',
  'verify/*.ts',
  'verify/html/*',
  'vite.config.ts',
  'package-lock.json',
]

/** Builds the UI into dist/ui, and beside it the page that checks packs. */
export async function buildUi(): Promise<void> {
  await build({ root: join(ROOT, 'src/ui'), configFile: join(ROOT, 'vite.config.ts'), logLevel: 'warn' })
  await buildVerifyPage()
}

/** Whether the UI is missing or older than what it is made of. */
export function isUiStale(): boolean {
  const built = modified(join(UI, 'index.html'))
  return UI_SOURCES.some((pattern) =>
    globSync(pattern, { cwd: ROOT }).some((file) => modified(join(ROOT, file)) > built),
  )
}

function modified(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

if (import.meta.main) {
  await buildUi()
  for (const project of ['tsconfig.build.json', 'verify/tsconfig.json']) {
    execFileSync('tsc', ['-p', join(ROOT, project)], { stdio: 'inherit' })
  }
  await buildSingleFile()
}
