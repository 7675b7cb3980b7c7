import { hash } from 'node:crypto'
import { join } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { createApi } from '../api/api.ts'
import { listenControl } from '../api/control.ts'
import { DEFAULT_LIMITS } from '../api/deps.ts'
import { createAuth } from '../auth/auth.ts'
import { AuditError } from '../domain/errors.ts'
import { Books, type BooksSnapshot } from '../ingest/books.ts'
import { DuplicateWindow } from '../ingest/duplicates.ts'
import { createEventIds } from '../ingest/event-id.ts'
import { createLedgerFollower } from '../ingest/follow-ledger.ts'
import { createStoreFollower } from '../ingest/follow-store.ts'
import { IdempotencyKeys } from '../ingest/idempotency.ts'
import { createKeyDesk } from '../ingest/key-desk.ts'
import { Logs } from '../ingest/logs.ts'
import { holdsAllSigned, recover } from '../ingest/recover.ts'
import { createSealWorkers } from '../ingest/workers.ts'
import { createWriter } from '../ingest/writer.ts'
import { createFeed } from '../journal/feed.ts'
import { openJournal } from '../journal/journal.ts'
import { openLedger } from '../ledger/ledger.ts'
import { type Clock, pause, systemClock } from '../lib/clock.ts'
import type { Files } from '../lib/files.ts'
import { realFiles } from '../lib/real-files.ts'
import { readRun, removeRun, writeRun } from '../state/run-file.ts'
import { openState, type State } from '../state/state.ts'
import { openStore } from '../store/store.ts'
import { createAdmission } from './admission.ts'
import type { Config } from './config.ts'
import { openKeys } from './keys.ts'
import { listen } from './listen.ts'
import { receiverSecrets, startSources } from './sources.ts'

export interface ServerOptions {
  readonly config: Config
  /** For an operator, a line each; never contents of events. */
  readonly log: (message: string) => void
  readonly clock?: Clock
  readonly files?: Files
  /** Folder of the built UI; left out: the API alone. */
  readonly uiFolder?: string
}

export interface Server {
  readonly url: string
  /** A sign-in link: good once, for ten minutes. */
  adminLink(): string
  /** Resolves when intake is open and the engine has answered, at the latest ten seconds after. */
  readonly ready: Promise<void>
  /** Rejects when the server cannot go on and the process must end. */
  readonly failed: Promise<never>
  /** Takes nothing more, writes what it took, and releases the folder. */
  close(): Promise<void>
}

const READY_MS = 10_000
const BEAT_MS = 10_000
const TRIM_MS = 15_000
const WINDOW_MS = 600_000
const BOOKS = 'books'
/** Nothing but the rules that cannot be switched off is in force. */
const RULES_HASH = hash('sha256', '[]', 'hex')

