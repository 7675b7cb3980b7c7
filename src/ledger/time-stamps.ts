import { randomBytes } from 'node:crypto'
import {
  type Certificate,
  VerifyError,
  formatTimeStampRequest,
  parseCheckpoint,
  parseNote,
  parseTimeStamp,
  verifyTimeStamp,
} from '../../verify/index.ts'
import type { TimeStampAnswer } from '../domain/answers.ts'
import { formatMillis } from '../domain/time.ts'
import { type Clock, pause } from '../lib/clock.ts'
import type { ClockWatch } from './clock-watch.ts'
import type { RootHead } from './root-writer.ts'
import { sha256 } from './sha256.ts'
import type { StampFiles } from './stamp-files.ts'

/** RFC 3161 time stamps over the root log every so often, and over each log's last checkpoint once it is closed. */
export interface TimeStamps {
  /** Works until `signal` aborts. Rejects only when a time stamp could not be written. */
  run(signal: AbortSignal): Promise<void>
  standing(): TimeStampAnswer
  /** In words for an operator: what is missing. */
  reasons(): readonly string[]
}

export interface TimeStampsDeps {
  readonly url: string
  readonly everyMs: number
  /** Certificates that are believed; undefined: whoever signs is, and only the signature is checked. */
  readonly believed?: readonly Certificate[]
  /** PEM of those. */
  readonly chain?: string
  /** Object identifier that is asked for and wanted; undefined: the authority's own choice. */
  readonly policy?: string
  readonly root: () => RootHead | undefined
  /** Logs that are closed and signed to their end. */
  readonly closed: () => readonly { readonly origin: string; readonly note: string }[]
  readonly stamps: StampFiles
  readonly clocks: Pick<ClockWatch, 'heard'>
  readonly fetch: typeof fetch
  readonly clock: Clock
  readonly log: (message: string) => void
  readonly alarm: (kind: 'missing' | 'back', message: string) => void
}

const LOOK_MS = 1000
const TIMEOUT_MS = 10_000
const FIRST_RETRY_MS = 1000
const LONGEST_RETRY_MS = 60_000
const ALARM_MS = 600_000
const MAX_ANSWER_BYTES = 64 * 1024

interface Wanted {
  readonly origin: string
  readonly size: number
  readonly note: string
}

export function createTimeStamps(deps: TimeStampsDeps): TimeStamps {
  const { clock, everyMs, stamps } = deps
  let last: { readonly size: number; readonly timeMs: number } | undefined
  let dueAt = -Infinity
  let failing:
    | { readonly since: number; readonly reason: string; readonly times: number; readonly again: number }
    | undefined
  let isAlarmed = false
  /** Closed logs that have theirs, so that nobody looks again. */
  const done = new Set<string>()

  /** What should be stamped now, the root log first. */
  async function wanted(): Promise<Wanted | undefined> {
    const head = deps.root()
    const newest = head?.cosigned ?? head
    if (head !== undefined && newest !== undefined && clock.now() >= dueAt) {
      if (newest.size > (last?.size ?? 0)) return { origin: head.origin, size: newest.size, note: newest.note }
      dueAt = clock.now() + everyMs
    }
    for (const { origin, note } of deps.closed()) {
      if (done.has(origin)) continue
      const { size } = parseCheckpoint(parseNote(note).text)
      if (!(await stamps.sizes(origin)).includes(size)) return { origin, size, note }
      done.add(origin)
    }
    return undefined
  }

  async function stamp({ origin, size, note }: Wanted, signal: AbortSignal): Promise<void> {
    const { response, timeMs } = await ask(deps, Buffer.from(note), signal)
    await stamps.save(origin, size, { note, response, chain: deps.chain ?? '' })
    if (deps.root()?.origin !== origin) return
    last = { size, timeMs }
    dueAt = clock.now() + everyMs
  }

  function failed(reason: string): void {
    const times = (failing?.times ?? 0) + 1
    const wait = Math.min(FIRST_RETRY_MS * 2 ** Math.min(times - 1, 10), LONGEST_RETRY_MS)
    if (failing?.reason !== reason) deps.log(`no time stamp from ${deps.url}: ${reason}`)
    failing = { since: failing?.since ?? clock.now(), reason, times, again: clock.now() + wait }
    if (isAlarmed || clock.now() - failing.since < Math.min(ALARM_MS, everyMs)) return
    isAlarmed = true
    deps.alarm('missing', `no time stamp since ${formatMillis(failing.since)}: ${reason}`)
  }

  function succeeded(): void {
    failing = undefined
    if (isAlarmed) deps.alarm('back', 'the time stamp authority answers again')
    isAlarmed = false
  }

  async function look(signal: AbortSignal): Promise<void> {
    if (failing !== undefined && clock.now() < failing.again) return
    const next = await wanted()
    if (next === undefined) return
    try {
      await stamp(next, signal)
      succeeded()
    } catch (error) {
      if (signal.aborted) return
      const reason = reasonOf(error)
      if (reason === undefined) throw error
      failed(reason)
    }
  }

  /** After a restart the one before counts. */
  async function resume(): Promise<void> {
    const head = deps.root()
    const size = head && (await stamps.sizes(head.origin)).at(-1)
    const kept = head && size !== undefined ? await stamps.read(head.origin, size) : undefined
    if (size === undefined || kept === undefined) return
    try {
      last = { size, timeMs: parseTimeStamp(kept.response).timeMs }
      dueAt = last.timeMs + everyMs
    } catch (error) {
      if (!(error instanceof VerifyError)) throw error
    }
  }

  return {
    async run(signal) {
      await resume()
      while (!signal.aborted) {
        await look(signal)
        await pause(clock, LOOK_MS, signal)
      }
    },
    standing: () => ({
      state: failing === undefined ? (last === undefined ? 'waiting' : 'stamped') : 'failing',
      ...(last !== undefined && { size: last.size, at: formatMillis(last.timeMs) }),
      ...(Number.isFinite(dueAt) && { next: formatMillis(dueAt) }),
      ...(failing !== undefined && { reason: failing.reason }),
    }),
    reasons: () =>
      failing === undefined ? [] : [`no time stamp since ${formatMillis(failing.since)}: ${failing.reason}`],
  }
}

