import { expect, onTestFinished, test } from 'vitest'
import { aFolder, until } from '../../test/a-server.ts'
import { API, aWritePath, anEvent } from '../../test/a-write-path.ts'
import { AuditError } from '../domain/errors.ts'
import { createFeed } from '../journal/feed.ts'
import { openRejectedRecords, type RejectedRecords } from '../state/rejected-records.ts'
import { createRejectedFollower } from './follow-rejected.ts'
import type { RejectedDesk } from './rejected-desk.ts'

type Desk = Pick<RejectedDesk, 'readUpTo' | 'add'>

/** The database as the follower sees it, in this thread; `fail` stands before each commit, `fail.after` behind it. */
function aDesk(records: RejectedRecords, fail: { before?: () => void; after?: () => void } = {}): Desk {
  return {
    readUpTo: async () => records.readUpTo(),
    async add(...args) {
      fail.before?.()
      const gone = records.add(...args)
      fail.after?.()
      return gone
    },
  }
}

async function aFollower(options: Parameters<typeof aDesk>[1] = {}) {
  const folder = aFolder()
  const path = await aWritePath({ folder })
  const records = openRejectedRecords({ folder, maxBytes: 1_000_000, keepMs: 1e12 })
  onTestFinished(() => records.close())
  const lines: string[] = []
  const open = () => {
    const ended = new AbortController()
    const follower = createRejectedFollower({
      feed: createFeed(path.journal),
      journal: path.journal,
      desk: aDesk(records, options),
      clock: { now: () => Date.now(), later: (_, call) => (setImmediate(call), { cancel: () => undefined }) },
      log: (line) => lines.push(line),
    })
    const running = follower.run(ended.signal)
    const stop = async () => {
      ended.abort()
      await running
    }
    // One that was crashed has said so already.
    onTestFinished(() => stop().catch(() => undefined))
    return { follower, running, stop }
  }
  const kept = () => records.list('api', undefined, undefined, 1000)
  const has = (count: number) => until(async () => kept().length >= count && kept())
  return { ...path, open, kept, has, lines, records }
}

test('brings what frames hold of rejected records to its place, oldest first, and nothing of what was taken', async () => {
  const path = await aFollower()
  path.open()
  await path.send([anEvent(1), 'no JSON', anEvent(2), '[7]'])
  await path.send([anEvent(3)])
  await path.send(['no JSON either'])
  expect((await path.has(3)).map(({ reason }) => reason)).toEqual(['not_json', 'wrong_type', 'not_json'])
})

test('a crash behind a commit repeats nothing, and one before it loses nothing', async () => {
  let crashes = 0
  const crash = (): void => {
    if (crashes++ === 0) throw new Error('the process ends here')
  }
  for (const fail of [{ before: crash }, { after: crash }]) {
    crashes = 0
    const path = await aFollower(fail)
    await path.send(['no JSON', '[7]'])
    await expect(path.open().running).rejects.toThrow('the process ends here')
    const { follower } = path.open()
    await path.send(['no JSON'])
    await path.has(3)
    await until(async () => follower.passedFeed >= path.journal.nextFeed)
    expect(path.kept()).toHaveLength(3)
  }
})

test('while its database cannot be written, the journal keeps what it has, and it is tried again', async () => {
  let isFull = true
  const before = (): void => {
    if (isFull) throw new AuditError('disk_full', 'no space left')
  }
  const path = await aFollower({ before })
  const { follower } = path.open()
  await path.send([anEvent(1), anEvent(2)])
  await until(async () => follower.passedFeed >= path.journal.nextFeed)
  const end = path.journal.nextFeed
  await path.send(['no JSON'])
  await until(async () => path.lines.length > 0)
  // The frame has no event, so it has the feed number of the next one: whoever lets go of that must not let go of it.
  expect(path.journal.nextFeed).toBe(end)
  expect(follower.passedFeed).toBe(end - 1)
  expect(path.lines[0]).toBe('rejected records wait in the journal; next try in 10 s: no space left')
  isFull = false
  await path.has(1)
  await until(async () => follower.passedFeed === end)
})

test('keeps none twice when it starts behind what it has', async () => {
  const path = await aFollower()
  await path.send(['no JSON', anEvent(1)])
  const first = path.open()
  await path.has(1)
  await first.stop()
  path.open()
  await path.send(['[7]'])
  await path.has(2)
  expect(path.kept()).toHaveLength(2)
})

test('of an envelope that was taken but for an item the item is kept, and the account says that it was taken', async () => {
  const path = await aFollower()
  path.open()
  const item = (auditID: string): string =>
    `{"level":"Metadata","auditID":"${auditID}","stage":"ResponseComplete","verb":"get","user":{"username":"ada"},"requestURI":"/x"}`
  const list = `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[${item('1')},7,${item('2')}]}`
  const receipt = await path.writer.emitFor(API)([{ bytes: Buffer.from(list), format: 'kubernetes-audit' }])
  expect(receipt).toMatchObject({ received: 1, kept: 1, rejected: 0 })
  const [kept] = await path.has(1)
  expect(kept?.message).toMatch(/^a part of it: /)
  // What became events is not kept twice, so what is left can be fed again by itself.
  expect(kept).toMatchObject({ held: 1, whole: 1, more: '{}' })
})
