import { describe, expect, onTestFinished, test } from 'vitest'
import { imbalance } from '../../src/domain/accounting.ts'
import type { EventPage, Receipt, RejectedAnswer, SourceAnswer } from '../../src/domain/answers.ts'
import { parseSource } from '../../src/sources/kinds.ts'
import { type AServer, aFolder, aServer, until } from '../a-server.ts'
import { type JumpingClock, jumpingClock } from '../jumping-clock.ts'

/** One source in a real server, and its far side as the far side itself would do it. */
export interface FarSender {
  /**
   * Delivers that many good records that were never sent before, one event each. Does what the real far side does when it
   * is told to wait (try again later), and resolves when it is satisfied: a sender that is answered once it was answered
   * well, one that is followed (a file, a topic) as soon as its records lie there.
   */
  send(count: number): Promise<unknown>
  /** Delivers one record that can become no event; resolves like `send`, also where the answer is a refusal. */
  sendBad(): Promise<unknown>
  /**
   * Delivers the records of the last `send` once more, as after an answer that was lost. Left out: the far side cannot
   * (a file that is followed by its offset).
   */
  again?(): Promise<unknown>
}

export interface ReceiverContract {
  /** Its entry under `sources:`; made anew for every test, so a port or a path may be another one each time. */
  readonly config: (folder: string) => Readonly<Record<string, unknown>> & { readonly name: string }
  /** The far side of the server that runs; what it opens is closed when the test ends. */
  readonly farSide: (server: AServer, folder: string) => FarSender | Promise<FarSender>
  readonly role: SourceAnswer['role']
  /** What `listens` says, where it listens. */
  readonly listens?: RegExp
  /** The reason for which the bad record is rejected. */
  readonly badReason: string
  /** Whether this lag is right while so many records wait at the far side. Left out: nothing can be known of it. */
  readonly isBehind?: (lag: NonNullable<SourceAnswer['lag']>, records: number) => boolean
}

/** Small, so that it is full soon; its files are an eighth of it. */
const JOURNAL_BYTES = 1024 * 1024
const FILLER_BYTES = 50_000

/**
 * What every source must do in a running server, seen from outside. Its own test file calls this with its far side; tests
 * with the real program can as well.
 */
export function receiverContract(contract: ReceiverContract): void {
  describe('as every source in a server', () => {
    test('is told to wait until the journal has room, then everything arrives; lag, last record and rejected are right throughout', async () => {
      const { server, far, seen, clock } = await start(contract)
      const before = await seen()
      expect(before).toMatchObject({
        role: contract.role,
        state: contract.role === 'receiver' || contract.listens !== undefined ? 'listening' : 'working',
        accounting: { received: 0, kept: 0, duplicate: 0, rejected: {} },
      })
      expect(before.lastRecord).toBeUndefined()
      expectLag(contract, before, 0)
      if (contract.listens !== undefined) expect(before.listens).toMatch(contract.listens)

      const began = clock.now()
      await far.send(3)
      await far.sendBad()
      const filled = await until(async () => (await seen()).accounting.received >= 4 && seen())
      expect(filled.accounting).toMatchObject({ received: 4, kept: 3, rejected: { [contract.badReason]: 1 } })
      expect(Date.parse(filled.lastRecord ?? '')).toBeGreaterThanOrEqual(Math.floor(began))
      expect(imbalance(filled.accounting)).toBe(0)

      const [rejected] = await until(async () => {
        const list = await rejectedOf(server, filled.name)
        return list.length > 0 && list
      })
      expect(rejected).toMatchObject({ reason: contract.badReason })

      await fillJournal(server)
      const sending = Promise.resolve(far.send(5))
      // Whatever becomes of it, it is awaited below.
      sending.catch(() => undefined)
      const waiting = await until(async () => {
        const now = await seen()
        return now.state === 'waiting' && isLagSeen(contract, now, 5) && now
      })
      expect(waiting.reason).toContain('the journal is full')
      expect(waiting.accounting).toEqual(filled.accounting)
      expect(waiting.lastRecord).toBe(filled.lastRecord)

      await makeRoom(server, clock)
      const after = await until(async () => {
        const now = await seen()
        if (now.accounting.kept < 8) clock.jump(5000)
        return now.accounting.kept >= 8 && isLagSeen(contract, now, 0) && now
      })
      await sending
      // The last answer may have been on its way.
      await until(async () => (await seen()).state === before.state)
      expect(after.accounting).toMatchObject({ kept: 8, rejected: { [contract.badReason]: 1 } })
      expect(imbalance(after.accounting)).toBe(0)
      expect(Date.parse(after.lastRecord ?? '')).toBeGreaterThan(Date.parse(filled.lastRecord ?? ''))
      const events = await server.find(`source:${before.name}`, 8)
      expect(new Set(events.map(({ event }) => event.id)).size).toBe(8)
    })

    test('stores once what it is sent again', async () => {
      const { server, far, seen } = await start(contract)
      await far.send(3)
      await until(async () => (await seen()).accounting.kept >= 3)
      if (far.again !== undefined) {
        await far.again()
        await until(async () => (await seen()).accounting.duplicate >= 3)
      }
      const { accounting, name } = await seen()
      expect(accounting).toMatchObject({ kept: 3, events: 3, duplicate: far.again === undefined ? 0 : 3 })
      expect(imbalance(accounting)).toBe(0)
      await server.find(`source:${name}`, 3)
      expect((await eventsOf(server, name)).events).toHaveLength(3)
    })

    test('goes on with its account and its last record after a restart', async () => {
      const first = await start(contract)
      await first.far.send(2)
      const before = await until(async () => (await first.seen()).accounting.kept >= 2 && first.seen())
      await first.server.server.close()

      const again = await start(contract, first.folder)
      const after = await again.seen()
      expect(after.accounting).toEqual(before.accounting)
      expect(after.lastRecord).toBe(before.lastRecord)
      await again.far.send(2)
      const more = await until(async () => (await again.seen()).accounting.kept >= 4 && again.seen())
      expect(more.accounting.events).toBe(4)
      expect(imbalance(more.accounting)).toBe(0)
    })
  })
}

