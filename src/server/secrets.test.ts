import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { aFolder } from '../../test/a-server.ts'
import { secretOf } from './sources.ts'

test('an empty secret is none: whoever shows nothing would know it', async () => {
  vi.stubEnv('WHODID_TEST_SECRET', '')
  const file = join(aFolder(), 'secret')
  await writeFile(file, '\n')
  for (const ref of [{ env: 'WHODID_TEST_SECRET' }, { file }]) {
    expect(() => secretOf('source edge', ref)).toThrow(expect.objectContaining({ code: 'invalid_config' }))
  }
  await writeFile(file, 'secret\n')
  expect(secretOf('source edge', { file })).toBe('secret')
  vi.unstubAllEnvs()
})
