import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { type Api, createApi } from '../src/api/api.ts'
import { type ApiDeps, DEFAULT_LIMITS } from '../src/api/deps.ts'
import { createJobs } from '../src/api/jobs.ts'
import { type Auth, type AuthDeps, createAuth } from '../src/auth/auth.ts'
import type { TokenRequest } from '../src/auth/tokens.ts'
import { NOTHING } from '../src/domain/accounting.ts'
import type { Receipt, RecordResult, SourceAnswer } from '../src/domain/answers.ts'
import type { AuditEvent } from '../src/domain/event.ts'
import { createErasureDesk } from '../src/ingest/erasure-desk.ts'
import { checkRules } from '../src/ingest/rule-check.ts'
import { createRuleDesk } from '../src/ingest/rule-desk.ts'
import { createRulesInForce } from '../src/ingest/rules-in-force.ts'
import type { Clock } from '../src/lib/clock.ts'
import { realFiles } from '../src/lib/real-files.ts'
import type { Emit, SourceRecord } from '../src/sources/source.ts'
import { compileRules } from '../src/rules/compile.ts'
import type { FileRules } from '../src/rules/rule-layers.ts'
import { NO_RULES } from '../src/rules/rule-set.ts'
import type { ApprovalRule } from '../src/state/approvals.ts'
import { openState, type State } from '../src/state/state.ts'
import { memoryReads } from './memory-reads.ts'

/** The API over a real state folder and a store that is a list. */
export interface TestApi extends Api {
  readonly deps: ApiDeps
  readonly auth: Auth
  readonly folder: string
  /** What is stored; `searchable()` tells the API of more. */
  readonly events: AuditEvent[]
  readonly trail: AuditEvent[]
  readonly errors: unknown[]
  /** Batches that were emitted, with their source. */
  readonly emitted: { source: string; records: readonly SourceRecord[]; key: string | undefined }[]
  searchable(): void
  /** Moves the time on and runs what was due. */
  pass(ms: number): void
  token(request: TokenRequest): string
  close(): Promise<void>
}

type Overrides = Partial<ApiDeps> & Pick<AuthDeps, 'readMasks'>

export const LOG = 'acme/n1/default/2026-11'

