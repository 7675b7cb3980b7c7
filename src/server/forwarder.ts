import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { NOTHING } from '../domain/accounting.ts'
import { AuditError } from '../domain/errors.ts'
import { ForwardCursors, forwardEmit, type ForwardSnapshot, tagOf } from '../ingest/forward-journal.ts'
import { createWriterLink, type WriterLink } from '../ingest/forward-link.ts'
import { createForwardSender, type ForwardSender, type Numbering } from '../ingest/forward-send.ts'
import { createFeed } from '../journal/feed.ts'
import { type Journal, openJournal } from '../journal/journal.ts'
import { type Clock, pause, systemClock } from '../lib/clock.ts'
import type { Files } from '../lib/files.ts'
import { realFiles } from '../lib/real-files.ts'
import { openState, type State } from '../state/state.ts'
import { createAdmission, journalBound } from './admission.ts'
import { type Closers, whole } from './closers.ts'
import type { Config } from './config.ts'
import { serveReceivers } from './forward-receivers.ts'
import { forwardOf, hostOf, linkOptions } from './forward-writer.ts'
import { fileBytesOf } from './foundation.ts'
import { createRunRecord } from './run-record.ts'
import { startSources } from './sources.ts'

export interface ForwarderOptions {
  readonly config: Config
  /** For an operator, a line each; never contents of records. */
  readonly log: (message: string) => void
  readonly clock?: Clock
  readonly files?: Files
}

export interface Forwarder {
  readonly to: string
  readonly epoch: number
  /** Where its receivers listen, if there are any. */
  readonly url?: string
  /** Rejects when it cannot go on and the process must end. */
  readonly failed: Promise<never>
  /** Takes nothing more, sends what it can in a short time, and releases the folder. */
  close(): Promise<void>
}

/** What is saved beside the journal: where its numbers begin, and what was in files that are trimmed. */
interface Saved extends ForwardSnapshot, Numbering {}

const SNAPSHOT = 'forward'
const SAVE_MS = 5000
const LAST_WAIT_MS = 2000
const MEMORY_BYTES = 8 << 20
const LARGEST_EPOCH = 2 ** 47
const BEHIND = { who: 'the writer has', hint: 'the writer takes nothing: see the log of this forwarder' }

/**
 * Sources, a journal, and a sender that brings what is in it to a writer (docs/cli.md, forward). No decoding, no ledger, no
 * store. Whatever fails on the way closes what was opened before.
 */
export function startForwarder(options: ForwarderOptions): Promise<Forwarder> {
  return whole((closers) => start(options, closers))
}

async function start(options: ForwarderOptions, closers: Closers): Promise<Forwarder> {
  const { config, log, clock = systemClock, files = realFiles } = options
  const to = forwardOf(config)
  const failure = Promise.withResolvers<never>()
  // Whoever waits for it hears of it; nobody has to.
  failure.promise.catch(() => undefined)
  const fatal = failure.reject

  const state = openState({ folder: config.data, clock })
  closers.push(() => state.close())
  const journal = await openForwardJournal(config, state, files, clock)
  closers.push(() => journal.close())
  const { cursors, numbering } = await recovered(journal, state)
  const link = createWriterLink(linkOptions(to))
  closers.push(() => link.close())
  const host = hostOf(to)
  const sender = openSender({ journal, state, cursors, numbering, link, host, clock, log })
  const admission = await createAdmission({
    folder: config.data,
    journal,
    passedFeed: () => sender.numbering.acked + 1,
    clock,
    behind: BEHIND,
    ...(config.journalBytes !== undefined && { journalBytes: config.journalBytes }),
  })
  closers.push(() => admission.stop())

  const ended = new AbortController()
  journal.failed.catch(fatal)
  const running = sender.run(ended.signal)
  running.catch(fatal)
  const keeping = keep(sender, { journal, state, cursors, clock, signal: ended.signal })
  keeping.catch(fatal)
  closers.push(async () => {
    await sent(journal, sender, clock)
    ended.abort()
    await Promise.allSettled([running, keeping])
    saveAll(state, cursors, sender)
  })

  const sourcesEnd = new AbortController()
  const sources = startSources({
    configs: config.sources,
    writer: {
      emitFor: (info) => forwardEmit(info, { journal, cursors, clock, refusal: () => admission.refusal() }),
    },
    books: {
      of: () => NOTHING,
      ofWay: () => NOTHING,
      lastRecord: () => undefined,
      replayed: () => 0,
      cursor: (name) => cursors.cursor(name),
      lastNumber: () => 0,
    },
    clock,
    log,
    signal: sourcesEnd.signal,
  })
  closers.push(async () => {
    sourcesEnd.abort()
    await sources.stopped
    admission.close()
  })
  const url = await serveReceivers(
    { config, sources, state, admission, clock, log, signal: sourcesEnd.signal },
    closers,
  )
  const runRecord = createRunRecord(files, config.data, log)
  const socket = join(config.data, 'control.sock')
  await runRecord.reachable({ pid: process.pid, version: packageJson.version, socket, ...(url && { url }) })
  closers.push(() => runRecord.remove())
  return {
    to: to.to,
    epoch: numbering.epoch,
    ...(url && { url }),
    failed: failure.promise,
    close: () => closers.close(),
  }
}

