import { join } from 'node:path'
import { expect, test } from 'vitest'

import { ran } from '../a-command.ts'
import { aFolder, aServer } from '../a-server.ts'

test('a pack is made and verified', async () => {
  const folder = aFolder()
  const server = await aServer()
  await server.send({
    event: { action: 'delete', outcome: 'success' },
    user: { name: 'ada', id: 'u-1' },
    source: { ip: '203.0.113.9' },
  })
  await server.send({ event: { action: 'create', outcome: 'success' }, user: { name: 'bob' } })
  await server.find('actor:ada', 1)
  const pack = join(folder, 'a.tar')
  const made = await ran(['evidence', 'create', '--query', 'actor:ada', '--data', server.data, '-O', pack])
  const checked = await ran(['verify', pack])
  expect(checked.code).toBe(0)
})
