import { expect, test } from 'vitest'
import { manualClock } from '../../test/manual-clock.ts'
import { AuditError } from '../domain/errors.ts'
import type { Emit } from '../sources/source.ts'
import { superviseSource } from './supervise.ts'

const emit: Emit = async () => {
  throw new Error('nobody sends here')
}

function aSource(work: (start: number, signal: AbortSignal) => Promise<void>) {
  const clock = manualClock()
  const lines: string[] = []
  const end = new AbortController()
  let starts = 0
  const open = () => ({ run: (_: Emit, signal: AbortSignal) => work(++starts, signal) })
  const deps = { clock, log: (line: string) => lines.push(line), signal: end.signal }
  return { clock, lines, end, starts: () => starts, done: superviseSource('kube', open, emit, deps) }
}

test('a source that fails is started again, later each time, up to a minute', async () => {
  const source = aSource(async () => {
    throw new AuditError('io_failed', 'cannot read', { hint: 'look' })
  })
  for (const [n, seconds] of [1, 2, 4, 8, 16, 32, 60, 60].entries()) {
    await expect.poll(() => source.lines.length).toBe(n + 1)
    expect(source.lines[n]).toBe(`source kube failed: cannot read (look), and starts again in ${seconds} s`)
    source.clock.advance(seconds * 1000 - 1)
    expect(source.starts()).toBe(n + 1)
    source.clock.advance(1)
  }
  source.end.abort()
  await source.done
})

test('after it has worked for a while, a failure is a first one again', async () => {
  const source = aSource(async (start) => {
    if (start === 3) source.clock.advance(3_600_000)
    throw new Error('broken')
  })
  for (const [n, ms] of [1000, 2000].entries()) {
    await expect.poll(() => source.lines.length).toBe(n + 1)
    source.clock.advance(ms)
  }
  await expect.poll(() => source.lines.length).toBe(3)
  expect(source.lines[2]).toContain('in 1 s')
  source.end.abort()
  await source.done
})

test('a source that ends by itself is started again and told of', async () => {
  const source = aSource(async () => undefined)
  await expect.poll(() => source.lines).toEqual(['source kube ended and starts again in 1 s'])
  source.end.abort()
  await source.done
})

test('one that ends because it is told to is not a failure', async () => {
  const source = aSource(
    (_, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('cut off')))),
  )
  source.end.abort()
  await source.done
  expect(source.lines).toEqual([])
})
