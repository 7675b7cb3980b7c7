import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { aClock } from '../../test/an-api.ts'
import { AuditError } from '../domain/errors.ts'
import { pause, systemClock } from '../lib/clock.ts'
import { realFiles } from '../lib/real-files.ts'
import { type JobWork, type Jobs, createJobs } from './jobs.ts'

let folder: string
let jobs: Jobs
let pass: (ms: number) => void
const errors: unknown[] = []
beforeEach(async () => {
  folder = join(mkdtempSync(join(tmpdir(), 'whodid-jobs-')), 'jobs')
  const { clock, pass: passTime } = aClock(Date.parse('2026-11-24T12:00:00Z'))
  pass = passTime
  errors.length = 0
  jobs = createJobs({ files: realFiles, folder, clock, logError: (error) => void errors.push(error) })
  await jobs.open()
})
afterEach(async () => {
  await jobs.stop()
  rmSync(join(folder, '..'), { recursive: true })
})

const write: JobWork = async ({ files, path, tell }) => {
  tell(1, 2)
  const file = await files.create(path)
  await file.append([Buffer.from('made')])
  await file.close()
  return { events: 2 }
}

test('a job ends in a file that nobody else can read, and says what it is', async () => {
  const job = jobs.start('evidence', 'ada', write)
  expect(job.answer()).toMatchObject({ id: job.id, state: 'running' })
  await job.ended

  expect(job.answer()).toMatchObject({ state: 'done', sizeBytes: 4, events: 2, until: '2026-12-01T12:00:00.000Z' })
  expect(Buffer.from(await job.read(0, 10)).toString()).toBe('made')
  expect(statSync(join(folder, job.id)).mode & 0o777).toBe(0o600)
  expect(jobs.find('evidence', job.id)?.by).toBe('ada')
  expect(jobs.find('export', job.id)).toBeUndefined()
})

test('after seven days its file is gone, and nobody knows it any more', async () => {
  const job = jobs.start('evidence', 'ada', write)
  await job.ended
  await new Promise((resolve) => setImmediate(resolve))
  pass(7 * 86_400_000)

  expect(jobs.find('evidence', job.id)).toBeUndefined()
  await expect.poll(() => readdirSync(folder)).toEqual([])
})

test('one that fails says why and leaves nothing; what broke is told to the operator alone', async () => {
  const full = jobs.start('evidence', 'ada', async ({ files, path }) => {
    await (await files.create(`${path}.1`)).close()
    throw new AuditError('disk_full', 'the disk is full', { hint: 'free some' })
  })
  await full.ended
  expect(full.answer()).toMatchObject({
    state: 'failed',
    code: 'disk_full',
    reason: 'the disk is full',
    hint: 'free some',
  })
  expect(readdirSync(folder)).toEqual([])
  expect(errors).toEqual([])

  const broken = jobs.start('evidence', 'ada', () => Promise.reject(new TypeError('secret of the house')))
  await broken.ended
  expect(broken.answer()).toMatchObject({ state: 'failed', code: 'internal', reason: 'internal error' })
  expect(errors).toHaveLength(1)
})

test('one runs at a time, and so many are kept', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const job = jobs.start('evidence', 'ada', async () => (await promise, {}))
  expect(() => jobs.start('evidence', 'bob', write)).toThrow('another job is running')
  resolve()
  await job.ended
  for (let n = 1; n < 32; n++) await jobs.start('evidence', 'ada', write).ended
  expect(() => jobs.start('evidence', 'ada', write)).toThrow('32 files are kept already')
})

test('the end of the server ends what runs, and its next start removes what was left', async () => {
  const job = jobs.start('evidence', 'ada', async ({ signal, files, path }) => {
    await (await files.create(path)).close()
    await pause(systemClock, 3_600_000, signal)
    signal.throwIfAborted()
    return {}
  })
  await jobs.stop()
  expect(job.answer()).toMatchObject({ state: 'failed', code: 'busy' })
  expect(readdirSync(folder)).toEqual([])

  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'left'), 'from before')
  await jobs.open()
  expect(readdirSync(folder)).toEqual([])
})
