import { hkdfSync } from 'node:crypto'
import packageJson from '../../package.json' with { type: 'json' }
import { createApi } from '../api/api.ts'
import { listenControl } from '../api/control.ts'
import { type ApiDeps, type EvidenceDeps, DEFAULT_LIMITS } from '../api/deps.ts'
import { type Auth, createAuth } from '../auth/auth.ts'
import { AuditError } from '../domain/errors.ts'
import { isRootOrigin } from '../domain/sealed.ts'
import { createAccessAuditDesk } from '../ingest/access-audit-desk.ts'
import type { AuditEvent } from '../domain/event.ts'
import type { ErasureDesk } from '../ingest/erasure-desk.ts'
import type { RetentionDesk } from '../ingest/retention.ts'
import type { HourAccount } from '../ingest/hours.ts'
import type { Scrub } from '../ingest/scrub.ts'
import { ledgerAlarm } from '../ingest/trail.ts'
import { type ClockWatch, createClockWatch } from '../ledger/clock-watch.ts'
import type { TimeStamps } from '../ledger/time-stamps.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { Files } from '../lib/files.ts'
import { realFiles } from '../lib/real-files.ts'
import { tlsServerOptions } from '../lib/tls.ts'
import { deriveRuleKeys } from '../rules/masks-hash.ts'
import { readMasksOf } from '../rules/masks-read.ts'
import { hashedSearch } from '../rules/masks-search.ts'
import { readRun } from '../state/run-file.ts'
import { type BackupParts, makeBackup } from './backup.ts'
import { summaryOf } from './backup-manifest.ts'
import { type Closers, whole } from './closers.ts'
import type { Config } from './config.ts'
import { openEvidence } from './evidence.ts'
import { startErasures } from './erasures.ts'
import { type Foundation, openFoundation } from './foundation.ts'
import { listen } from './listen.ts'
import { type Pipeline, startPipeline } from './pipeline.ts'
import { openRules, type RulesAtWork } from './rules-at-work.ts'
import { createRunRecord } from './run-record.ts'
import { receiverCertificates, receiverSecrets, type Sources, startSources } from './sources.ts'
import { startScrub } from './scrub.ts'
import { startRetention } from './retention.ts'
import { startUpkeep } from './upkeep.ts'
import { startTimeStamps } from './time-stamps.ts'
import { startWitnesses, type Witnesses } from './witnesses.ts'

export interface ServerOptions {
  readonly config: Config
  /** For an operator, a line each; never contents of events. */
  readonly log: (message: string) => void
  readonly clock?: Clock
  readonly files?: Files
  /** Reads the configuration again: rules change while the server runs. Left out: they change by the API alone. */
  readonly loadAgain?: () => Config
  /** The data folder is an old copy, or may be one: goes on with new logs instead of refusing to start. */
  readonly recover?: boolean
  /** Folder of the built UI; left out: the API alone. */
  readonly uiFolder?: string
}

export interface Server {
  readonly url: string
  /** A sign-in link: good once, for ten minutes. */
  adminLink(): string
  /** Reads the files of rules again, and says in the log what became of it. */
  reloadRules(): Promise<void>
  /** Resolves when intake is open and the engine has answered, at the latest ten seconds after. */
  readonly ready: Promise<void>
  /** Rejects when the server cannot go on and the process must end. */
  readonly failed: Promise<never>
  /** Takes nothing more, writes what it took, and releases the folder. */
  close(): Promise<void>
}

const READY_MS = 10_000

/**
 * Puts the parts together, in the order in which data flows: what is on the disk, the write path, sources, API. Whatever
 * fails on the way closes what was opened before.
 */
export function startServer(options: ServerOptions): Promise<Server> {
  return whole((closers) => start(options, closers))
}

