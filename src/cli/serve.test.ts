import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { pathWithCurl } from '../../test/curl.ts'

const MAIN = join(import.meta.dirname, 'main.ts')

let folder: string
const running: ChildProcess[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whodid-serve-'))
})
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
})

interface Serving {
  readonly child: ChildProcess
  /** What it has said on stderr so far. */
  said(): string
  /** Waits for a line and gives what its first group caught. */
  line(pattern: RegExp): Promise<string>
  exit(): Promise<number | null>
}

function serve(...args: string[]): Serving {
  const child = spawn(process.execPath, [MAIN, 'serve', ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  running.push(child)
  const exited = once(child, 'exit')
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (text += piece))
  return {
    child,
    said: () => text,
    async line(pattern) {
      await expect.poll(() => text, { timeout: 45_000 }).toMatch(pattern)
      return pattern.exec(text)?.[1] ?? ''
    },
    async exit() {
      await exited
      return child.exitCode
    },
  }
}

test('starts empty, says how to send the first event, refuses a second owner, and ends when it is told to', async () => {
  const first = serve('--listen', '127.0.0.1:0')
  const url = await first.line(/^ready (http:\/\/127\.0\.0\.1:\d+)$/m)
  expect(first.said()).toContain('admin link: whodid admin-link\n')
  const command = await first.line(/^ {2}(curl .*)$/m)
  const { stdout } = await promisify(execFile)('sh', ['-c', command], {
    cwd: folder,
    env: { ...process.env, PATH: pathWithCurl() },
  })
  expect(JSON.parse(stdout)).toMatchObject({ received: 1, kept: 1 })

  const second = serve('--listen', '127.0.0.1:0')
  expect(await second.exit()).toBe(1)
  expect(second.said()).toContain(`belongs to the process ${first.child.pid} at ${url}`)

  const third = serve('--listen', new URL(url).host, '--data', 'other')
  expect(await third.exit()).toBe(1)
  expect(third.said()).toContain(`${new URL(url).host} is in use`)

  first.child.kill('SIGTERM')
  expect(await first.exit()).toBe(0)
  expect(existsSync(join(folder, '.whodid/run.json'))).toBe(false)
  expect(existsSync(join(folder, '.whodid/control.sock'))).toBe(false)
})

test('a wrong configuration is refused with its place and the nearest right name', async () => {
  writeFileSync(join(folder, 'whodid.yaml'), 'instal: acme\n')
  const server = serve()

  expect(await server.exit()).toBe(1)
  expect(server.said()).toMatch(/whodid\.yaml:1:\d+.*did you mean install\?/s)
  expect(existsSync(join(folder, '.whodid'))).toBe(false)
})

test('says which categories are excluded in the end, by the configuration and by the flag', async () => {
  writeFileSync(join(folder, 'whodid.yaml'), 'excludedCategories: [file]\n')
  const flag = '--audit_log_excluded_categories'
  const appended = serve('--listen', '127.0.0.1:0', `${flag}+=iam`)
  expect(await appended.line(/^excluded categories: (.*)$/m)).toBe('iam, file')
  const set = serve('--listen', '127.0.0.1:0', '--data', 'other', `${flag}=iam`, `${flag}+=auth`)
  expect(await set.line(/^excluded categories: (.*)$/m)).toBe('auth, iam')
})
