import { appendFile, copyFile, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Intake, sourceContract, start } from '../../test/contract/source.ts'
import { ecs } from '../formats/ecs.ts'
import { PARSE_LIMIT_BYTES } from '../formats/limits.ts'
import { createFile } from './file.ts'
import type { Source, SourceDeps } from './source.ts'

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'whodid-file-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

function following(...paths: string[]): (deps: SourceDeps) => Source {
  return (deps) => createFile({ name: 'under-test', kind: 'file', paths, format: 'ecs' }, deps)
}

let number = 0

function lines(count: number): string[] {
  return Array.from({ length: count }, () => `{"event":{"action":"read"},"n":${++number}}`)
}

async function append(path: string, count: number): Promise<string[]> {
  const written = lines(count)
  await appendFile(path, written.map((line) => `${line}\n`).join(''))
  return written
}

sourceContract(async () => {
  const path = join(await aFolder(), 'audit.log')
  return { open: following(path), write: (count) => append(path, count) }
})

test('waits for the end of a line', async () => {
  const path = join(await aFolder(), 'audit.log')
  const intake = new Intake()
  const running = start(following(path), intake)
  await appendFile(path, '{"whole":1}\n{"half":')
  await running.until(() => intake.records.length >= 1)
  await running.pass(1000)
  expect(intake.texts).toEqual(['{"whole":1}'])
  await appendFile(path, '2}\n')
  await running.until(() => intake.records.length >= 2)
  expect(intake.texts).toEqual(['{"whole":1}', '{"half":2}'])
})

test('reads nothing before the first line is whole', async () => {
  const path = join(await aFolder(), 'audit.log')
  const intake = new Intake()
  const running = start(following(path), intake)
  await appendFile(path, '{"first":')
  await running.pass(1000)
  expect(intake.records).toEqual([])
  await appendFile(path, '1}\r\n\n  \n{"second":2}\n')
  await running.until(() => intake.records.length >= 2)
  expect(intake.texts).toEqual(['{"first":1}', '{"second":2}'])
})

test('follows a file that is renamed, to its end, and then the new one', async () => {
  const folder = await aFolder()
  const path = join(folder, 'audit.log')
  const intake = new Intake()
  const running = start(following(path), intake)
  const first = await append(path, 2)
  await running.until(() => intake.records.length >= 2)
  await rename(path, join(folder, 'audit.log.1'))
  const late = await append(join(folder, 'audit.log.1'), 1)
  await running.until(() => intake.records.length >= 3)
  const fresh = await append(path, 2)
  await running.until(() => intake.records.length >= 5)
  expect(intake.texts).toEqual([...first, ...late, ...fresh])
})

test('takes the last line of a file that was renamed without its end, once nobody writes to it', async () => {
  const folder = await aFolder()
  const path = join(folder, 'audit.log')
  const intake = new Intake()
  const running = start(following(path), intake)
  await appendFile(path, '{"whole":1}\n{"cut":2}')
  await running.until(() => intake.records.length >= 1)
  await rename(path, join(folder, 'audit.log.1'))
  await running.until(() => intake.records.length >= 2)
  expect(intake.texts).toEqual(['{"whole":1}', '{"cut":2}'])
})

test('finds what it had not read of a file that was renamed while it was stopped', async () => {
  const folder = await aFolder()
  const path = join(folder, 'audit.log')
  const before = new Intake()
  const running = start(following(path), before)
  await append(path, 2)
  await running.until(() => before.records.length >= 2)
  await running.stop()
  const missed = await append(path, 2)
  await rename(path, join(folder, 'audit-2026-11-20.log'))
  const fresh = await append(path, 1)

  const after = new Intake()
  const again = start(following(path), after, before.cursor)
  await again.until(() => after.records.length >= 3)
  expect(after.texts).toEqual([...missed, ...fresh])
})

test('reads a file from its beginning after it was cut, also when it has grown beyond its old length', async () => {
  const path = join(await aFolder(), 'audit.log')
  const intake = new Intake()
  const running = start(following(path), intake)
  const first = await append(path, 2)
  await running.until(() => intake.records.length >= 2)
  await truncate(path, 0)
  const second = await append(path, 1)
  await running.until(() => intake.records.length >= 3)
  const rewritten = lines(9)
  await writeFile(path, rewritten.map((line) => `${line}\n`).join(''))
  await running.until(() => intake.records.length >= 12)
  expect(intake.texts).toEqual([...first, ...second, ...rewritten])
})