async function start(contract: ReceiverContract, folder = aFolder()) {
  const clock = jumpingClock()
  const entry = contract.config(folder)
  const server = await aServer({
    data: `${folder}/.whodid`,
    clock,
    config: { sources: [parseSource(entry)], journalBytes: JOURNAL_BYTES },
  })
  const far = await contract.farSide(server, folder)
  const seen = async (): Promise<SourceAnswer> =>
    (await server.call('GET', `/v1/sources/${entry.name}`)).json<SourceAnswer>()
  return { server, far, seen, clock, folder }
}

function expectLag(contract: ReceiverContract, seen: SourceAnswer, records: number): void {
  expect({ lag: seen.lag, isRight: isLagSeen(contract, seen, records) }).toMatchObject({ isRight: true })
}

/** A lag of nothing may be left out. */
function isLagSeen({ isBehind }: ReceiverContract, { lag }: SourceAnswer, records: number): boolean {
  if (isBehind === undefined) return lag === undefined
  if (records === 0) return Object.values(lag ?? {}).every((each) => each === 0)
  return lag !== undefined && isBehind(lag, records)
}

/** Until senders are told to wait. */
async function fillJournal(server: AServer): Promise<void> {
  for (let n = 0; ; n++) {
    const filler = JSON.stringify({ event: { action: 'fill', id: `filler-${n}` }, message: noise(FILLER_BYTES) })
    const answer = await server.call('POST', '/v1/events', filler, { 'content-type': 'application/json' })
    if (answer.status === 429) return
    if (answer.status !== 200) throw new Error(`filling the journal: ${answer.status} ${answer.text}`)
    answer.json<Receipt>()
  }
}

function noise(length: number): string {
  return Array.from({ length: length / 10 }, () => Math.random().toString(36).slice(2, 12).padEnd(10, '0')).join('')
}

/** Journal files go when ledger and store have them and they are older than the window of duplicates. */
async function makeRoom(server: AServer, clock: JumpingClock): Promise<void> {
  clock.jump(11 * 60_000)
  await until(async () => {
    clock.jump(16_000)
    const { reasons } = (await server.call('GET', '/readyz')).json<{ reasons: readonly string[] }>()
    return !reasons.some((reason) => reason.includes('the journal is full'))
  })
}

async function rejectedOf(server: AServer, source: string): Promise<readonly RejectedAnswer[]> {
  return (await server.call('GET', `/v1/sources/${source}/rejected`)).json<{ rejected: RejectedAnswer[] }>().rejected
}

async function eventsOf(server: AServer, source: string): Promise<EventPage> {
  return (
    await server.call('GET', `/v1/events?limit=1000&q=${encodeURIComponent(`source:${source}`)}`)
  ).json<EventPage>()
}

/** Tries again, as senders do, until the answer is another one than 429; for far sides that speak HTTP. */
export async function insist(post: () => Promise<{ readonly status: number }>): Promise<number> {
  const ended = new AbortController()
  onTestFinished(() => ended.abort())
  return until(async () => {
    if (ended.signal.aborted) throw new Error('the test ended before the sender was answered')
    const { status } = await post()
    return status !== 429 && status
  })
}
