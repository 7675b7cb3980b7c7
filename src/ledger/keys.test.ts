import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { realFiles } from '../lib/real-files.ts'
import { openDedupeKey } from './dedupe-key.ts'
import { openLogKeys } from './log-keys.ts'
import { openSubjectKeys } from './subject-keys.ts'

const LOG = 'acme/n1/access/2026-11'
let folder: string

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'keys-')), 'keys')
})
afterEach(() => rm(join(folder, '..'), { recursive: true }))

test('an identity has one key in each log, and keeps it', async () => {
  const keys = await openSubjectKeys(realFiles, folder, true)
  const [ada, bob, again] = keys.ensure(LOG, ['user:ada', 'user:bob', 'user:ada'])
  expect(again).toEqual(ada)
  expect(bob?.id).not.toBe(ada?.id)
  expect(ada?.key).toHaveLength(32)
  const [elsewhere] = keys.ensure('acme/n1/access/2026-12', ['user:ada'])
  expect(elsewhere?.key).not.toEqual(ada?.key)
  keys.close()

  const reopened = await openSubjectKeys(realFiles, folder, false)
  expect(reopened.ensure(LOG, ['user:bob', 'user:ada'])).toEqual([bob, ada])
  expect([...reopened.find([ada!.id, bob!.id, 999])]).toEqual([
    [ada!.id, ada!.key],
    [bob!.id, bob!.key],
  ])
  reopened.close()
})

test('any number of new identities is made in one go, and none is no work', async () => {
  const keys = await openSubjectKeys(realFiles, folder, true)
  const names = Array.from({ length: 3000 }, (_, i) => `user:${i}`)
  const made = keys.ensure(LOG, names)
  expect(new Set(made.map(({ id }) => id)).size).toBe(3000)
  expect(keys.ensure(LOG, names)).toEqual(made)
  expect(keys.ensure(LOG, [])).toEqual([])
  keys.close()
})

test('subject keys are in the file when they are given out, and the file is for its owner only', async () => {
  const keys = await openSubjectKeys(realFiles, folder, true)
  const [ada] = keys.ensure(LOG, ['user:ada'])
  const other = await openSubjectKeys(realFiles, folder, false)
  expect(other.find([ada!.id]).get(ada!.id)).toEqual(ada!.key)
  expect((await stat(folder)).mode & 0o077).toBe(0)
  other.close()
  keys.close()
})

test('a lost or foreign key store is refused', async () => {
  await expect(openSubjectKeys(realFiles, folder, false)).rejects.toMatchObject({ code: 'damaged' })
  await realFiles.makeFolder(folder)
  await writeFile(join(folder, 'subjects.db'), 'no database, but long enough to be looked at as one '.repeat(20))
  const opened = openSubjectKeys(realFiles, folder, true)
  await expect(opened).rejects.toMatchObject({ code: 'damaged', hint: expect.stringContaining('backup') })
})

test('the dedupe key is made once, and refused when it is lost or cut', async () => {
  await expect(openDedupeKey(realFiles, folder, false)).rejects.toMatchObject({ code: 'damaged' })
  const key = await openDedupeKey(realFiles, folder, true)
  expect(key).toHaveLength(32)
  expect(Buffer.from(await openDedupeKey(realFiles, folder, true))).toEqual(Buffer.from(key))
  expect((await stat(join(folder, 'dedupe.key'))).mode & 0o777).toBe(0o600)
  await writeFile(join(folder, 'dedupe.key'), 'short')
  await expect(openDedupeKey(realFiles, folder, true)).rejects.toMatchObject({ code: 'damaged' })
})

test('a log’s key is a file in the format of Go’s notes, for its owner only', async () => {
  const keys = await openLogKeys(realFiles, folder)
  expect(await keys.find(LOG)).toBeUndefined()
  const made = await keys.create(LOG)
  const path = join(folder, 'acme+n1+access+2026-11.skey')
  expect(await readFile(path, 'utf8')).toMatch(/^PRIVATE\+KEY\+acme\/n1\/access\/2026-11\+[0-9a-f]{8}\+A[\w+/]{43}\n$/)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  const found = await keys.find(LOG)
  expect(found?.vkey).toBe(made.vkey)
  expect(found?.sign(Buffer.from('x'))).toEqual(made.sign(Buffer.from('x')))
})

test('a published secret key gives its published verifier key', async () => {
  const keys = await openLogKeys(realFiles, folder)
  const skey = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n'
  await writeFile(join(folder, 'PeterNeumann.skey'), skey)
  expect((await keys.find('PeterNeumann'))?.vkey).toBe(
    'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
  )
  for (const wrong of [skey.replace('c74', 'c75'), skey.replace('+AY', '+BY'), skey.replace('Peter', 'Pete'), '']) {
    await writeFile(join(folder, 'PeterNeumann.skey'), wrong)
    await expect(keys.find('PeterNeumann')).rejects.toMatchObject({ code: 'damaged' })
  }
})