/** Nothing that the authority says is kept unchecked. */
async function ask(
  { url, policy, believed, fetch, clock, clocks }: TimeStampsDeps,
  data: Uint8Array,
  signal: AbortSignal,
): Promise<{ response: Uint8Array; timeMs: number }> {
  const imprint = sha256(data)
  const nonce = randomBytes(8)
  // A positive number of eight bytes.
  nonce[0] = 0x40 | ((nonce[0] ?? 0) & 0x3f)
  const sentMs = clock.now()
  const answer = await fetch(url, {
    method: 'POST',
    body: new Uint8Array(formatTimeStampRequest(imprint, nonce, policy === undefined ? undefined : oidBytes(policy))),
    headers: { 'content-type': 'application/timestamp-query', accept: 'application/timestamp-reply' },
    redirect: 'error',
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  })
  const response = await boundedBytes(answer)
  const receivedMs = clock.now()
  if (answer.status !== 200) throw new VerifyError('unreadable', `it answers ${answer.status}`)
  const stamp = parseTimeStamp(response)
  await verifyTimeStamp(stamp, {
    imprint,
    nonce: nonce.toString('hex'),
    ...(policy !== undefined && { policy }),
    chain: believed ?? [],
    ...(believed !== undefined && { believed }),
  })
  const { timeMs, accuracyMs = 0 } = stamp
  // A time without a fraction was cut to the second.
  const exactMs = timeMs % 1000 === 0 ? 1000 : 1
  clocks.heard('the time stamp authority', timeMs - accuracyMs, exactMs + 2 * accuracyMs, sentMs, receivedMs)
  return { response, timeMs }
}

async function boundedBytes(answer: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of answer.body ?? []) {
    size += part.length
    if (size > MAX_ANSWER_BYTES)
      throw new VerifyError('too_large', `it answers with more than ${MAX_ANSWER_BYTES} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** Content of an OBJECT IDENTIFIER in DER. */
function oidBytes(text: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  return Uint8Array.from([first * 40 + second, ...rest].flatMap(base128))
}

function base128(arc: number): readonly number[] {
  const digits = [arc % 128]
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift(128 + (left % 128))
  return digits
}

/** Undefined: a fault of ours or of this disk, which goes on. */
function reasonOf(error: unknown): string | undefined {
  if (error instanceof VerifyError) return error.message
  if (!(error instanceof Error)) return undefined
  if (error.name === 'TimeoutError') return 'it did not answer in time'
  // fetch says only that it failed; the cause says why.
  if (error instanceof TypeError)
    return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message
  return undefined
}
