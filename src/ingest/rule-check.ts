import { Buffer } from 'node:buffer'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AuditEvent } from '../domain/event.ts'
import type { CheckedRule, RuleCheck, RuleEffect } from '../domain/rule-answers.ts'
import { formatMillis } from '../domain/time.ts'
import type { DecodedEvent } from '../formats/format.ts'
import type { CompiledRules } from '../rules/compile.ts'
import type { Noted, RuleScope, Ruling } from '../rules/family.ts'
import { ruleEntries } from '../rules/rule-entries.ts'
import type { RuleSet } from '../rules/rule-set.ts'

export interface RuleCheckDeps {
  /** Stored events from `sinceMs` on, whole, newest first, in pages that are parsed within a few milliseconds. */
  readonly events: (sinceMs: number, signal: AbortSignal | undefined) => AsyncIterable<readonly AuditEvent[]>
  readonly scopeOf: (source: string, stream: string) => RuleScope
  readonly compile: (set: RuleSet) => CompiledRules
}

export interface RuleCheckAsked {
  readonly now: RuleSet
  readonly candidate: RuleSet
  /** Milliseconds since 1970. */
  readonly at: number
  /** No more events than that are read. */
  readonly most?: number
  /** Ends the reading: the answer is then of a part. */
  readonly isOver?: () => boolean
  /** Told now and then how many were read. */
  readonly onProgress?: (read: number) => void
  readonly signal?: AbortSignal
}

const DAY_MS = 86_400_000
const MOST_EVENTS = 100_000
const MOST_EXAMPLES = 20
/** Intake shares this thread. */
const SLICE_MS = 3
const TRAIL_SOURCE = 'whodid'

/**
 * What two sets of rules make of the stored events of the last day: read newest first, judged in slices of a few
 * milliseconds, nothing stored. They are judged as they are stored, so what was masked or dropped at intake is not seen
 * again. Throws what compiling a set throws, and what reading the store throws.
 */
export async function checkRules(deps: RuleCheckDeps, asked: RuleCheckAsked): Promise<RuleCheck> {
  const { at, most = MOST_EVENTS, isOver = () => false, onProgress = () => undefined } = asked
  const sinceMs = at - DAY_MS
  const tally = createTally(deps, asked)
  let isPart = false
  let sliceEnd = performance.now() + SLICE_MS
  pages: for await (const page of deps.events(sinceMs, asked.signal)) {
    for (const event of page) {
      if (tally.read === most || isOver()) {
        isPart = true
        break pages
      }
      tally.add(event)
      if (performance.now() < sliceEnd) continue
      await nextTurn()
      sliceEnd = performance.now() + SLICE_MS
    }
    onProgress(tally.read)
  }
  return { since: formatMillis(sinceMs), isPart, ...tally.sum() }
}

function createTally(deps: RuleCheckDeps, asked: RuleCheckAsked) {
  const [now, candidate] = [deps.compile(asked.now), deps.compile(asked.candidate)]
  const rules = new Map<string, Mutable<CheckedRule>>()
  const sources = new Map<string, { kept: number; newlyDropped: number }>()
  const examples: string[] = []
  const decidedBy = new Map<string, string>()
  const effects = { now: noEffect(), candidate: noEffect() }
  let [read, newlyDropped, newlyKept, ownTrail] = [0, 0, 0, 0]

  function noted(bytes: number) {
    const seen = new Set<string>()
    const countOf = (name: string): Mutable<CheckedRule> => {
      const count = rules.get(name) ?? { name, matched: 0, bytes: 0, dropped: 0, shadow: 0 }
      rules.set(name, count)
      if (seen.has(name)) return count
      seen.add(name)
      count.matched++
      count.bytes += bytes
      return count
    }
    return { seen, countOf }
  }

  return {
    get read() {
      return read
    },
    add(event: AuditEvent): void {
      read++
      const source = event.whodid?.source ?? ''
      const scope = deps.scopeOf(source, event.whodid?.stream ?? 'default')
      const decoded = decodedOf(event)
      const id = Buffer.from(event.event.id ?? '', 'base64url')
      const bytes = event.event.original?.length ?? 0
      const { seen, countOf } = noted(bytes)
      const asItIs: Ruling = { kind: 'keep', decoded }
      const before = now.judge(decoded, scope, id, () => undefined) ?? asItIs
      const note: Noted = (rule, did, would) => {
        const count = countOf(rule)
        if (would !== undefined) count.shadow++
        else if (did === 'drop') count.dropped++
      }
      const after = candidate.judge(decoded, scope, id, note) ?? asItIs
      if (after.kind === 'drop' && !seen.has(after.rule)) countOf(after.rule).dropped++
      if (source === TRAIL_SOURCE) {
        // No rule reaches it; that one would is told all the same.
        if (after.kind === 'drop' && before.kind !== 'drop') ownTrail++
        return
      }
      enter(effects.now, before, decoded, bytes)
      enter(effects.candidate, after, decoded, bytes)
      const own = sources.get(source) ?? { kept: 0, newlyDropped: 0 }
      sources.set(source, own)
      if (before.kind === 'keep') own.kept++
      if (before.kind === 'drop' && after.kind === 'keep') newlyKept++
      if (before.kind !== 'keep' || after.kind !== 'drop') return
      own.newlyDropped++
      newlyDropped++
      if (examples.length === MOST_EXAMPLES || event.event.id === undefined) return
      examples.push(event.event.id)
      decidedBy.set(event.event.id, after.rule)
    },
    sum() {
      const names = ruleEntries(asked.candidate).filter(
        ({ name, family }) => family !== 'default-mask' && !name.includes(':'),
      )
      return {
        read,
        ...effects,
        newlyDropped,
        newlyKept,
        ownTrail,
        rules: [...rules.values()],
        neverMatched: names.map(({ name }) => name).filter((name) => !isMatched(name, rules)),
        sources: [...sources].map(([source, counts]) => ({ source, ...counts })),
        examples,
        decidedBy: Object.fromEntries(decidedBy),
      }
    },
  }
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

function noEffect(): Mutable<RuleEffect> {
  return { kept: 0, dropped: 0, changed: 0, bytes: 0 }
}

function enter(effect: Mutable<RuleEffect>, ruling: Ruling, decoded: DecodedEvent, bytes: number): void {
  if (ruling.kind === 'drop') {
    effect.dropped++
    return
  }
  effect.kept++
  effect.bytes += bytes
  if (ruling.decoded !== decoded || ruling.stream !== undefined) effect.changed++
}

/** A policy as a whole matched when one of its rules did. */
function isMatched(name: string, rules: ReadonlyMap<string, unknown>): boolean {
  if (rules.has(name)) return true
  return name.startsWith('policy/') && [...rules.keys()].some((each) => each.startsWith(`${name}/`))
}

/** A stored event as rules see one that comes: without what sealing adds. */
export function decodedOf({ whodid, ...event }: AuditEvent): DecodedEvent {
  const { id: _id, ingested: _ingested, ...fields } = event.event
  return {
    event: { ...event, '@timestamp': event['@timestamp'], event: fields },
    ...(whodid?.natural_id !== undefined && { naturalId: whodid.natural_id }),
    ...(whodid?.category !== undefined && { category: whodid.category }),
    ...(whodid?.trust !== undefined && { trust: whodid.trust }),
    ...(whodid?.truncated !== undefined && { truncated: whodid.truncated }),
    ...(whodid?.masked !== undefined && { masked: whodid.masked }),
    ...(whodid?.original_base64 !== undefined && { originalBase64: whodid.original_base64 }),
  }
}