test('does not read the copy again that a rotation by copying leaves', async () => {
  const folder = await aFolder()
  const path = join(folder, 'audit.log')
  const intake = new Intake()
  const running = start(following(join(folder, 'audit.log*')), intake)
  const first = await append(path, 3)
  await running.until(() => intake.records.length >= 3)
  await copyFile(path, join(folder, 'audit.log.1'))
  await truncate(path, 0)
  const second = await append(path, 2)
  await running.until(() => intake.records.length >= 5)
  await running.pass(1000)
  expect(intake.texts).toEqual([...first, ...second])
})

test('follows all files that a pattern names, also new ones, each by its own position', async () => {
  const folder = await aFolder()
  const intake = new Intake()
  const running = start(following(join(folder, '*.log')), intake)
  const a = await append(join(folder, 'a.log'), 2)
  await running.until(() => intake.records.length >= 2)
  const b = await append(join(folder, 'b.log'), 2)
  await append(join(folder, 'b.txt'), 1)
  await running.until(() => intake.records.length >= 4)
  await running.stop()
  expect(intake.texts).toEqual([...a, ...b])

  const after = new Intake()
  const again = start(following(join(folder, '*.log')), after, intake.cursor)
  const more = await append(join(folder, 'a.log'), 1)
  await again.until(() => after.records.length >= 1)
  await again.pass(500)
  expect(after.texts).toEqual(more)
})

test('a file that is away at a start is read on from where it was, also after the next start', async () => {
  const folder = await aFolder()
  const [here, away] = [join(folder, 'a.log'), join(folder, 'b.log')]
  let intake = new Intake()
  let running = start(following(here, away), intake)
  await append(here, 3)
  await append(away, 3)
  await running.until(() => intake.records.length >= 6)
  await running.stop()
  const { cursor } = intake
  // As a folder that is not mounted yet.
  await rename(away, join(folder, 'elsewhere'))
  let latest = cursor
  for (let starts = 0; starts < 2; starts++) {
    intake = new Intake()
    running = start(following(here, away), intake, latest)
    const more = await append(here, 1)
    await running.until(() => intake.records.length >= 1)
    await running.stop()
    expect(intake.texts).toEqual(more)
    latest = intake.cursor
  }
  await copyFile(join(folder, 'elsewhere'), away)
  intake = new Intake()
  running = start(following(here, away), intake, latest)
  const fresh = await append(away, 1)
  await running.until(() => intake.records.length >= 1)
  await running.pass(1000)
  expect(intake.texts).toEqual(fresh)
  await running.stop()

  // Another one under its name is another one.
  await rm(away)
  intake = new Intake()
  running = start(following(here, away), intake, latest)
  const another = await append(away, 2)
  await running.until(() => intake.records.length >= 2)
  expect(intake.texts).toEqual(another)
})

test('tells files apart that begin with the same line', async () => {
  const folder = await aFolder()
  const intake = new Intake()
  const running = start(following(join(folder, '*.log')), intake)
  await writeFile(join(folder, 'a.log'), '{"same":1}\n{"a":1}\n')
  await writeFile(join(folder, 'b.log'), '{"same":1}\n{"b":1}\n')
  await running.until(() => intake.records.length >= 4)
  expect(new Set(intake.records.map((record) => record.fallbackId)).size).toBe(4)
})

test('reads the file again that was removed and made anew', async () => {
  const path = join(await aFolder(), 'audit.log')
  const intake = new Intake()
  const running = start(following(path), intake)
  const first = await append(path, 1)
  await running.until(() => intake.records.length >= 1)
  await rm(path)
  await running.pass(500)
  const second = await append(path, 1)
  await running.until(() => intake.records.length >= 2)
  expect(intake.texts).toEqual([...first, ...second])
})

test('cuts a line of 20 MB one byte behind the limit, so that it is rejected, and reads on behind it', async () => {
  const path = join(await aFolder(), 'audit.log')
  const intake = new Intake()
  const running = start(following(path), intake)
  await appendFile(path, '{"before":1}\n')
  await appendFile(path, `${'x'.repeat(20 << 20)}\n{"after":1}\n`)
  await running.until(() => intake.records.length >= 3)
  const [before, huge, after] = intake.records
  expect([before, after].map((record) => Buffer.from(record?.bytes ?? []).toString())).toEqual([
    '{"before":1}',
    '{"after":1}',
  ])
  expect(huge?.bytes.length).toBe(PARSE_LIMIT_BYTES + 1)
  expect(ecs.decode(huge?.bytes ?? new Uint8Array(), { source: 'x', now: 0 })).toMatchObject({ reason: 'too_large' })
})