async function start(options: ServerOptions, closers: Closers): Promise<Server> {
  const { config, log, clock = systemClock, files = realFiles } = options
  const startedAt = clock.now()
  if (config.forward !== undefined) {
    const hint = 'start it with whodid forward, or leave forward out'
    throw new AuditError('invalid_config', 'this is the configuration of a forwarder, not of a server', { hint })
  }
  const previousRun = readRun(config.data)
  const failure = Promise.withResolvers<never>()
  // Whoever waits for it hears of it; nobody has to.
  failure.promise.catch(() => undefined)
  const fatal = failure.reject

  const foundation = await openFoundation(config, files, clock, closers, {
    log,
    recover: options.recover === true,
  })
  const { received } = foundation.memory.books
  const runRecord = createRunRecord(files, config.data, log)
  const stalePid = () => previousRun?.enginePid
  const onEngine = (pid: number) => runRecord.engine(pid)
  const clocks = createClockWatch((isOff, message) => {
    log(`${isOff ? 'ALARM: ' : ''}${message}`)
    pipeline.trail(ledgerAlarm(isOff ? 'clock-skew' : 'clock-right', !isOff, message, clock.now()))
  })
  const ourClock = () => clocks.reading()
  const pipelineDeps = { config, foundation, clock, log, fatal, ourClock, stalePid, onEngine }
  const pipeline = await startPipeline(pipelineDeps, closers)

  const { loadAgain } = options
  const rules = openRules({ config, loadAgain, foundation, pipeline, clock, log, fatal })

  const sourcesEnd = new AbortController()
  const sources = startSources({
    configs: config.sources,
    writer: pipeline.writer,
    books: foundation.memory.books,
    clock,
    log,
    signal: sourcesEnd.signal,
  })
  closers.push(() => {
    sourcesEnd.abort()
    return sources.stopped
  })
  const trail = (event: AuditEvent) => pipeline.trail(event)
  const witnesses = startWitnesses({ foundation, clock, clocks, log, fatal, trail }, closers)
  const stamps = startTimeStamps({ config, foundation, files, clocks, clock, log, fatal, trail }, closers)
  await startUpkeep({ foundation, pipeline, clock, fatal, log }, closers)
  const retention = startRetention({ config, foundation, pipeline, clock, received, log }, closers)
  const scrub = startScrub({ config, foundation, pipeline, clock, log }, closers)
  rules.follow(closers)

  const auth = createAuth({
    state: foundation.state,
    clock,
    receiverSecrets: receiverSecrets(config.sources),
    receiverCertificates: receiverCertificates(config.sources, config.tls?.clientCa !== undefined),
    readMasks: () => readMasksOf(pipeline.rules.current().set, deriveRuleKeys(foundation.keys.dedupe)),
  })
  const logError = errorsTo(log)
  const { uiFolder } = options
  const evidence = await openEvidence(
    { files, data: config.data, uiFolder, state: foundation.state, policy: foundation.root.policy, clock, logError },
    closers,
  )
  const erasures = startErasures(
    {
      foundation,
      pipeline,
      jobs: evidence.jobs,
      approvalRule: evidence.approvals,
      holdOn: (origin) => retention.holdOn(origin),
      clock,
      log,
      fatal,
    },
    closers,
  )
  const parts = {
    foundation,
    pipeline,
    erasures,
    witnesses,
    stamps,
    clocks,
    sources,
    rules,
    auth,
    evidence,
    scrub,
    retention,
    clock,
    startedAt,
  }
  const { app } = createApi(apiDeps(options, parts))
  const url = await listen(app, config.listen, config.tls, { clock, log, signal: sourcesEnd.signal })
  closers.push(() => app.close())
  const control = await listenControl(app, config.data)
  closers.push(() => control.close())
  await runRecord.reachable({ pid: process.pid, version: packageJson.version, url, socket: control.path })
  closers.push(() => runRecord.remove())
  return {
    url,
    adminLink: () => `${config.publicUrl ?? url}/#admin=${auth.createAdminLink()}`,
    reloadRules: async () => void (await rules.reload.now()),
    ready: firstOf(pipeline.store.ready, clock),
    failed: failure.promise,
    close: () => closers.close(),
  }
}

interface Parts {
  readonly retention: RetentionDesk
  readonly witnesses: Witnesses
  readonly stamps: TimeStamps | undefined
  readonly clocks: ClockWatch
  readonly foundation: Foundation
  readonly pipeline: Pipeline
  readonly sources: Sources
  readonly rules: RulesAtWork
  readonly auth: Auth
  readonly evidence: EvidenceDeps
  readonly erasures: ErasureDesk
  readonly scrub: Scrub
  readonly clock: Clock
  readonly startedAt: number
}

