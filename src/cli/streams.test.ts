import { expect, test } from 'vitest'

import { ran } from '../../test/a-command.ts'
import { aServer } from '../../test/a-server.ts'

test('streams are kept for other times, held, and let go of on the command line', async () => {
  const whodid = await aServer({ config: { streams: [{ name: 'fixed', keep: '90d', period: 'day' }] } })
  const on = (...args: readonly string[]) => ran([...args, '--data', whodid.data])
  await whodid.send([{ event: { action: 'read', outcome: 'success' } }])
  await whodid.find('-source:whodid', 1)

  expect(await on('streams', 'keep', 'default', '2y', '--basis', 'contract 7')).toMatchObject({
    code: 0,
    err: 'default is kept 730 days\n',
  })
  expect(await on('streams', 'keep', 'default', 'soon')).toMatchObject({ code: 2 })
  expect(await on('streams', 'keep', 'No Stream', '1y')).toMatchObject({ code: 2 })
  const never = ['--from', '2026-02-01T00:00:00Z', '--until', '2026-01-01T00:00:00Z', '--reason', 'x']
  expect(await on('hold', 'add', '--stream', 'default', ...never)).toMatchObject({ code: 2 })
  expect(await on('streams', 'keep', 'fixed', '1y')).toMatchObject({
    code: 1,
    err: expect.stringContaining('the configuration says how long fixed is kept'),
  })

  const shorter = await on('streams', 'keep', 'default', '30d', '--basis', 'contract 8')
  expect(shorter).toMatchObject({ code: 1, err: expect.stringContaining('default would be kept 30 days, not 730') })
  const waiting = await on('streams', 'waiting')
  expect(waiting.out).toContain('default would be kept 30 days, not 730')
  expect(await on('streams', 'confirm', idIn(shorter.err))).toMatchObject({ code: 0 })
  expect((await on('streams', 'waiting')).err).toBe('nothing waits\n')
  expect(await on('streams', 'refuse', 'nobody', '--reason', 'x')).toMatchObject({ code: 1 })

  const held = await on('hold', 'add', '--stream', 'default', '--from', '2026-01-01T00:00:00Z', '--reason', 'case 4711')
  expect(held.code).toBe(0)
  const hold = held.out.trim()
  const listed = await on('streams', 'list')
  expect(listed.out).toMatch(new RegExp(`^default +30d +contract 8 +month +\\d+ +0 .*${hold}$`, 'm'))
  expect(listed.out).toMatch(/^fixed +90d +day +0 +0$/m)
  expect((await on('hold', 'list')).out).toMatch(
    new RegExp(`^${hold} +default +2026-01-01T00:00:00.000Z .*case 4711$`, 'm'),
  )

  const release = await on('hold', 'release', hold, '--reason', 'closed')
  expect(release).toMatchObject({ code: 1, err: expect.stringContaining('the hold on default would be released') })
  expect(await on('streams', 'refuse', idIn(release.err), '--reason', 'too early')).toMatchObject({ code: 0 })
  expect(JSON.parse((await on('hold', 'list', '-o', 'json')).out)).toMatchObject({
    holds: [{ id: hold, at: expect.anything() }],
  })
  expect(await on('streams', 'confirm', idIn(release.err))).toMatchObject({ code: 1 })

  expect(await on('streams', 'prune', '--dry-run')).toMatchObject({ code: 0, out: '', err: 'nothing would go\n' })
  expect(await on('streams', 'prune')).toMatchObject({ code: 0, out: '', err: 'nothing went\n' })
  expect(await on('streams', 'prune', '--log', 'x')).toMatchObject({ code: 2 })
}, 60_000)

function idIn(text: string): string {
  return /streams confirm (\S+)/.exec(text)?.[1] ?? ''
}
