import { type Accounting, addAccounting, NOTHING } from '../domain/accounting.ts'
import type { RuleAnswer, RuleCounts, RulesAnswer, RuleVersionAnswer, WaitingRules } from '../domain/rule-answers.ts'
import { formatMillis } from '../domain/time.ts'
import { hourOf } from '../ingest/hours.ts'
import { shownDetails } from '../ingest/rule-desk.ts'
import { ruleEntries } from '../rules/rule-entries.ts'
import { nameOfAdded } from '../rules/rule-layers.ts'
import type { Waiting } from '../state/approvals.ts'
import type { RuleVersion } from '../state/rule-versions.ts'
import type { ApiDeps } from './deps.ts'

const HOURS_A_DAY = 24

/** Rules in force. @param counted With how often each acted: for those only who may see all of every event. */
export function rulesAnswer(deps: ApiDeps, counted: boolean): RulesAnswer {
  const { layers, set, version, waiting, fault } = deps.rules.desk.status()
  const { origins } = layers.files
  const added = new Map(layers.added.map((each) => [nameOfAdded(each), each]))
  const counts = counted ? accounts(deps) : undefined
  const entries = ruleEntries(set)
  // What acts without being written down: masks of secrets, the end of a policy.
  const names = new Set(entries.map(({ name }) => name))
  const unwritten = counts === undefined ? [] : rulesIn(counts.total).filter((name) => !names.has(name))
  const rules = [...entries, ...unwritten.map((name) => ({ name, family: familyOf(name), text: '' }))]
  return {
    revision: version.revision,
    hash: version.hash,
    since: formatMillis(version.since),
    rules: rules.map((entry): RuleAnswer => {
      const { name, family, text } = entry
      const own = added.get(name)
      return {
        name,
        family,
        says: text,
        origin: own === undefined ? originOf(name, 'line' in entry ? entry.line : undefined, origins) : 'api',
        ...(own !== undefined && { by: own.by, at: formatMillis(own.at) }),
        ...('shadow' in entry && entry.shadow && { shadow: true }),
        ...(counts !== undefined && { total: countsOf(name, counts.total), today: countsOf(name, counts.today) }),
      }
    }),
    waiting: waiting.map(waitingAnswer),
    ...(fault !== undefined && { error: { ...fault, at: formatMillis(fault.at) } }),
    notes: deps.rules.notes(),
  }
}

export function waitingAnswer(waiting: Waiting): WaitingRules {
  const { id, summary, requestedBy, requestedAt } = waiting
  return { id, summary, requestedBy, requestedAt: formatMillis(requestedAt), ...shownDetails(waiting) }
}

export function versionAnswer({ since, ...version }: RuleVersion): RuleVersionAnswer {
  return { ...version, since: formatMillis(since) }
}

interface Accounts {
  readonly total: Accounting
  readonly today: Accounting
}

function accounts({ sources, hours, clock }: ApiDeps): Accounts {
  const own = sources().filter(({ feeds }) => feeds === undefined)
  const now = hourOf(clock.now())
  const midnight = now - (now % HOURS_A_DAY)
  const today = own.flatMap(({ name }) => hours(name, midnight, now + 1))
  return { total: sumOf(own), today: sumOf(today) }
}

function sumOf(accounted: readonly { readonly accounting: Accounting }[]): Accounting {
  return accounted.reduce((sum, { accounting }) => addAccounting(sum, accounting), NOTHING)
}

function rulesIn({ dropped, acted = {}, shadow = {} }: Accounting): readonly string[] {
  const names = [...Object.keys(dropped), ...Object.keys(acted), ...Object.keys(shadow)]
  return [...new Set(names)].filter((name) => name.includes('/') || name === 'access-audit').toSorted()
}

function countsOf(name: string, { dropped, droppedBytes, acted, shadow }: Accounting): RuleCounts {
  return {
    dropped: countIn(name, dropped),
    droppedBytes: countIn(name, droppedBytes),
    acted: countIn(name, acted),
    shadow: countIn(name, shadow),
  }
}

function countIn(name: string, counts: Readonly<Record<string, number>> = {}): number {
  return Object.hasOwn(counts, name) ? (counts[name] ?? 0) : 0
}

function familyOf(name: string): string {
  if (name.startsWith('policy/')) return 'kubernetes-policy'
  if (name.startsWith('secret/')) return 'default-mask'
  return name.startsWith('access-audit') ? 'access-audit' : 'gone'
}

/** A rule of a policy stands some lines below where its document begins. */
function originOf(name: string, line: number | undefined, origins: Readonly<Record<string, string>>): string {
  if (Object.hasOwn(origins, name)) return origins[name] ?? ''
  const policy = /^(policy\/.+)\/\d+$/.exec(name)?.[1]
  if (policy === undefined || line === undefined || !Object.hasOwn(origins, policy)) return ''
  const [, file, begin] = /^(.*):(\d+):\d+$/.exec(origins[policy] ?? '') ?? []
  return file === undefined ? '' : `${file}:${Number(begin) + line - 1}:1`
}
