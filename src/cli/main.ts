#!/usr/bin/env node
import { isatty } from 'node:tty'

import { runCli } from './cli.ts'

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The second time whoever asks means it.
    if (interrupted.signal.aborted) process.exit(130)
    interrupted.abort(signal)
  })
}
// A pager or `head` that was closed wants no more: nothing is wrong.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

process.exitCode = await runCli(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  drained: () => new Promise((resolve) => process.stdout.once('drain', resolve)),
  isTerminal: isatty(1),
  isErrTerminal: isatty(2),
  columns: process.stdout.columns ?? 120,
  env: process.env,
  signal: interrupted.signal,
})

// All that matters is closed by now. What may still keep the process alive (a worker, a timer of a start that failed) must
// not: it gets a second to end by itself.
setTimeout(() => process.exit(), 1000).unref()
