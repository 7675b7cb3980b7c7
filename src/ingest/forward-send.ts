import type { Feed } from '../journal/feed.ts'
import type { Journal } from '../journal/journal.ts'
import { type Clock, pause } from '../lib/clock.ts'
import { BATCH_RECORDS, batchParts, type ForwardedFrame, type ForwardedRecord } from '../sources/forward-batch.ts'
import { frameIn } from './forward-journal.ts'
import type { LinkAnswer, WriterLink } from './forward-link.ts'

/**
 * How feed numbers of the journal become numbers of an epoch: `n = feed - base`. Durable before the first record of an epoch
 * is sent.
 */
export interface Numbering {
  readonly epoch: number
  readonly base: number
  /** Everything up to this feed number is durable at the writer. */
  readonly acked: number
}

export interface ForwardSenderDeps {
  readonly journal: Pick<Journal, 'durableFeed' | 'oldestFeed'>
  readonly feed: Feed
  readonly link: WriterLink
  readonly host: string
  readonly numbering: Numbering
  /** Makes the numbers of a new epoch durable. */
  readonly save: (numbering: Numbering) => void
  readonly newEpoch: () => number
  readonly clock: Clock
  readonly log: (message: string) => void
}

export interface ForwardSender {
  readonly numbering: Numbering
  /** Sends what is in the journal, in order, until `signal` aborts. Rejects only when the journal cannot be read. */
  run(signal: AbortSignal): Promise<void>
}

const BATCH_BYTES = 4 << 20
const PIECE_RECORDS = 1000
const PIECE_BYTES = 1 << 20
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 30_000
/** What needs a person is asked less often. */
const REFUSED_PAUSE_MS = 30_000
const TELL_MS = 60_000

/** Brings the journal to the writer. What was sent and not answered is sent again, under the same numbers. */
export function createForwardSender(deps: ForwardSenderDeps): ForwardSender {
  const { journal, link, clock, log } = deps
  let numbering = deps.numbering
  /** No number behind this one was sent before this start. */
  const durableBefore = journal.durableFeed - 1 - numbering.base
  let hasSent = false
  let trouble: string | undefined
  let toldAt = 0

  /** The writer's word, also where it is less than before: then it was set back, and what is still here is kept for it. */
  function acknowledge(n: number): void {
    numbering = { ...numbering, acked: numbering.base + n }
  }

  /** Asks until there is an answer that is one. */
  async function patiently(ask: () => Promise<LinkAnswer>, signal: AbortSignal): Promise<Settled | undefined> {
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      const answer = await ask().catch(unlessAborted(signal))
      if (answer === undefined) return undefined
      if (answer.kind === 'taken' || answer.kind === 'expects') {
        if (trouble !== undefined) log('the writer takes records again')
        trouble = undefined
        return answer
      }
      tell(answer.why)
      const wait = answer.kind === 'refused' ? REFUSED_PAUSE_MS : (answer.afterMs ?? pauseMs)
      await pause(clock, Math.min(wait, LONGEST_PAUSE_MS), signal)
    }
    return undefined
  }

  /** Once for each trouble, and then once a minute how much waits. */
  function tell(why: string): void {
    if (trouble === why && clock.now() - toldAt < TELL_MS) return
    trouble = why
    toldAt = clock.now()
    const waiting = journal.durableFeed - 1 - numbering.acked
    log(`the writer takes nothing, ${waiting} records wait in the journal: ${why}`)
  }

  /** From where the writer wants to go on. */
  function resume(n: number): Start {
    if (!hasSent && n > durableBefore) beginEpoch(n)
    else acknowledge(n)
    const wanted = numbering.acked + 1
    const from = Math.max(wanted, journal.oldestFeed)
    if (from > wanted)
      log(`${from - wanted} records that the writer lacks are not in the journal any more: they are lost`)
    return { from, lost: from - wanted }
  }

  /**
   * The writer has more of this epoch than was ever written here: the data folder is an older copy of itself. What it holds
   * now under those numbers are other records, so they get numbers of their own.
   */
  function beginEpoch(n: number): void {
    const { epoch, acked } = numbering
    const base = Math.max(acked, journal.oldestFeed - 1)
    numbering = { epoch: deps.newEpoch(), base, acked: base }
    deps.save(numbering)
    const have = `the writer has ${n} records of epoch ${epoch}, and ${durableBefore} were written here`
    log(`${have}: this folder is an older copy of itself. Epoch ${numbering.epoch} begins; some records may come twice`)
  }

  async function sendFrom({ from, lost }: Start, signal: AbortSignal): Promise<void> {
    const ended = new AbortController()
    const following = AbortSignal.any([signal, ended.signal])
    const batches = batchesOf(piecesOf(deps.feed.follow(from, following), from), () => journal.durableFeed)
    let missing = lost
    try {
      for await (const pieces of batches) {
        hasSent = true
        const answer = await patiently(() => link.send(partsOf(pieces, missing), signal), signal)
        if (answer === undefined) return
        acknowledge(answer.n)
        missing = 0
        if (answer.kind === 'taken' && numbering.acked + 1 === nextOf(pieces)) continue
        await pause(clock, FIRST_PAUSE_MS, signal)
        return
      }
    } finally {
      ended.abort()
    }
  }

  function partsOf(pieces: readonly Piece[], lost: number): readonly Uint8Array[] {
    const { host } = deps
    const { epoch, base } = numbering
    const from = (pieces[0]?.feed ?? 0) - base
    const header = { v: 1, host, epoch, from, sent: clock.now(), ...(lost > 0 && { lost }) } as const
    return batchParts({ header, frames: pieces.map(({ frame }) => frame) })
  }

  return {
    get numbering() {
      return numbering
    },
    async run(signal) {
      while (!signal.aborted) {
        const { epoch } = numbering
        const answer = await patiently(() => link.position(epoch, signal), signal)
        if (answer === undefined) return
        await sendFrom(resume(answer.n), signal)
      }
    },
  }
}

