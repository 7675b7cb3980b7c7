import { expect, test } from 'vitest'
import { faultyFiles } from '../../test/faulty-files.ts'
import { seeded } from '../../test/seeded.ts'
import { createSimulatedDisk } from '../../test/simulated-disk.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)

test.each(['no', 'half', 'yes'] as const)(
  'whichever step fails (done: %s), the content is the old or the new',
  async (applied) => {
    for (let at = 1; at <= 6; at++) {
      const { files } = createSimulatedDisk(seeded(at))
      await files.replace('/data/a', bytesOf('old'))
      await expect(faultyFiles(files, { at, applied }).replace('/data/a', bytesOf('the new one'))).rejects.toThrow(
        'injected',
      )
      expect(['old', 'the new one']).toContain(new TextDecoder().decode(await files.read('/data/a')))
      await files.replace('/data/a', bytesOf('at last'))
      expect(await files.list('/data')).toEqual(['a'])
    }
  },
)

test('after any crash the content is the old or the new, and once it has returned the new', async () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed)
    const first = createSimulatedDisk(random)
    await first.files.replace('/data/a', bytesOf('old'))
    first.failAfter(random.between(0, 6))
    const isDone = await first.files.replace('/data/a', bytesOf('the new one')).then(
      () => true,
      () => false,
    )
    const found = new TextDecoder().decode(await first.crash().files.read('/data/a'))
    expect(isDone ? ['the new one'] : ['old', 'the new one']).toContain(found)
  }
})
