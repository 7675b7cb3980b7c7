import { appendFile, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { Intake, type Running, start } from '../../test/contract/source.ts'
import { createFile } from './file.ts'

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'whodid-gzip-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

function follow(pattern: string, intake: Intake, cursor?: string): Running {
  return start(
    (deps) => createFile({ name: 'under-test', kind: 'file', paths: [pattern], format: 'ecs' }, deps),
    intake,
    cursor,
  )
}

let number = 0

function lines(count: number): string {
  return Array.from({ length: count }, () => `{"event":{"action":"read"},"n":${++number}}\n`).join('')
}

function textsOf(...files: readonly string[]): readonly string[] {
  return files.flatMap((file) => file.split('\n').filter((line) => line !== ''))
}

/** As logrotate does it: the new file is there before the old one goes. */
async function compress(path: string): Promise<void> {
  await writeFile(`${path}.gz`, gzipSync(await readFile(path)))
  await rm(path)
}

test('reads gzip files that are there already, each once, also after a restart', async () => {
  const folder = await aFolder()
  const [old, older, current] = [lines(3000), lines(2), lines(2)]
  await writeFile(
    join(folder, 'audit.log.2.gz'),
    Buffer.concat([gzipSync(older.slice(0, 20)), gzipSync(older.slice(20))]),
  )
  await writeFile(join(folder, 'audit.log.1.gz'), gzipSync(old))
  await writeFile(join(folder, 'audit.log'), current)
  const intake = new Intake()
  const running = follow(join(folder, 'audit.log*'), intake)
  await running.until(() => intake.records.length >= 3004)
  await running.pass(12_000)
  expect(new Set(intake.texts)).toEqual(new Set(textsOf(old, older, current)))
  expect(intake.records).toHaveLength(3004)
  await running.stop()

  const after = new Intake()
  const again = follow(join(folder, 'audit.log*'), after, intake.cursor)
  const more = lines(1)
  await appendFile(join(folder, 'audit.log'), more)
  await again.until(() => after.records.length >= 1)
  await again.pass(12_000)
  expect(after.texts).toEqual(textsOf(more))
})

test('what was read before it was compressed is not read again', async () => {
  const folder = await aFolder()
  const path = join(folder, 'audit.log')
  const [first, second] = [lines(5), lines(3)]
  await writeFile(path, first)
  const intake = new Intake()
  const running = follow(join(folder, 'audit.log*'), intake)
  await running.until(() => intake.records.length >= 5)
  await rename(path, `${path}.1`)
  await writeFile(path, second)
  await running.until(() => intake.records.length >= 8)
  await compress(`${path}.1`)
  await running.pass(25_000)
  expect(intake.texts).toEqual(textsOf(first, second))
  // And one more turn: the compressed one gets another name.
  await rename(`${path}.1.gz`, `${path}.2.gz`)
  await running.pass(25_000)
  expect(intake.records).toHaveLength(8)
})

test('what was compressed while nobody looked is read on from where reading ended', async () => {
  const folder = await aFolder()
  const path = join(folder, 'audit.log')
  const [first, missed, next] = [lines(5), lines(4), lines(2)]
  await writeFile(path, first)
  const intake = new Intake()
  const running = follow(join(folder, 'audit.log*'), intake)
  await running.until(() => intake.records.length >= 5)
  await running.stop()
  await appendFile(path, missed)
  await compress(path)
  await writeFile(path, next)

  const after = new Intake()
  const again = follow(join(folder, 'audit.log*'), after, intake.cursor)
  await again.until(() => after.records.length >= 6)
  await again.pass(12_000)
  expect(new Set(after.texts)).toEqual(new Set(textsOf(missed, next)))
  expect(after.records).toHaveLength(6)
  const places = [...intake.records, ...after.records].map(({ fallbackId }) => fallbackId)
  expect(new Set(places).size).toBe(11)
})

test('files that begin alike are told apart, also compressed ones', async () => {
  const folder = await aFolder()
  const header = '{"event":{"action":"header"}}\n'
  const [one, two, current] = [header + lines(2), header + lines(3), header + lines(4)]
  await writeFile(join(folder, 'a.log.1.gz'), gzipSync(one))
  await writeFile(join(folder, 'a.log.2.gz'), gzipSync(two))
  await writeFile(join(folder, 'a.log'), current)
  const intake = new Intake()
  const running = follow(join(folder, 'a.log*'), intake)
  await running.until(() => intake.records.length >= 12)
  await running.pass(12_000)
  expect(intake.records).toHaveLength(12)
  expect(new Set(intake.records.map(({ fallbackId }) => fallbackId)).size).toBe(12)
})

test('a file that is still being written is read as far as it goes, and then on', async () => {
  const folder = await aFolder()
  const path = join(folder, 'a.log.1.gz')
  const content = Array.from(
    { length: 20_000 },
    () => `{"event":{"action":"${Math.random()}"},"n":${++number}}\n`,
  ).join('')
  const whole = gzipSync(content)
  await writeFile(path, whole.subarray(0, whole.length / 2))
  const intake = new Intake()
  const running = follow(join(folder, 'a.log*'), intake)
  await running.until(() => intake.records.length > 1000)
  await running.pass(1000)
  expect(intake.records.length).toBeLessThan(20_000)
  await appendFile(path, whole.subarray(whole.length / 2))
  await running.until(() => intake.records.length >= 20_000)
  expect(intake.texts).toEqual(textsOf(content))
})

test('a bomb is one record that is too large, what is no gzip is nothing, and neither harms other files', async () => {
  const folder = await aFolder()
  await writeFile(
    join(folder, 'a.log.1.gz'),
    gzipSync(Buffer.concat([Buffer.alloc(64 << 20, 'x'), Buffer.from('\n{}\n')])),
  )
  await writeFile(join(folder, 'a.log.2.gz'), 'this is no gzip file\n')
  await writeFile(join(folder, 'a.log.3.gz'), '')
  const good = lines(2)
  await writeFile(join(folder, 'a.log'), good)
  const intake = new Intake()
  const running = follow(join(folder, 'a.log*'), intake)
  await running.until(() => intake.records.length >= 4)
  await running.pass(1000)
  expect(intake.records.map(({ bytes }) => bytes.length).toSorted((a, b) => b - a)[0]).toBe(4 * 1024 * 1024 + 1)
  expect(intake.texts).toEqual(expect.arrayContaining(['{}', ...textsOf(good)]))
  expect(intake.records).toHaveLength(4)
})
