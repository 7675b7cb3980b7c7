import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fileError, realFiles } from './real-files.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'files-'))
})
afterEach(() => rm(folder, { recursive: true }))

const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array | undefined) => (bytes ? new TextDecoder().decode(bytes) : undefined)

test('appends parts in order, also thousands at once, and to what an opened file holds', async () => {
  const path = join(folder, 'a')
  const file = await realFiles.create(path)
  const parts = Array.from({ length: 5000 }, (_, n) => bytesOf(`${n},`))
  await file.append([bytesOf('start '), new Uint8Array(), ...parts])
  await file.sync()
  await file.close()
  const again = await realFiles.open(path)
  await again.append([bytesOf('end')])
  const text = `start ${parts.map(textOf).join('')}end`
  expect(again.sizeBytes).toBe(text.length)
  await again.close()
  expect(textOf(await realFiles.read(path))).toBe(text)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
})

test('cuts a file and appends behind the cut', async () => {
  const file = await realFiles.create(join(folder, 'a'))
  await file.append([bytesOf('0123456789')])
  await file.truncate(4)
  await file.append([bytesOf('x')])
  expect(file.sizeBytes).toBe(5)
  await file.close()
  expect(textOf(await realFiles.read(file.path))).toBe('0123x')
})

test('reads ranges, fewer bytes at the end', async () => {
  await realFiles.replace(join(folder, 'a'), bytesOf('0123456789'))
  expect(textOf(await realFiles.readRange(join(folder, 'a'), 3, 4))).toBe('3456')
  expect(textOf(await realFiles.readRange(join(folder, 'a'), 8, 4))).toBe('89')
  expect(textOf(await realFiles.readRange(join(folder, 'a'), 12, 4))).toBe('')
})

test('replaces a whole content and leaves nothing beside it', async () => {
  await realFiles.replace(join(folder, 'a'), bytesOf('a longer one'))
  await realFiles.replace(join(folder, 'a'), bytesOf('short'))
  expect(textOf(await realFiles.read(join(folder, 'a')))).toBe('short')
  expect(await realFiles.list(folder)).toEqual(['a'])
})

test('answers for what is not there, makes folders, and removes without complaint', async () => {
  const deep = join(folder, 'x', 'y', 'z')
  expect(await realFiles.read(join(deep, 'a'))).toBeUndefined()
  expect(await realFiles.size(join(deep, 'a'))).toBeUndefined()
  expect(await realFiles.list(deep)).toEqual([])
  await realFiles.makeFolder(deep)
  await realFiles.makeFolder(deep)
  expect((await stat(deep)).mode & 0o777).toBe(0o700)
  await realFiles.replace(join(deep, 'b'), bytesOf('b'))
  await realFiles.rename(join(deep, 'b'), join(deep, 'c'))
  await realFiles.syncFolder(deep)
  expect(await realFiles.size(join(deep, 'c'))).toBe(1)
  await realFiles.remove(join(deep, 'c'))
  await realFiles.remove(join(deep, 'c'))
  expect(await realFiles.list(deep)).toEqual([])
})

test('names path and reason when the system refuses, and follows no link', async () => {
  await writeFile(join(folder, 'a'), 'x')
  await expect(realFiles.create(join(folder, 'a'))).rejects.toMatchObject({
    code: 'io_failed',
    message: `cannot open ${join(folder, 'a')}: EEXIST`,
  })
  await expect(realFiles.open(join(folder, 'none'))).rejects.toThrow('ENOENT')
  await symlink(join(folder, 'a'), join(folder, 'link'))
  await expect(realFiles.open(join(folder, 'link'))).rejects.toThrow('ELOOP')
  await expect(realFiles.read(folder)).rejects.toThrow('EISDIR')
})

test.each([
  ['ENOSPC', 'disk_full', 'free space'],
  ['EDQUOT', 'disk_full', 'free space'],
  ['EROFS', 'io_failed', 'read-only'],
  ['EACCES', 'io_failed', 'owner and mode'],
  ['EIO', 'io_failed', 'kernel log'],
])('%s is %s with a hint', (errno, code, hint) => {
  const error = fileError('/data/journal/x', 'write', Object.assign(new Error('no'), { code: errno }))
  expect(error).toMatchObject({ code, hint: expect.stringContaining(hint) as string })
  expect(error.message).toContain('/data/journal/x')
  expect(error.message).toContain(errno)
})
