import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { startReplay } from '../examples/quickstart/replay.ts'
import { systemClock } from '../src/lib/clock.ts'
import { buildUi, isUiStale } from './build.ts'

/** `npm start`: the server on the quickstart's configuration, and beside it the replayer that writes the log files it follows. */
const root = join(import.meta.dirname, '..')
if (isUiStale()) {
  console.error('building the UI (once, some seconds) …')
  await buildUi()
}
const args = ['serve', '--config', 'examples/quickstart/whodid.yaml', ...process.argv.slice(2)]
const server = spawn(process.execPath, [join(root, 'src/cli/main.ts'), ...args], { cwd: root, stdio: 'inherit' })
const ended = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => server.kill(signal))
server.on('exit', (code) => {
  ended.abort()
  process.exitCode = code ?? 1
})
await startReplay({ folder: join(root, '.whodid/sample'), clock: systemClock, signal: ended.signal })
