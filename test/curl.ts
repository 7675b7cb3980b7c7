import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/**
 * A PATH on which there is a curl. The tests run curl lines as they are printed; a machine without curl gets this file in
 * its place, which knows just the options that those lines use.
 */
export function pathWithCurl(): string {
  const path = process.env['PATH'] ?? ''
  if (spawnSync('curl', ['--version']).status === 0) return path
  const folder = mkdtempSync(join(tmpdir(), 'whodid-curl-'))
  const script = join(folder, 'curl')
  writeFileSync(script, `#!/bin/sh\nexec '${process.execPath}' '${import.meta.filename}' "$@"\n`)
  chmodSync(script, 0o755)
  return `${folder}${delimiter}${path}`
}

function curl(args: readonly string[]): void {
  const headers: Record<string, string> = {}
  let body: string | undefined
  let socketPath: string | undefined
  let url = 'http://localhost/'
  let said: string | undefined
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? ''
    const next = args[at + 1] ?? ''
    if (arg === '-H') {
      headers[next.slice(0, next.indexOf(':'))] = next.slice(next.indexOf(':') + 1).trim()
      at++
    } else if (arg === '-d') {
      body = next
      at++
    } else if (arg === '-X') {
      said = next
      at++
    } else if (arg === '--unix-socket') {
      socketPath = next
      at++
    } else if (!arg.startsWith('-')) url = arg
  }
  const method = said ?? (body === undefined ? 'GET' : 'POST')
  if (body !== undefined) headers['content-type'] ??= 'application/x-www-form-urlencoded'
  const sent = request(url, { method, headers, ...(socketPath !== undefined && { socketPath }) }, (response) => {
    response.pipe(process.stdout)
    if ((response.statusCode ?? 0) >= 400) process.exitCode = 22
  })
  sent.end(body)
}

if (import.meta.main) curl(process.argv.slice(2))
