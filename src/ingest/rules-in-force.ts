import { hash } from 'node:crypto'
import { type CompiledRules, compileRules } from '../rules/compile.ts'
import { NO_RULES, type RuleSet } from '../rules/rule-set.ts'

/** Rules as they are or were in force. */
export interface RulesRevision {
  /** Counted from 1 since the process started: seal threads know rules by it. */
  readonly revision: number
  /** SHA-256 of the set's canonical JSON, hex: what heartbeats seal. */
  readonly hash: string
  readonly set: RuleSet
  readonly compiled: CompiledRules
}

/** Which rules decide now. A slice is judged by those that were in force when it was taken, whenever that happens. */
export interface RulesInForce {
  current(): RulesRevision
  /** Compiles the set here first. Throws what compiling throws, and then those before stay in force. */
  use(set: RuleSet): RulesRevision
  /** Called after each `use`, also when the set is the same as before. */
  onChange(call: (now: RulesRevision) => void): { cancel(): void }
}

/** @param compile stands in for `compileRules` where a test has a family of its own. */
export function createRulesInForce(first: RuleSet = NO_RULES, compile = compileRules): RulesInForce {
  const listeners = new Set<(now: RulesRevision) => void>()
  let now = revisionOf(1, first, compile)
  return {
    current: () => now,
    use(set) {
      now = revisionOf(now.revision + 1, set, compile)
      for (const call of listeners) call(now)
      return now
    },
    onChange(call) {
      listeners.add(call)
      return { cancel: () => void listeners.delete(call) }
    },
  }
}

/** SHA-256 over the set as JSON with sorted keys and without spaces, hex. */
export function hashOfRules(set: RuleSet): string {
  return hash('sha256', JSON.stringify(sorted(set)), 'hex')
}

function revisionOf(revision: number, set: RuleSet, compile: typeof compileRules): RulesRevision {
  return { revision, hash: hashOfRules(set), set, compiled: compile(set) }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  // Entries, not assignments: a policy may be called __proto__.
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  )
}