/**
 * Puts the parts together, in the order in which data flows: state (which holds the folder), keys, ledger, journal, memory,
 * store, sources, API. Whatever fails on the way closes what was opened before.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { config, log, clock = systemClock, files = realFiles } = options
  const closers: (() => unknown)[] = []
  const close = async (): Promise<void> => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer()
  }
  try {
    return await start()
  } catch (error) {
    await close()
    throw error
  }

  async function start(): Promise<Server> {
    const startedAt = clock.now()
    const previousRun = readRun(config.data)
    const state = openState({ folder: config.data, clock, ...(config.install && { install: config.install }) })
    closers.push(() => state.close())
    const { install } = state
    const journalFolder = join(config.data, 'journal')
    const isNew = state.checkpoints.all().length === 0 && (await files.list(journalFolder)).length === 0
    const keys = await openKeys(files, config.keys, isNew)
    closers.push(() => keys.close())
    const ledger = await openLedger({
      files,
      folder: join(config.data, 'ledger'),
      keys: keys.logs,
      checkpoints: state.checkpoints,
    })
    closers.push(() => ledger.stop())
    const journal = await openJournal({
      files,
      folder: journalFolder,
      install: install.name,
      clock,
      holdsAllSigned: (frames) => holdsAllSigned(frames, state.checkpoints.all(), (origin) => ledger.size(origin)),
    })
    closers.push(() => journal.close())
    const ids = createEventIds(keys.dedupe)
    // We saved it.
    const books = new Books(state.snapshots.load(BOOKS) as BooksSnapshot | undefined)
    const periods = new Map(config.streams.map((stream) => [stream.name, stream.period ?? 'month']))
    const logs = new Logs({ ...originOf(state), periodOf: (stream) => periods.get(stream) ?? 'month' })
    for (const each of ledger.logs()) logs.restore(each.origin, ledger.size(each.origin), each.state === 'closed')
    const memory = { books, logs, duplicates: new DuplicateWindow(), idempotency: new IdempotencyKeys(ids) }
    await recover(journal, memory, clock.now())
    const admission = await createAdmission({
      folder: config.data,
      journal,
      isCaughtUp: () => Math.min(ledgerFollower.flushedFeed, storeFollower.asOf + 1) >= journal.durableFeed,
      clock,
      ...(config.journalBytes !== undefined && { journalBytes: config.journalBytes }),
    })
    closers.push(() => admission.stop())

    const workers = createSealWorkers({ dedupeKey: keys.dedupe, keysFor: createKeyDesk(keys.subjects), log })
    closers.push(() => workers.close())
    const feed = createFeed(journal)
    const ledgerFollower = createLedgerFollower({ feed, fromFeed: journal.oldestFeed, ledger, clock })
    let failNow: (error: unknown) => void = () => undefined
    const fatal = new Promise<never>((_, reject) => (failNow = reject))
    fatal.catch(() => undefined)
    const writer = createWriter({
      ...memory,
      journal,
      seal: (slice) => workers.seal(slice),
      clock,
      refusal: () => admission.refusal(),
      checkpoint: (origin) => ledger.checkpoint(origin),
      finalCheckpoint: (origin, size) => ledgerFollower.finalCheckpoint(origin, size),
      vkey: (origin) => keys.vkey(origin),
      rulesHash: RULES_HASH,
      fatal: failNow,
    })
    const trail = (event: Parameters<typeof writer.trail>[0]): void => {
      writer.trail(event).catch((error: unknown) => log(`an event of our own trail was not written: ${String(error)}`))
    }

    let enginePid: number | undefined
    let savingRun: Promise<void> = Promise.resolve()
    let listening: { readonly url: string; readonly socket: string } | undefined
    const store = openStore({
      ...config.store,
      folder: join(config.data, 'engine'),
      stalePid: () => previousRun?.enginePid,
      onEngine(pid) {
        enginePid = pid
        saveRun().catch((error: unknown) => log(`run.json does not name the engine: ${String(error)}`))
      },
      log,
    })
    closers.push(() => store.close())
    const storeFollower = createStoreFollower({
      feed,
      fromFeed: journal.oldestFeed,
      inserts: store.inserts,
      rows: (frames, from) => workers.rows(frames, from),
      clock,
      onRefused: (event, reason) => log(`the engine refused event ${event.index} of ${event.log}: ${reason}`),
    })

    const sourcesEnd = new AbortController()
    const followersEnd = new AbortController()
    const following = [ledgerFollower.run(followersEnd.signal), runStore()]
    for (const each of following) each.catch(failNow)
    journal.failed.catch(failNow)

    async function runStore(): Promise<void> {
      await store.ready
      await storeFollower.run(followersEnd.signal)
    }

    const sources = startSources({
      configs: config.sources,
      writer,
      cursor: (name) => books.cursor(name),
      clock,
      log,
      signal: sourcesEnd.signal,
    })
    const auth = createAuth({ state, clock, receiverSecrets: receiverSecrets(config.sources) })
    const { app } = createApi({
      auth,
      emitFor: (name) => sources.emitFor(name),
      receiver: (name) => sources.receiver(name),
      reads: store.reads,
      ledger,
      subjectKeys: (wanted) => keys.subjects.find(wanted),
      asOf: () => storeFollower.asOf,
      acked: () => journal.durableFeed - 1,
      onSearchable: (call) => storeFollower.onSearchable(call),
      trail,
      logError: (error, id) =>
        log(`error ${id}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
      readiness,
      info: {
        install: install.name,
        version: packageJson.version,
        startedAt,
        sources: () => sources.names(),
        streams: () => [...new Set(ledger.logs().map((each) => each.stream))].toSorted(),
      },
      uiFolder: options.uiFolder,
      clock,
      limits: DEFAULT_LIMITS,
      publicLedger: config.ledger.public,
    })

    /** Written once the server can be reached, and again for each new engine: one write after the other. */
    function saveRun(): Promise<void> {
      const saved = savingRun.then(async () => {
        if (listening === undefined) return
        const run = { pid: process.pid, version: packageJson.version, ...listening }
        await writeRun(files, config.data, enginePid === undefined ? run : { ...run, enginePid })
      })
      savingRun = saved.catch(() => undefined)
      return saved
    }

    function readiness() {
      const refusal = admission.refusal()
      const engine = store.engine()
      const reasons = [
        ...(refusal === undefined ? [] : [`intake waits: ${refusal.message}`]),
        ...(engine.kind === 'starting' ? ['the engine is starting'] : []),
        ...(engine.kind === 'failing' ? [`the engine fails: ${engine.reason}`] : []),
      ]
      return { ready: reasons.length === 0, reasons }
    }

    const url = await listen(app, config.listen)
    closers.push(() => app.close())
    const control = await listenControl(app, config.data)
    closers.push(() => control.close())

    listening = { url, socket: control.path }
    await saveRun()
    closers.push(() => removeRun(config.data))

    await writer.beat('start')
    await state.pendingTrail.drain((event) => writer.trail(event))
    const beats = every(BEAT_MS, () => writer.beat('due'))
    const trims = every(TRIM_MS, trim)
    for (const each of [beats, trims]) each.catch(failNow)

    async function every(ms: number, work: () => Promise<void>): Promise<void> {
      while (!sourcesEnd.signal.aborted) {
        await pause(clock, ms, sourcesEnd.signal)
        if (!sourcesEnd.signal.aborted) await work()
      }
    }

    /** A journal file goes when ledger and store have it and it is older than the duplicate window (DESIGN section 1). */
    async function trim(): Promise<void> {
      const snapshot = books.snapshot()
      // Frames that are in the snapshot but not durable yet may never have been: wait for them.
      await durableUpTo(snapshot.frame)
      state.snapshots.save(BOOKS, snapshot)
      await journal.trim(Math.min(ledgerFollower.flushedFeed, storeFollower.asOf + 1), clock.now() - WINDOW_MS)
    }

    function durableUpTo(frame: number): Promise<void> {
      return new Promise((resolve) => {
        const look = (): void => {
          if (journal.durableFrame < frame) return
          unlisten()
          resolve()
        }
        const unlisten = journal.onDurable(look)
        look()
      })
    }

    closers.push(async () => {
      admission.close()
      sourcesEnd.abort()
      await sources.stopped
      await Promise.all([beats, trims]).catch(() => undefined)
      await writer.settled()
      await writer.beat('stop').catch((error: unknown) => log(`no last heartbeat: ${String(error)}`))
      await caughtUp()
      followersEnd.abort()
      await Promise.allSettled(following)
    })

    /** The ledger is brought up to the last leaf before it ends; the store gets what it can in that time. */
    async function caughtUp(): Promise<void> {
      const { promise, resolve } = Promise.withResolvers<void>()
      const looks = storeFollower.onSearchable(() => storeFollower.asOf >= journal.durableFeed - 1 && resolve())
      if (storeFollower.asOf >= journal.durableFeed - 1) resolve()
      const timer = clock.later(2000, resolve)
      await promise
      looks.cancel()
      timer.cancel()
    }

    return {
      url,
      adminLink: () => `${url}/#admin=${auth.createAdminLink()}`,
      ready: firstOf(store.ready, clock),
      failed: fatal,
      close,
    }
  }
}

function originOf(state: State): { install: string; node: string } {
  return { install: state.install.name, node: state.install.node }
}

async function firstOf(engine: Promise<void>, clock: Clock): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = clock.later(READY_MS, resolve)
  // What keeps the engine from starting ends in `failed` and in /readyz.
  await Promise.race([promise, engine.catch((error: unknown) => (isFinal(error) ? Promise.reject(error) : promise))])
  timer.cancel()
}

/** What no waiting mends: the process should end and say so. */
function isFinal(error: unknown): boolean {
  return error instanceof AuditError && ['unsupported_version', 'locked', 'unsupported'].includes(error.code)
}
