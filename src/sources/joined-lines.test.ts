import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { RECORD_LIMIT_BYTES } from '../formats/limits.ts'
import { FileLines } from './file-lines.ts'
import { JoinedLines } from './joined-lines.ts'

const indented = { continues: (line: Uint8Array) => line[0] === 0x09 }

async function aFile(text: string, offset = 0) {
  const folder = await mkdtemp(join(tmpdir(), 'whodid-joined-'))
  const path = join(folder, 'log')
  await writeFile(path, text)
  const handle = await open(path)
  onTestFinished(async () => {
    await handle.close()
    await rm(folder, { recursive: true, force: true })
  })
  const lines = new JoinedLines(new FileLines(handle, offset, true), indented)
  const grow = async (more: string): Promise<void> => writeFile(path, more, { flag: 'a' })
  return { lines, grow }
}

function textsOf(records: readonly { readonly bytes: Uint8Array }[]): readonly string[] {
  return records.map(({ bytes }) => Buffer.from(bytes).toString('latin1'))
}

test('gives a record out once the next line begins another, with the bytes that it has in the file', async () => {
  const { lines } = await aFile('one\r\n\ttwo\n\t\r\n\tthree\r\nfour\n\tfive\n')
  const { lines: records, atEnd } = await lines.next(100, 1e6, 0)
  expect(textsOf(records)).toEqual(['one\r\n\ttwo\n\t\r\n\tthree'])
  expect(records.map(({ start, end }) => [start, end])).toEqual([[0, 21]])
  expect(atEnd).toBe(true)
})

test('holds the last record until the file has been quiet for a second', async () => {
  const { lines, grow } = await aFile('one\n')
  expect((await lines.next(100, 1e6, 5000)).lines).toEqual([])
  expect(lines.whenQuiet(5900)).toEqual([])
  await grow('\ttwo\n')
  expect((await lines.next(100, 1e6, 5950)).lines).toEqual([])
  expect(lines.whenQuiet(6900)).toEqual([])
  expect(textsOf(lines.whenQuiet(6950))).toEqual(['one\n\ttwo'])
  expect(lines.isHolding).toBe(false)
})

test('waits longer while the file ends within a line, which may go on with the record', async () => {
  const { lines, grow } = await aFile('one\n\ttw')
  await lines.next(100, 1e6, 0)
  expect(lines.whenQuiet(5000)).toEqual([])
  await grow('o\nthree\n')
  expect(textsOf((await lines.next(100, 1e6, 5000)).lines)).toEqual(['one\n\ttwo'])
})

test('a line that goes on with nothing is a record of its own', async () => {
  const { lines } = await aFile('\tlost\nnext\nlast\n')
  expect(textsOf((await lines.next(100, 1e6, 0)).lines)).toEqual(['\tlost', 'next'])
})

test('passes over what a record has beyond the limit, and keeps more than the limit so that it is seen', async () => {
  const { lines } = await aFile(`first\n${`\t${'x'.repeat(999)}\n`.repeat(3000)}second\nthird\n`)
  const found: { bytes: Uint8Array; start: number; end: number }[] = []
  for (let atEnd = false; !atEnd;) {
    const read = await lines.next(1000, 1e6, 0)
    found.push(...read.lines)
    atEnd = read.atEnd
  }
  expect(found.length).toBe(2)
  expect(found[0]?.bytes.length).toBeGreaterThan(RECORD_LIMIT_BYTES)
  expect(found[0]?.bytes.length).toBeLessThan(RECORD_LIMIT_BYTES + 2000)
  expect(found[1]).toMatchObject({ start: 6 + 3000 * 1001, bytes: Buffer.from('second') })
})

test('leaves blank lines between records out, and gives out everything of a file that has ended', async () => {
  const { lines } = await aFile('one\n\n \nend\n\tof it')
  expect(textsOf((await lines.next(100, 1e6, 0)).lines)).toEqual(['one'])
  expect(textsOf(lines.rest())).toEqual(['end\n\tof it'])
  expect(lines.rest()).toEqual([])
})
