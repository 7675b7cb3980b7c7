import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { ManualClock } from '../../test/manual-clock.ts'
import { manualClock } from '../../test/manual-clock.ts'
import { formatNamed } from '../../src/formats/formats.ts'
import { startReplay } from './replay.ts'

const START = Date.UTC(2026, 10, 24, 14, 12)
const WEEK_MS = 7 * 86_400_000
const FILES = {
  'kubernetes-audit.log': 'kubernetes-audit',
  'builds-audit.log': 'ecs',
  'auth.log': 'auth-log',
  'postgresql.json': 'pgaudit',
} as const

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'whodid-replay-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function linesIn(folder: string, file: string): Promise<string[]> {
  const text = await readFile(join(folder, file), 'utf8').catch(() => '')
  return text.split('\n').filter(Boolean)
}

async function countIn(folder: string): Promise<number[]> {
  return Promise.all(Object.keys(FILES).map(async (file) => (await linesIn(folder, file)).length))
}

/** Lets seconds pass until all files have grown. */
async function replay(folder: string, clock: ManualClock): Promise<void> {
  const abort = new AbortController()
  const before = await countIn(folder)
  const ended = startReplay({ folder, clock, signal: abort.signal })
  while (!(await countIn(folder)).every((count, nth) => count > (before[nth] ?? 0))) {
    clock.advance(1000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  abort.abort()
  await ended
}

test('writes a week of records that all become events, with the story in it', async () => {
  const folder = await aFolder()
  await replay(folder, manualClock(START))
  for (const [file, format] of Object.entries(FILES)) {
    const lines = await linesIn(folder, file)
    const decoded = lines.map((line) => formatNamed(format).decode(Buffer.from(line), { source: 'x', now: START }))
    const events = decoded.flatMap((each) => (each.kind === 'events' ? each.events : []))
    expect(decoded.filter((each) => each.kind === 'reject')).toEqual([])
    expect(lines.length).toBeGreaterThan(3000)
    const names = events.flatMap((each) => each.naturalId ?? [])
    expect(new Set(names).size).toBe(names.length)
    const times = events.map((each) => Date.parse(each.event['@timestamp']))
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(Math.min(...times)).toBeGreaterThanOrEqual(START - WEEK_MS)
    expect(Math.max(...times)).toBeGreaterThan(START - 3_600_000)
    expect(events.filter((each) => each.event.event.type?.includes('denied')).length > 0).toBe(format !== 'ecs')
  }
})

test('is the same for the same time', async () => {
  const [one, two] = [await aFolder(), await aFolder()]
  await replay(one, manualClock(START))
  await replay(two, manualClock(START))
  const [a, b] = await Promise.all([linesIn(one, 'builds-audit.log'), linesIn(two, 'builds-audit.log')])
  const both = Math.min(a.length, b.length)
  expect(a.slice(0, both)).toEqual(b.slice(0, both))
})

test('goes on from the end of its files, with new ids and no second past', async () => {
  const folder = await aFolder()
  const clock = manualClock(START)
  await replay(folder, clock)
  const first = await linesIn(folder, 'kubernetes-audit.log')
  clock.advance(5000)
  await replay(folder, clock)
  const all = await linesIn(folder, 'kubernetes-audit.log')
  expect(all.slice(0, first.length)).toEqual(first)
  expect(all.length - first.length).toBeLessThan(1000)
  const names = all.map((line) => /"auditID":"([^"]+)","stage":"(\w+)"/.exec(line)?.slice(1).join('/'))
  expect(new Set(names).size).toBe(all.length)
})