type Settled = Extract<LinkAnswer, { kind: 'taken' | 'expects' }>

interface Start {
  readonly from: number
  /** How many records before it nobody has. */
  readonly lost: number
}

/** Records that follow each other, of one frame, few enough to be put together with others. */
interface Piece {
  readonly feed: number
  readonly frame: ForwardedFrame
  readonly bytes: number
}

function nextOf(pieces: readonly Piece[]): number {
  const last = pieces.at(-1)
  return last === undefined ? 0 : last.feed + last.frame.records.length
}

async function* piecesOf(frames: ReturnType<Feed['follow']>, from: number): AsyncGenerator<Piece> {
  for await (const { payload, firstFeed, events } of frames) {
    if (events === 0) continue
    const { records, ...frame } = frameIn(payload)
    for (let at = Math.max(0, from - firstFeed); at < records.length;) {
      let [end, bytes] = [at, 0]
      while (end < records.length && end - at < PIECE_RECORDS && (end === at || bytes < PIECE_BYTES)) {
        bytes += sizeOf(records[end++])
      }
      yield { feed: firstFeed + at, frame: { ...frame, records: records.slice(at, end) }, bytes }
      at = end
    }
  }
}

/** What it takes in a batch at most: JSON writes a letter of a name with six. */
function sizeOf(record: ForwardedRecord | undefined): number {
  const { bytes, naturalId = '', fallbackId = '' } = record ?? { bytes: '' }
  return bytes.length + 6 * (naturalId.length + fallbackId.length)
}

/** Whatever is durable already goes together, within bounds; nothing waits for more. */
async function* batchesOf(pieces: AsyncGenerator<Piece>, durableFeed: () => number): AsyncGenerator<readonly Piece[]> {
  let batch: Piece[] = []
  let [bytes, records] = [0, 0]
  for await (const piece of pieces) {
    const count = piece.frame.records.length
    if (batch.length > 0 && (bytes + piece.bytes > BATCH_BYTES || records + count > BATCH_RECORDS)) {
      yield batch
      batch = []
      ;[bytes, records] = [0, 0]
    }
    batch.push(piece)
    bytes += piece.bytes
    records += count
    if (piece.feed + count < durableFeed()) continue
    yield batch
    batch = []
    ;[bytes, records] = [0, 0]
  }
}

function unlessAborted(signal: AbortSignal): (error: unknown) => undefined {
  return (error) => {
    if (!signal.aborted) throw error
    return undefined
  }
}