export function anApi({ readMasks, ...overrides }: Overrides = {}): TestApi {
  const folder = mkdtempSync(join(tmpdir(), 'whodid-api-'))
  const { clock, pass } = aClock(Date.parse('2026-11-24T12:00:00Z'))
  const state = openState({ folder, install: 'acme', clock })
  const receiverSecrets = new Map([['prod-1', 'secret-of-prod-1-webhook']])
  const auth = createAuth({ state, clock, receiverSecrets, ...(readMasks !== undefined && { readMasks }) })
  const events: AuditEvent[] = []
  const trail: AuditEvent[] = []
  const errors: unknown[] = []
  const emitted: TestApi['emitted'] = []
  const waiting = new Set<() => void>()
  const emitFor =
    (source: string): Emit =>
    async (records, options) => {
      emitted.push({ source, records, key: options?.idempotencyKey })
      return aReceiptWith(records.map((_, index) => ({ id: `event-${index}`, log: LOG, index })))
    }
  const jobs = createJobs({
    files: realFiles,
    folder: join(folder, 'jobs'),
    clock,
    logError: (error) => void errors.push(error),
  })
  const deps: ApiDeps = {
    auth,
    emitFor,
    receiver: () => undefined,
    sources: () => [PROD_1],
    hours: () => [],
    evidence: {
      jobs,
      page: async () => undefined,
      rules: () => undefined,
      policy: () => undefined,
      approvals: 'single',
    },
    accessAudits: noAccessAudits,
    erasures: erasuresOn(state, clock, overrides.evidence?.approvals ?? 'single'),
    rules: rulesOn(state, () => events, clock),
    rejected: nothingRejected,
    refeed: () => undefined,
    reads: memoryReads(() => events),
    rereads: { find: async () => [], renew: async () => undefined },
    ledger: aLedger(),
    subjectKeys: (ids) => new Map(ids.map((id) => [id, new Uint8Array(32).fill(id)])),
    asOf: () => events.length,
    acked: () => events.length,
    onSearchable(call) {
      waiting.add(call)
      return { cancel: () => waiting.delete(call) }
    },
    trail: (event) => void trail.push(event),
    logError: (error) => void errors.push(error),
    readiness: () => ({ ready: true, reasons: [] }),
    info: {
      install: 'acme',
      version: '0.1.0',
      startedAt: clock.now(),
      sources: () => ['prod-1'],
      streams: () => ['default'],
    },
    uiFolder: undefined,
    clock,
    limits: DEFAULT_LIMITS,
    ...overrides,
  }
  const api = createApi(deps)
  return {
    ...api,
    deps,
    auth,
    folder,
    events,
    trail,
    errors,
    emitted,
    pass,
    searchable: () => [...waiting].forEach((call) => call()),
    token: (request) => auth.createToken(request, 'test').token,
    async close() {
      await api.app.close()
      await deps.evidence.jobs.stop()
      state.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

export function anEvent(n: number, more: Partial<AuditEvent> = {}): AuditEvent {
  const id = Buffer.alloc(16, n).toString('base64url')
  return {
    '@timestamp': new Date(Date.parse('2026-11-24T11:00:00Z') + n * 1000).toISOString(),
    event: { id, action: 'delete', outcome: 'success', dataset: 'shop', original: `{"n":${n}}` },
    user: { name: `user-${n}` },
    ...more,
  }
}

/** Time that only moves when it is told to. */
export function aClock(start: number): { clock: Clock; pass: (ms: number) => void } {
  let now = start
  const timers = new Set<{ at: number; call: () => void }>()
  const clock: Clock = {
    now: () => now,
    later(ms, call) {
      const timer = { at: now + ms, call }
      timers.add(timer)
      return { cancel: () => void timers.delete(timer) }
    },
  }
  const pass = (ms: number) => {
    now += ms
    for (const timer of timers) {
      if (timer.at > now || !timers.delete(timer)) continue
      timer.call()
    }
  }
  return { clock, pass }
}

export function aReceiptWith(results: readonly RecordResult[]): Receipt {
  const rejected = results.filter((each) => 'rejected' in each).length
  const received = results.length
  return { received, kept: received - rejected, dropped: 0, duplicate: 0, rejected, shed: 0, results }
}

/** Rules on a list of events: none at first. */
export function rulesOn(
  state: State,
  events: () => readonly AuditEvent[],
  clock: Clock,
  files: FileRules = { set: NO_RULES, origins: {}, warnings: [] },
): ApiDeps['rules'] {
  const scopeOf = (source: string, stream: string) => ({ source, stream })
  const deps = { events: () => pages(events()), scopeOf, compile: compileRules }
  const desk = createRuleDesk({
    inForce: createRulesInForce(),
    versions: state.ruleVersions,
    approvals: state.approvals,
    approvalRule: 'single',
    compile: compileRules,
    check: (now, candidate) => checkRules(deps, { now, candidate, at: clock.now() }),
    trail: () => undefined,
    log: () => undefined,
    clock,
  })
  desk.start(files)
  const check: ApiDeps['rules']['check'] = (asked) =>
    checkRules(deps, { ...asked, now: desk.status().set, at: clock.now() })
  return { desk, check, scopeOf, notes: () => [] }
}

async function* pages(events: readonly AuditEvent[]): AsyncGenerator<readonly AuditEvent[]> {
  yield events.toReversed()
}

/** Where there are no AccessAudits, and none is taken. */
export const noAccessAudits: ApiDeps['accessAudits'] = {
  list: () => [],
  put: async () => ({ kind: 'same', revision: 1, hash: '' }),
  remove: async () => ({ kind: 'same', revision: 1, hash: '' }),
}

/** Erasures over a state folder and a store without events, which nobody executes. */
export function erasuresOn(state: State, clock: Clock, approvalRule: ApprovalRule): ApiDeps['erasures'] {
  return createErasureDesk({
    erasures: state.erasures,
    approvals: state.approvals,
    approvalRule,
    store: { find: async () => [] },
    keys: { identitiesOf: () => new Map() },
    asOf: () => 1,
    holdOn: () => undefined,
    trail: () => undefined,
    wake: () => undefined,
    clock,
  })
}

/** Where no record was ever rejected. */
export const nothingRejected: ApiDeps['rejected'] = {
  list: async () => [],
  get: async () => undefined,
  take: async () => [],
  settle: async () => undefined,
  discard: async () => 0,
  totals: async () => ({ kept: [], letGo: [] }),
}

/** A source as the API is told of it. */
export const PROD_1: SourceAnswer = {
  name: 'prod-1',
  kind: 'kubernetes-webhook',
  stream: 'kubernetes',
  role: 'receiver',
  state: 'listening',
  since: '2026-11-24T12:00:00.000Z',
  listens: '/in/prod-1',
  accounting: NOTHING,
  replayed: 0,
  refused: {},
}

function aLedger(): ApiDeps['ledger'] {
  const note = `${LOG}\n3\nq83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=\n\n— ${LOG} AAAA\n`
  return {
    logs: () => [
      { origin: LOG, vkey: `${LOG}+00000000+AAAA`, size: 3, stream: 'default', period: '2026-11', state: 'open' },
    ],
    checkpoint: () => note,
    proof: async (_log, index) => (index < 3 ? { checkpoint: note, hashes: [new Uint8Array(32)] } : undefined),
    serve: async (_log, path) =>
      path === 'checkpoint'
        ? { body: Buffer.from(note), contentType: 'text/plain; charset=utf-8', cache: 'short', gzip: false }
        : undefined,
  }
}