test('sends at most a thousand records in a batch', async () => {
  const path = join(await aFolder(), 'audit.log')
  const intake = new Intake()
  const running = start(following(path), intake)
  const written = await append(path, 2500)
  await running.until(() => intake.records.length >= 2500)
  expect(intake.batches.map((batch) => batch.records.length)).toEqual([1000, 1000, 500])
  expect(intake.texts).toEqual(written)
})

test('says once what it cannot read, and reads the rest', async () => {
  const folder = await aFolder()
  const intake = new Intake()
  const running = start(following(join(folder, 'a.log', 'below.log'), join(folder, 'a.log')), intake)
  await append(join(folder, 'a.log'), 1)
  await running.until(() => intake.records.length >= 1)
  await running.pass(2000)
  expect(running.messages).toEqual([`${join(folder, 'a.log', 'below.log')} cannot be read: ENOTDIR`])
})

test('begins anew and says so when its cursor cannot be read', async () => {
  const path = join(await aFolder(), 'audit.log')
  const intake = new Intake()
  const written = await append(path, 1)
  const running = start(following(path), intake, 'not a cursor')
  await running.until(() => intake.records.length >= 1)
  expect(intake.texts).toEqual(written)
  expect(running.messages).toEqual(['under-test: its cursor cannot be read, so its files are read from the beginning'])
})

describe('a format whose records span lines', () => {
  const postgres = (path: string) => (deps: SourceDeps) =>
    createFile({ name: 'under-test', kind: 'file', paths: [path], format: 'pgaudit' }, deps)

  async function appendStatements(path: string, count: number): Promise<string[]> {
    const written = Array.from({ length: count }, () => {
      const statement = `SELECT ${++number}\n\t\n\t-- more`
      return `2026-11-20 09:14:05.120 UTC [812] dave@shop LOG:  AUDIT: SESSION,1,1,READ,SELECT,,,"${statement}",<none>`
    })
    await appendFile(path, written.map((record) => `${record}\n`).join(''))
    return written
  }

  sourceContract(async () => {
    const path = join(await aFolder(), 'postgresql.log')
    return { open: postgres(path), write: (count) => appendStatements(path, count) }
  })

  test('holds the last record for a second, and the cursor before it', async () => {
    const path = join(await aFolder(), 'postgresql.log')
    const intake = new Intake()
    const running = start(postgres(path), intake)
    const written = await appendStatements(path, 2)
    await running.until(() => intake.records.length >= 1)
    await running.stop()
    expect(intake.texts).toEqual(written.slice(0, 1))

    const after = new Intake()
    const again = start(postgres(path), after, intake.cursor)
    await again.until(() => after.records.length >= 1)
    await again.pass(3000)
    expect(after.texts).toEqual(written.slice(1))
  })

  test('gives a record the lines that come within the second', async () => {
    const path = join(await aFolder(), 'postgresql.log')
    const intake = new Intake()
    const running = start(postgres(path), intake)
    await appendFile(path, '2026-11-20 09:14:05.120 UTC [812] dave@shop ERROR:  no\n')
    await running.pass(300)
    await appendFile(path, '2026-11-20 09:14:05.120 UTC [812] dave@shop STATEMENT:  SELECT 1\n')
    await running.until(() => intake.records.length >= 1)
    await running.pass(3000)
    expect(intake.texts.map((text) => text.split('\n').length)).toEqual([2])
  })

  test('takes the record that is held when its file is cut or renamed', async () => {
    const folder = await aFolder()
    const path = join(folder, 'postgresql.log')
    const intake = new Intake()
    const running = start(postgres(path), intake)
    const first = await appendStatements(path, 2)
    await running.until(() => intake.records.length >= 1)
    await truncate(path)
    const second = await appendStatements(path, 1)
    await running.until(() => intake.records.length >= 3)
    expect(intake.texts).toEqual([...first, ...second])
    const third = await appendStatements(path, 1)
    await running.pass(300)
    await rename(path, join(folder, 'old.log'))
    await running.until(() => intake.records.length >= 4)
    expect(intake.texts.at(-1)).toBe(third[0])
  })

  test('hands on the options of its format with every record', async () => {
    const path = join(await aFolder(), 'postgresql.log')
    const intake = new Intake()
    const options = { persons: ['dave'] }
    const open = (deps: SourceDeps): Source =>
      createFile({ name: 'under-test', kind: 'file', paths: [path], format: 'pgaudit', options }, deps)
    const running = start(open, intake)
    await appendStatements(path, 1)
    await running.until(() => intake.records.length >= 1)
    expect(intake.records[0]).toMatchObject({ format: 'pgaudit', options })
  })
})
