import { createHmac } from 'node:crypto'
import { join } from 'node:path'
import { AuditError } from '../domain/errors.ts'
import { Books, type BooksSnapshot } from '../ingest/books.ts'
import { DuplicateWindow } from '../ingest/duplicates.ts'
import { createEventIds } from '../ingest/event-id.ts'
import { IdempotencyKeys } from '../ingest/idempotency.ts'
import { JournalShares } from '../ingest/journal-shares.ts'
import { Logs } from '../ingest/logs.ts'
import { type FramePlace, holdsAllSigned, recover, type Recovered } from '../ingest/recover.ts'
import { type Journal, openJournal } from '../journal/journal.ts'
import { type Ledger, openLedger } from '../ledger/ledger.ts'
import type { Clock } from '../lib/clock.ts'
import type { Files } from '../lib/files.ts'
import { openState, type State } from '../state/state.ts'
import { journalBound } from './admission.ts'
import type { Closers } from './closers.ts'
import type { Config } from './config.ts'
import type { Install } from '../state/install.ts'
import { type Keys, openKeys } from './keys.ts'
import { planRoot, type RootPlan } from './root-plan.ts'

/** What is on the disk, opened and recovered, and what the writer knows in memory because of it. */
export interface Foundation {
  readonly state: State
  readonly root: RootPlan
  readonly keys: Keys
  readonly ledger: Ledger
  readonly journal: Journal
  readonly memory: Recovered
  /** What the journal held at start, frame by frame. */
  readonly places: readonly FramePlace[]
}

export interface FoundationOptions {
  readonly log?: (message: string) => void
  /** See `planRoot`. */
  readonly recover?: boolean
}

/** Of the root log's places in the control state. */
const ROOT_PLACES = 'root'
/** Tells the dedupe key from any other, and tells nobody what it is. */
const DEDUPE_CHECK = 'dedupe-key'
/** Name of the books' snapshot in the control state. */
export const BOOKS = 'books'
const LARGEST_FILE = 64 * 1024 * 1024
const SMALLEST_FILE = 64 * 1024

/** Opens state first, since it holds the folder for this process, then keys, ledger and journal, each checked by the one before. */
export async function openFoundation(
  config: Config,
  files: Files,
  clock: Clock,
  closers: Closers,
  options: FoundationOptions = {},
): Promise<Foundation> {
  const state = openState({ folder: config.data, clock, ...(config.install && { install: config.install }) })
  closers.push(() => state.close())
  const journalFolder = join(config.data, 'journal')
  const isNew = state.checkpoints.all().length === 0 && (await files.list(journalFolder)).length === 0
  const root = await planRoot({
    state,
    witnesses: config.ledger.witnesses,
    clock,
    log: options.log ?? (() => undefined),
    recover: options.recover === true,
  })
  const keys = await openKeys(files, config.keys, isNew)
  closers.push(() => keys.close())
  checkDedupeKey(state, config.keys, keys.dedupe)
  const ledger = await openLedger({
    files,
    folder: join(config.data, 'ledger'),
    keys: keys.logs,
    checkpoints: state.checkpoints,
    pruned: (origin) => (state.retention.pruned(origin)?.step ?? 'tell') !== 'tell',
    root: {
      origin: root.origin,
      held: root.held,
      ...beforeOf(root.install),
      places: {
        load: () => state.snapshots.load(ROOT_PLACES),
        save: (value) => state.snapshots.save(ROOT_PLACES, value),
      },
    },
  })
  closers.push(() => ledger.stop())
  const journal = await openJournal({
    files,
    folder: journalFolder,
    install: state.install.name,
    clock,
    fileBytes: fileBytesOf(config.journalBytes ?? (await journalBound(config.data))),
    holdsAllSigned: (frames) => holdsAllSigned(frames, state.checkpoints.all(), (origin) => ledger.size(origin)),
  })
  closers.push(() => journal.close())
  const memory: Recovered = {
    // We saved it.
    books: new Books(state.snapshots.load(BOOKS) as BooksSnapshot | undefined),
    logs: restoredLogs(config, root.install, ledger),
    duplicates: new DuplicateWindow(),
    idempotency: new IdempotencyKeys(createEventIds(keys.dedupe)),
    shares: new JournalShares(),
  }
  const places = await recover(journal, memory, clock.now())
  refuseBehindLedger(places, journalFolder, (origin) => ledger.size(origin))
  return { state, root, keys, ledger, journal, memory, places }
}

/** A leaf stands in the journal first, and what the journal lets go of is its beginning: so its end was taken away. */
function refuseBehindLedger(places: readonly FramePlace[], folder: string, sizeOf: (origin: string) => number): void {
  const ends = new Map(places.map(({ log, next }) => [log, next]))
  for (const [log, next] of ends) {
    const size = sizeOf(log)
    if (size <= next) continue
    const hint = 'put the journal’s folder back: newer than this one, of the same data folder'
    throw new AuditError(
      'damaged',
      `the journal ${folder} ends at leaf ${next} of ${log}, but the ledger has ${size}`,
      { hint },
    )
  }
}

/** Any 32 bytes are a key: with others each record that is sent again would be a new event, and nobody would hear of it. */
function checkDedupeKey({ snapshots }: State, folder: string, key: Uint8Array): void {
  const check = createHmac('sha256', key).update(DEDUPE_CHECK).digest('hex')
  const known = snapshots.load(DEDUPE_CHECK)
  if (known === undefined) return snapshots.save(DEDUPE_CHECK, check)
  if (known === check) return
  const hint = 'put it back from a backup of the keys folder'
  throw new AuditError('damaged', `${join(folder, 'dedupe.key')} is not the key that this data folder was made with`, {
    hint,
  })
}

/** Whole files go, and never the last: on a small disk they must be small enough for the bound to be kept. */
export function fileBytesOf(journalBytes: number): number {
  return Math.min(LARGEST_FILE, Math.max(SMALLEST_FILE, journalBytes / 8))
}

/** What the root log of a later generation says first of the one before. */
function beforeOf({ recovery }: Install): { before?: { origin: string; witnessed: number } } {
  return recovery === undefined ? {} : { before: { origin: recovery.root, witnessed: recovery.witnessed } }
}

function restoredLogs(config: Config, install: Install, ledger: Ledger): Logs {
  const periods = new Map(config.streams.map((stream) => [stream.name, stream.period ?? 'month']))
  const periodOf = (stream: string) => periods.get(stream) ?? 'month'
  const logs = new Logs({ install: install.name, node: install.node, generation: install.generation, periodOf })
  for (const { origin, size, closed } of ledger.known()) if (size > 0) logs.restore(origin, size, closed)
  return logs
}
