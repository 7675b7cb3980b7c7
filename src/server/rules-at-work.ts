import { localOperator } from '../auth/caller.ts'
import { judge } from '../auth/judge.ts'
import { AuditError } from '../domain/errors.ts'
import type { AuditEvent } from '../domain/event.ts'
import type { RuleCheck } from '../domain/rule-answers.ts'
import { checkRules, type RuleCheckAsked, type RuleCheckDeps } from '../ingest/rule-check.ts'
import { createRuleDesk, type RuleDesk } from '../ingest/rule-desk.ts'
import type { Clock } from '../lib/clock.ts'
import { compileRules } from '../rules/compile.ts'
import type { RuleScope } from '../rules/family.ts'
import type { FileRules } from '../rules/rule-layers.ts'
import type { Reads } from '../store/reads.ts'
import { createAccessAuditWatch } from './access-audit-watch.ts'
import type { Closers } from './closers.ts'
import type { Config } from './config.ts'
import type { Foundation } from './foundation.ts'
import type { Pipeline } from './pipeline.ts'
import { createReload, NO_FILES, type Reload } from './reload.ts'
import { ruleScopes } from './sources.ts'

/** Rules in force, and how they change. */
export interface RulesAtWork {
  readonly desk: RuleDesk
  readonly reload: Reload
  check(asked: Omit<RuleCheckAsked, 'at' | 'now'>): Promise<RuleCheck>
  /** How rules are asked about events of a source. */
  readonly scopeOf: (source: string, stream: string) => RuleScope
  /** In words for an operator: what waits, what was not understood, what wants a restart. */
  notes(): readonly string[]
  /** Looks at the files of this start, and from then on at what changes in them. */
  follow(closers: Closers): void
}

export interface RulesParts {
  readonly config: Config
  readonly loadAgain: (() => Config) | undefined
  readonly foundation: Pick<Foundation, 'state'>
  readonly pipeline: Pick<Pipeline, 'rules' | 'trail' | 'store' | 'storeFollower'>
  readonly clock: Clock
  readonly log: (message: string) => void
  readonly fatal: (error: unknown) => void
}

const PAGE_ROWS = 200
/** A change waits for its check that long; what was read by then is what it is judged by. */
const HOLD_MS = 20_000
const CHECK_MS = 45_000

export function openRules(parts: RulesParts): RulesAtWork {
  const { config, foundation, pipeline, clock, log, fatal } = parts
  const read: RuleCheckDeps = {
    events: (sinceMs, signal) => storedEvents(pipeline, sinceMs, signal),
    scopeOf: ruleScopes(config.sources),
    compile: compileRules,
  }
  const within = (ms: number) => {
    const end = clock.now() + ms
    return () => clock.now() > end
  }
  const desk = createRuleDesk({
    inForce: pipeline.rules,
    versions: foundation.state.ruleVersions,
    approvals: foundation.state.approvals,
    approvalRule: config.approvals ?? 'single',
    compile: compileRules,
    check: (now, candidate) => checkRules(read, { now, candidate, at: clock.now(), isOver: within(HOLD_MS) }),
    trail: (event) => pipeline.trail(event),
    log,
    clock,
  })
  const files = config.rules ?? NO_FILES
  for (const warning of files.rules.warnings) log(`rules: ${warning}`)
  desk.start(files.rules)
  const watch = config.accessAudits && createAccessAuditWatch({ config: config.accessAudits, clock, log })
  // Those of a cluster stand among the files: they change nowhere else either.
  const changeFiles = async (rules: FileRules) =>
    desk.changeFiles(watch?.withThem(rules, desk.status().layers.files) ?? rules)
  const reload = createReload({
    config,
    load: parts.loadAgain ?? (() => config),
    desk: { changeFiles, filesFail: (error) => desk.filesFail(error) },
    clock,
    log,
  })
  return {
    desk,
    reload,
    check: (asked) => checkRules(read, { isOver: within(CHECK_MS), ...asked, now: desk.status().set, at: clock.now() }),
    scopeOf: read.scopeOf,
    notes() {
      const trouble = watch?.trouble()
      const lines = [...notesOf(desk, reload), ...nothingAudited(config, desk)]
      return trouble === undefined ? lines : [...lines, `AccessAudits: ${trouble}`]
    },
    follow(closers) {
      const ended = new AbortController()
      // Without the store nobody knows what a change would drop: the rules of before go on until it answers.
      const begun = pipeline.store.ready.then(async () => {
        if (ended.signal.aborted) return
        await changeFiles(files.rules).catch((error: unknown) => {
          if (!(error instanceof AuditError)) throw error
          desk.filesFail(error)
        })
        await Promise.all([
          parts.loadAgain !== undefined && reload.watch(ended.signal),
          watch?.run(() => void reload.now().catch(fatal), ended.signal),
        ])
      })
      begun.catch((error: unknown) => (error instanceof AuditError ? log(`rules: ${error.message}`) : fatal(error)))
      closers.push(() => ended.abort())
    },
  }
}

/** All that is stored since then, for nobody's eyes: newest first. */
async function* storedEvents(
  { store, storeFollower }: RulesParts['pipeline'],
  sinceMs: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly AuditEvent[]> {
  const judged = judge(localOperator(undefined), ['EVENT_READ'])
  if (judged.kind === 'deny') throw new AuditError('internal', judged.reason)
  const reads: Pick<Reads, 'list'> = store.reads
  const run = { query: undefined, sinceMs, asOf: storeFollower.asOf, order: 'newest' as const, limit: PAGE_ROWS }
  let after: { readonly timeUs: number; readonly feed: number } | undefined
  do {
    const page = await reads.list({ ...run, ...(after !== undefined && { after }) }, judged.visibility, signal)
    yield page.events
    after = page.next
  } while (after !== undefined)
}

function notesOf(desk: RuleDesk, reload: Reload): readonly string[] {
  const { waiting, fault, filesAreNew } = desk.status()
  const restart = reload.needRestart()
  return [
    ...(filesAreNew ? ['the rules of the files are not in force yet: what they would drop is being looked at'] : []),
    ...(fault === undefined ? [] : [`rules are as before, since the files are not understood: ${fault.message}`]),
    ...waiting.map(({ id, summary }) => `rules wait for whodid rules confirm ${id}: ${summary}`),
    ...(restart.length === 0 ? [] : [`whodid.yaml says something else since the start: ${restart.join(', ')}`]),
  ]
}

/** As in Kong Mesh, where there is no AccessAudit nothing is audited: it is right, and seldom meant. */
function nothingAudited({ sources }: Config, desk: RuleDesk): readonly string[] {
  const asking = sources.filter(({ rules }) => rules?.includes('access-audit')).map(({ name }) => name)
  if (asking.length === 0 || desk.status().set.accessAudits.length > 0) return []
  return [`there is no AccessAudit: what ${asking.join(', ')} says about a mesh is dropped`]
}
