import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { readRun } from '../../src/state/run-file.ts'
import { aFolder, until } from '../a-server.ts'

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')

function ask(socketPath: string, path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  request({ socketPath, path }, (response) => resolve(text(response)))
    .on('error', reject)
    .end()
  return promise
}

test('what is piped into a server is found, and the server ends while the pipe is open', async () => {
  const folder = aFolder()
  const config = join(folder, 'whodid.yaml')
  writeFileSync(config, 'sources:\n  - { name: shop, kind: stdin, format: ecs }\n')
  const args = [MAIN, 'serve', '--config', config, '--data', join(folder, '.whodid'), '--listen', '127.0.0.1:0']
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'ignore'] })
  const gone = once(child, 'exit')
  const event = { event: { action: 'piped', outcome: 'success' }, user: { name: 'ada' } }
  child.stdin.write(`${JSON.stringify(event)}\n`)
  await until(async () => {
    const socket = readRun(join(folder, '.whodid'))?.socket
    return socket !== undefined && (await ask(socket, '/v1/events?q=source:shop')).includes('"piped"')
  })
  child.kill('SIGTERM')
  expect((await gone)[0]).toBe(0)
})

test('two readers of one input are refused', async () => {
  const folder = aFolder()
  const config = join(folder, 'whodid.yaml')
  const source = (name: string): string => `  - { name: ${name}, kind: stdin, format: ecs }\n`
  writeFileSync(config, `sources:\n${source('one')}${source('two')}`)
  const args = [MAIN, 'config', 'check', '--config', config]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  expect(await text(child.stderr)).toContain('sources one and two both read standard input')
})
