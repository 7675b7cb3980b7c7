import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { Intake, start } from '../../test/contract/source.ts'
import { AuditError } from '../domain/errors.ts'
import { createStdin } from './stdin.ts'

function aPipe(intake: Intake, format = 'ecs') {
  const input = new PassThrough()
  const running = start((deps) => createStdin({ name: 'under-test', kind: 'stdin', format }, deps, input), intake)
  return { input, running }
}

test('takes lines as they come, and the last one at the end of the input, whole or not', async () => {
  const intake = new Intake()
  const { input, running } = aPipe(intake)
  input.write('{"a":1}\n{"a":')
  await running.until(() => intake.records.length >= 1)
  await running.pass(2000)
  expect(intake.texts).toEqual(['{"a":1}'])
  input.write('2}\r\n\n')
  await running.until(() => intake.records.length >= 2)
  input.end('{"a":3}')
  await running.until(() => intake.records.length >= 3)
  await running.pass(1000)
  expect(intake.texts).toEqual(['{"a":1}', '{"a":2}', '{"a":3}'])
  expect(running.messages).toEqual(['under-test: standard input has ended'])
  await running.stop()
})

test('whoever writes waits while nothing can be taken, and then everything arrives', async () => {
  const intake = new Intake()
  let isFull = true
  intake.refuse = () => (isFull ? new AuditError('busy', 'full', { retryAfterMs: 1000 }) : undefined)
  const { input, running } = aPipe(intake)
  const lines = Array.from({ length: 100_000 }, (_, n) => `{"n":${n}}`)
  let written = 0
  const writing = (async () => {
    for (const line of lines) {
      written++
      if (!input.write(`${line}\n`)) await new Promise((resolve) => input.once('drain', resolve))
    }
    input.end()
  })()
  await running.pass(10_000)
  expect(written).toBeLessThan(lines.length)
  expect(intake.records).toEqual([])
  isFull = false
  await running.until(() => intake.records.length >= lines.length)
  await writing
  expect(intake.texts).toEqual(lines)
})

test('ends when it is told to, with the input open', async () => {
  const intake = new Intake()
  const { input, running } = aPipe(intake)
  input.write('{"a":1}\n')
  await running.until(() => intake.records.length >= 1)
  await running.stop()
  expect(input.destroyed).toBe(true)
})