/** In a folder of its own: what a server journals are other frames. */
async function openForwardJournal(config: Config, state: State, files: Files, clock: Clock): Promise<Journal> {
  return openJournal({
    files,
    folder: join(config.data, 'forward'),
    install: state.install.name,
    clock,
    fileBytes: fileBytesOf(config.journalBytes ?? (await journalBound(config.data))),
  })
}

async function recovered(
  journal: Journal,
  state: State,
): Promise<{ readonly cursors: ForwardCursors; readonly numbering: Numbering }> {
  // We saved it.
  const saved = state.snapshots.load(SNAPSHOT) as Saved | undefined
  if (saved !== undefined && journal.nextFrame < saved.frame) {
    const hint = 'move the data folder away and start with a new one: files are then read again from their beginning'
    const message = `the journal ends before frame ${journal.nextFrame}, but frame ${saved.frame - 1} was written`
    throw new AuditError('damaged', message, { hint })
  }
  const cursors = new ForwardCursors(saved)
  for await (const { frame, payload } of journal.readFrom(saved?.frame ?? 0)) cursors.enter(frame, tagOf(payload))
  if (saved !== undefined) return { cursors, numbering: { epoch: saved.epoch, base: saved.base, acked: saved.acked } }
  const base = journal.oldestFeed - 1
  const numbering = { epoch: newEpoch(), base, acked: base }
  // Before the first record is sent: its numbers must be the same after a crash.
  state.snapshots.save(SNAPSHOT, { ...cursors.snapshot(), ...numbering })
  return { cursors, numbering }
}

/** Random: nobody else's, whoever sends to the same source. A leaf takes any whole number. */
function newEpoch(): number {
  return randomInt(1, LARGEST_EPOCH)
}

interface Parts {
  readonly journal: Journal
  readonly state: State
  readonly cursors: ForwardCursors
  readonly clock: Clock
}

function openSender(
  parts: Parts & {
    readonly numbering: Numbering
    readonly link: WriterLink
    readonly host: string
    readonly log: (message: string) => void
  },
): ForwardSender {
  const { journal, state, cursors } = parts
  return createForwardSender({
    ...parts,
    feed: createFeed(journal, MEMORY_BYTES),
    save: (numbering) => state.snapshots.save(SNAPSHOT, { ...cursors.snapshot(), ...numbering }),
    newEpoch,
  })
}

function saveAll(state: State, cursors: ForwardCursors, sender: ForwardSender): void {
  state.snapshots.save(SNAPSHOT, { ...cursors.snapshot(), ...sender.numbering })
}

/** Lets go of what the writer has. The snapshot first: cursors of frames that go are in it. */
async function keep(sender: ForwardSender, parts: Parts & { readonly signal: AbortSignal }): Promise<void> {
  const { journal, state, cursors, clock, signal } = parts
  let acked = sender.numbering.acked
  while (!signal.aborted) {
    await pause(clock, SAVE_MS, signal)
    if (signal.aborted || sender.numbering.acked === acked) continue
    acked = sender.numbering.acked
    saveAll(state, cursors, sender)
    await journal.trim(acked + 1, Infinity)
  }
}

/** At the end: what the writer takes in a short time; the rest waits in the journal for the next start. */
async function sent(journal: Journal, sender: ForwardSender, clock: Clock): Promise<void> {
  const until = clock.now() + LAST_WAIT_MS
  const never = new AbortController().signal
  while (sender.numbering.acked < journal.durableFeed - 1 && clock.now() < until) await pause(clock, 20, never)
}
