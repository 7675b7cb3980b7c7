import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test, vi } from 'vitest'
import { readRun } from '../../src/state/run-file.ts'
import { aFolder, until } from '../a-server.ts'
import { receiverContract } from '../contract/receiver.ts'

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')

function ask(socketPath: string, path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  request({ socketPath, path }, (response) => resolve(text(response)))
    .on('error', reject)
    .end()
  return promise
}

/** Every server is started with a pipe of its own, as a process is. */
let pipe = new PassThrough()

let number = 0

function pipedRecord(): string {
  return JSON.stringify({
    event: { id: `record-${++number}`, action: 'read', outcome: 'success' },
    user: { name: 'ada' },
  })
}

receiverContract({
  config: () => {
    pipe = new PassThrough()
    const input = vi.spyOn(process, 'stdin', 'get')
    // A pipe that is read as the process's own is: as a stream of bytes.
    input.mockReturnValue(pipe as unknown as typeof process.stdin)
    onTestFinished(() => input.mockRestore())
    return { name: 'shop', kind: 'stdin', format: 'ecs' }
  },
  farSide: () => {
    const write = async (lines: readonly string[]) => void pipe.write(lines.map((line) => `${line}\n`).join(''))
    let last: readonly string[] = []
    return {
      send: (count) => write((last = Array.from({ length: count }, pipedRecord))),
      sendBad: () => write(['[7]']),
      again: () => write(last),
    }
  },
  role: 'follower',
  badReason: 'wrong_type',
})

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
