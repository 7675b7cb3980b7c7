import { expect, test } from 'vitest'
import type { Receipt } from '../../src/domain/answers.ts'
import { AuditError } from '../../src/domain/errors.ts'
import { leavesOf } from '../../src/ingest/payload.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { Files } from '../../src/lib/files.ts'
import { fileError, realFiles } from '../../src/lib/real-files.ts'
import { parseLeaf } from '../../verify/index.ts'
import { type AServer, aFolder, aServer, movableClock } from '../a-server.ts'
import { aWritePath, anEvent } from '../a-write-path.ts'
import { type Fault, faultyFiles } from '../faulty-files.ts'

/** No engine: these tests are about what stands before the store, which nobody answers for. */
const NO_STORE = { store: { url: 'http://127.0.0.1:1' } }

/** Waits are a hundredth of what they are; the time of day is the real one. */
const hasty: Clock = { now: () => systemClock.now(), later: (ms, call) => systemClock.later(ms / 100, call) }

const ERRNOS = ['ENOSPC', 'EROFS', 'EACCES', 'EIO', 'EDQUOT'] as const
const APPLIED = ['no', 'half', 'yes'] as const

test('whatever a write answers, and whichever it is: all that was acknowledged is there afterwards, and the reason is told', async () => {
  let outcomes = { refusedStarts: 0, ended: 0, untouched: 0 }
  // Every fourth: with each of the errors, and each of the ways to fail.
  for (let at = 1; outcomes.untouched === 0; at += 4) {
    const fault = { at, errno: ERRNOS[at % ERRNOS.length] ?? 'EIO', applied: APPLIED[at % APPLIED.length] ?? 'no' }
    outcomes = count(outcomes, await liveWith(fault))
  }
  expect(outcomes.refusedStarts).toBeGreaterThan(3)
  expect(outcomes.ended).toBeGreaterThan(3)
}, 120_000)

test.each([
  ['the ledger', (path: string) => path.endsWith('/checkpoint')],
  ['the journal', (path: string) => path.endsWith('.wdj')],
])('when %s cannot be written at the end of a month the server ends: nobody waits for ever', async (_, isMeant) => {
  const clock = movableClock(Date.parse('2026-11-30T23:59:00.000Z'))
  const disk = breakableFiles(isMeant)
  const hastyClock = { ...clock, later: (ms: number, call: () => void) => hasty.later(ms, call) }
  const whodid = await aServer({ clock: hastyClock, files: disk.files, config: NO_STORE })
  await whodid.send(anEvent(1))
  disk.break()
  clock.moveTo(Date.parse('2026-12-01T00:00:01.000Z'))

  const answer = await whodid.call('POST', '/v1/events', JSON.stringify(anEvent(2)))
  expect(answer.status).toBeGreaterThanOrEqual(500)
  await expect(whodid.server.failed).rejects.toThrow(/the disk is full/)
  await whodid.server.close()
})

test('a server ends while its store has never answered, and loses nothing', async () => {
  const data = aFolder()
  const whodid = await aServer({ data, clock: hasty, config: NO_STORE })
  const { results } = await whodid.send([anEvent(1), anEvent(2)])
  await whodid.server.close()
  await whodid.server.close()
  await expectThere(data, [{ results }])
})

/** Starts a server on a disk that fails once, uses it, ends it, and looks for all that was acknowledged. */
async function liveWith(fault: Fault): Promise<'refusedStarts' | 'ended' | 'untouched'> {
  const data = aFolder()
  const files = faultyFiles(realFiles, fault)
  const acknowledged: Pick<Receipt, 'results'>[] = []
  const { outcome, reason } = await life(data, files, acknowledged)
  if (outcome !== 'untouched') {
    expect(reason).toBeInstanceOf(AuditError)
    expect(String(reason)).toContain('(injected)')
    expect(String(reason)).toContain(data)
  }
  await expectThere(data, acknowledged)
  return outcome
}

async function life(data: string, files: Files, acknowledged: Pick<Receipt, 'results'>[]) {
  let whodid: AServer
  try {
    whodid = await aServer({ data, files, clock: hasty, config: NO_STORE })
  } catch (reason) {
    return { outcome: 'refusedStarts' as const, reason }
  }
  const failed = whodid.server.failed.then(
    () => undefined,
    (reason: unknown) => ({ outcome: 'ended' as const, reason }),
  )
  const outcome = await Promise.race([failed, use(whodid, acknowledged)])
  await whodid.server.close()
  return outcome ?? { outcome: 'untouched' as const, reason: undefined }
}

/** A few batches, and time for the ledger to be written in between. */
async function use(whodid: AServer, acknowledged: Pick<Receipt, 'results'>[]): Promise<undefined> {
  for (let n = 0; n < 3; n++) {
    const sent = Array.from({ length: 150 }, (_, each) => anEvent(`${n}-${each}`))
    const answer = await whodid.call('POST', '/v1/events', JSON.stringify(sent))
    if (answer.status === 200) acknowledged.push(answer.json<Receipt>())
    else expect(answer.status).toBeGreaterThanOrEqual(429)
    await new Promise<void>((resolve) => hasty.later(2500, resolve))
  }
  return undefined
}

/** Files of which some cannot be written any more from some time on. */
function breakableFiles(isMeant: (path: string) => boolean): { readonly files: Files; break(): void } {
  let isBroken = false
  const refuse = (path: string): void => {
    if (isBroken && isMeant(path)) throw fileError(path, 'write', Object.assign(new Error('full'), { code: 'ENOSPC' }))
  }
  return {
    break: () => (isBroken = true),
    files: {
      ...realFiles,
      async replace(path, bytes) {
        refuse(path)
        await realFiles.replace(path, bytes)
      },
      async open(path) {
        const file = await realFiles.open(path)
        return {
          path,
          get sizeBytes() {
            return file.sizeBytes
          },
          async append(parts) {
            refuse(path)
            await file.append(parts)
          },
          sync: () => file.sync(),
          truncate: (size) => file.truncate(size),
          close: () => file.close(),
        }
      },
    },
  }
}

/** Opens the folder as the next server would, and looks at the leaves that the journal holds. */
async function expectThere(data: string, acknowledged: readonly Pick<Receipt, 'results'>[]): Promise<void> {
  const next = await aWritePath({ folder: data })
  const leaves = new Map<string, string>()
  for (const frame of await next.frames()) {
    for (const [n, leaf] of leavesOf(frame).entries()) {
      const place = `${frame.header.log} ${(frame.header.first ?? 0) + n}`
      expect(leaves.has(place)).toBe(false)
      leaves.set(place, parseLeaf(Buffer.from(leaf).toString()).id)
    }
  }
  for (const result of acknowledged.flatMap(({ results }) => results)) {
    if (!('id' in result)) throw new Error(`not kept: ${JSON.stringify(result)}`)
    expect(leaves.get(`${result.log} ${result.index}`)).toBe(result.id)
  }
  await next.close()
}

type Outcomes = Readonly<Record<'refusedStarts' | 'ended' | 'untouched', number>>

function count(outcomes: Outcomes, outcome: keyof Outcomes): Outcomes {
  return { ...outcomes, [outcome]: outcomes[outcome] + 1 }
}