function errorsTo(log: (line: string) => void): ApiDeps['logError'] {
  return (error, id) => log(`error ${id}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
}

function apiDeps({ config, log, uiFolder }: ServerOptions, parts: Parts): ApiDeps {
  const { foundation, pipeline, sources, rules, auth, evidence, clock, startedAt } = parts
  const { ledger, journal, keys, state } = foundation
  return {
    auth,
    emitFor: (name) => sources.emitFor(name),
    receiver: (name) => sources.receiver(name),
    sources: () => sources.list(),
    hours: (name, since, until) => hoursOf(foundation, name, since, until),
    erasures: parts.erasures,
    accessAudits: createAccessAuditDesk(rules.desk, clock),
    rules,
    hashed: () => hashedSearch(pipeline.rules.current().set, deriveRuleKeys(keys.dedupe)),
    rejected: pipeline.rejected,
    refeed: (name) => sources.refeed(name),
    reads: pipeline.store.reads,
    rereads: pipeline.store.rereads,
    ledger,
    subjectKeys: (wanted) => keys.subjects.find(wanted),
    asOf: () => pipeline.storeFollower.asOf,
    acked: () => journal.durableFeed - 1,
    onSearchable: (call) => pipeline.storeFollower.onSearchable(call),
    trail: (event) => pipeline.trail(event),
    logError: errorsTo(log),
    evidence,
    backup: async (asked) => summaryOf(await makeBackup(backupParts(config, foundation, pipeline, clock), asked)),
    scrub: parts.scrub,
    retention: parts.retention,
    readiness: () => readinessOf(pipeline, rules, parts),
    witnesses: () => parts.witnesses.standing(),
    timeStamps: () => parts.stamps?.standing(),
    info: {
      install: state.install.name,
      version: packageJson.version,
      startedAt,
      sources: () => sources.names(),
      streams: () => streamsOf(ledger),
    },
    uiFolder,
    clock,
    limits: DEFAULT_LIMITS,
    publicLedger: config.ledger.public,
    ...(config.tls !== undefined && { tls: tlsServerOptions(config.tls, 'optional') }),
    ...(config.publicUrl !== undefined && { publicUrl: config.publicUrl }),
    // Cursors outlive a restart, and open with no other install.
    cursorKey: new Uint8Array(hkdfSync('sha256', keys.dedupe, '', 'whodid cursor', 32)),
  }
}

function backupParts(
  config: Config,
  { state, journal }: Foundation,
  { store, ledgerFollower }: Pipeline,
  clock: Clock,
): BackupParts {
  const isEmbedded = config.store.url === undefined
  return {
    files: realFiles,
    clock,
    data: config.data,
    keys: config.keys,
    state,
    journal: async () => journal.files(),
    signNow: () => ledgerFollower.rootNow(),
    freezes: isEmbedded ? store.freezes : undefined,
    wrapped: false,
  }
}

/** What is in memory is newer than what was saved of the same hour. */
function hoursOf({ state, memory }: Foundation, source: string, since: number, until: number): readonly HourAccount[] {
  const isAsked = (each: HourAccount) => each.source === source && each.hour >= since && each.hour < until
  const recent = memory.books.hours.filter(isAsked)
  const saved = state.hourAccounts.read(source, since, Math.min(until, recent[0]?.hour ?? until))
  return [...saved, ...recent]
}

function streamsOf(ledger: Foundation['ledger']): readonly string[] {
  const logs = ledger.logs().filter(({ origin }) => !isRootOrigin(origin))
  return [...new Set(logs.map((each) => each.stream))].toSorted()
}

function readinessOf(
  { admission, store }: Pipeline,
  rules: RulesAtWork,
  {
    witnesses,
    stamps,
    clocks,
    scrub,
    retention,
  }: Pick<Parts, 'witnesses' | 'stamps' | 'clocks' | 'scrub' | 'retention'>,
): ReturnType<ApiDeps['readiness']> {
  const refusal = admission.refusal()
  const engine = store.engine()
  const reasons = [
    ...(refusal === undefined ? [] : [`intake waits: ${refusal.message}`]),
    ...(engine.kind === 'starting' ? ['the engine is starting'] : []),
    ...(engine.kind === 'failing' ? [`the engine fails: ${engine.reason}`] : []),
  ]
  // Rules that wait keep nobody from sending, and what witnesses do says nothing about intake and search.
  return {
    ready: reasons.length === 0,
    reasons: [
      ...reasons,
      ...rules.notes(),
      ...retention.notes(),
      ...witnesses.reasons(),
      ...(stamps?.reasons() ?? []),
      ...clocks.reasons(),
      ...scrub.reasons(),
    ],
  }
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
