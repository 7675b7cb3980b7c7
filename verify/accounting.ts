import type { Leaf } from './leaf.ts'
import { type Findings, countText, plural } from './report.ts'

/** Leaves that stand one after the other in their log. */
export interface Stretch {
  readonly from: number
  readonly leaves: readonly Leaf[]
}

/** A log as it is counted: its leaves, and what its system leaves say of it (their `ledger`, where it is shown). */
export interface CountedLog {
  readonly origin: string
  readonly stretches: readonly Stretch[]
  readonly details: ReadonlyMap<number, ReadonlyMap<string, unknown>>
}

/**
 * What heartbeats say against what the leaves are (docs/ledger.md, System leaves): events per source between two
 * heartbeats of a log, the install's accounts between two of its trail, and the numbers of sources that number.
 */
export function checkAccounting(logs: readonly CountedLog[], findings: Findings): void {
  for (const log of logs) checkLog(log, findings)
  const accounts = accountsOf(logs)
  checkInstall(logs, accounts, findings)
  checkNumbers(logs, accounts, findings)
}

type Counts = ReadonlyMap<string, number>

const SYSTEM = '_log'

/** Within one log: between two heartbeats each source has as many leaves as its total went up by. */
function checkLog({ origin, stretches, details }: CountedLog, findings: Findings): void {
  let tied = 0
  let events = 0
  for (const { from, leaves } of stretches) {
    let last: Counts | undefined = from === 0 ? new Map() : undefined
    let counts = new Map<string, number>()
    for (const [n, leaf] of leaves.entries()) {
      if (leaf.s !== SYSTEM) counts.set(leaf.s, (counts.get(leaf.s) ?? 0) + 1)
      if (leaf.s !== SYSTEM || leaf.y !== 'heartbeat') continue
      const totals = countsIn(details.get(from + n)?.get('sources'))
      if (last !== undefined && totals !== undefined) {
        const fault = differs(last, totals, counts)
        if (fault !== undefined) {
          const text = `the heartbeat at leaf ${countText(from + n)} does not tie out: ${fault}`
          return findings.say('accounting', 'no', text, origin)
        }
        tied += 1
        for (const count of counts.values()) events += count
      }
      last = totals
      counts = new Map()
    }
  }
  if (tied === 0)
    return findings.say('accounting', 'open', 'the pack has no two heartbeats of this log to compare', origin)
  const text = `${plural(tied, 'heartbeat ties', 'heartbeats tie')} out with the ${plural(events, 'event')} before, source by source`
  return findings.say('accounting', 'yes', text, origin)
}

function differs(last: Counts, totals: Counts, counts: Counts): string | undefined {
  for (const source of new Set([...last.keys(), ...totals.keys(), ...counts.keys()])) {
    const said = (totals.get(source) ?? 0) - (last.get(source) ?? 0)
    const found = counts.get(source) ?? 0
    if (said !== found)
      return `${source} has ${plural(found, 'leaf', 'leaves')} since the one before, and it says ${countText(said)}`
  }
  return undefined
}

/** A heartbeat of the trail's log: the install's accounts and the sizes of all open logs, at one moment. */
interface Accounts {
  readonly at: string
  readonly bySource: ReadonlyMap<string, Account>
  readonly sizes: Counts
}

interface Account {
  readonly received: number
  readonly kept: number
  readonly events: number
  readonly duplicate: number
  readonly shed: number
  readonly dropped: Counts
  readonly rejected: Counts
}

function accountsOf(logs: readonly CountedLog[]): readonly Accounts[] {
  // Periods sort by their names, so this is the order of time.
  return logs
    .toSorted((a, b) => (a.origin < b.origin ? -1 : 1))
    .flatMap(({ origin, stretches, details }) =>
      stretches.flatMap(({ from, leaves }) =>
        leaves.flatMap((leaf, n) => {
          const said = isHeartbeat(leaf) ? details.get(from + n) : undefined
          const sizes = countsIn(said?.get('logs'))
          const sources = said?.get('accounting')
          if (sizes === undefined || typeof sources !== 'object' || sources === null) return []
          const bySource = new Map(Object.entries(sources).map(([source, each]) => [source, accountOf(each)]))
          return [{ at: `leaf ${countText(from + n)} of ${origin}`, bySource, sizes }]
        }),
      ),
    )
}

function checkInstall(logs: readonly CountedLog[], accounts: readonly Accounts[], findings: Findings): void {
  for (const { at, bySource } of accounts) {
    for (const [source, account] of bySource) {
      const missing =
        account.received -
        account.kept -
        account.duplicate -
        account.shed -
        sum(account.dropped) -
        sum(account.rejected)
      if (missing !== 0) {
        const text = `${at}: of ${source} ${plural(Math.abs(missing), 'record')} ${missing > 0 ? 'became nothing' : 'came from nowhere'}`
        return findings.say('accounting', 'no', text)
      }
    }
  }
  const [first, last] = [accounts[0], accounts.at(-1)]
  if (first === undefined || last === undefined || first === last) {
    return findings.say('accounting', 'open', 'the pack has no two heartbeats with the accounts of the whole install')
  }
  for (let n = 1; n < accounts.length; n++) {
    const fault = betweenTwo(logs, accounts[n - 1]!, accounts[n]!)
    if (fault !== undefined) return findings.say('accounting', 'no', fault)
  }
  const stories = [...last.bySource.keys()].flatMap((source) => storyOf(source, first, last))
  const told = stories.length === 0 ? 'nothing came' : stories.join('; ')
  return findings.say(
    'accounting',
    'yes',
    `the install's accounts balance at each of ${plural(accounts.length, 'heartbeat')}. Between the first and the last: ${told}`,
  )
}

/** Never fewer leaves than events were counted, where the pack has all the leaves; never more in any case. */
function betweenTwo(logs: readonly CountedLog[], a: Accounts, b: Accounts): string | undefined {
  const grown = new Set([...a.sizes.keys(), ...b.sizes.keys()])
  const leaves = new Map<string, number>()
  let hasAll = true
  for (const origin of grown) {
    const log = logs.find((each) => each.origin === origin)
    const [from, to] = [a.sizes.get(origin) ?? 0, b.sizes.get(origin) ?? endOf(log)]
    if (to === undefined) hasAll = false
    if (to === undefined || from === to) continue
    const within = log?.stretches.find((each) => each.from <= from && each.from + each.leaves.length >= to)
    if (within === undefined) hasAll = false
    for (const leaf of within?.leaves.slice(from - within.from, to - within.from) ?? []) {
      leaves.set(leaf.s, (leaves.get(leaf.s) ?? 0) + 1)
    }
  }
  for (const source of new Set([...a.bySource.keys(), ...b.bySource.keys()])) {
    const said = (b.bySource.get(source)?.events ?? 0) - (a.bySource.get(source)?.events ?? 0)
    const found = leaves.get(source) ?? 0
    if (found > said || (hasAll && found < said)) {
      return `${b.at}: it counts ${plural(said, 'event')} of ${source} since the one before, and the logs have ${countText(found)}`
    }
  }
  return undefined
}

/** Where a log ended that is not among the open ones any more. */
function endOf(log: CountedLog | undefined): number | undefined {
  const last = log?.stretches.at(-1)
  return last?.leaves.at(-1)?.y === 'log.closed' ? last.from + last.leaves.length : undefined
}

/** What became of a source's records, in words; nothing where none came. */
function storyOf(source: string, first: Accounts, last: Accounts): readonly string[] {
  const [a, b] = [first.bySource.get(source) ?? NOTHING, last.bySource.get(source) ?? NOTHING]
  if (b.received === a.received) return []
  const parts = [
    `${countText(b.kept - a.kept)} kept`,
    ...deltas(a.dropped, b.dropped).map(([rule, count]) => `${countText(count)} dropped by rule ${rule}`),
    ...deltas(a.rejected, b.rejected).map(([reason, count]) => `${countText(count)} rejected (${reason})`),
    ...(b.duplicate > a.duplicate ? [`${countText(b.duplicate - a.duplicate)} duplicate`] : []),
    ...(b.shed > a.shed ? [`${countText(b.shed - a.shed)} shed`] : []),
  ]
  return [`${source} sent ${plural(b.received - a.received, 'record')}: ${parts.join(', ')}`]
}

/** Per source and epoch, the numbers of its leaves without a hole, or as many holes as records became no event. */
function checkNumbers(logs: readonly CountedLog[], accounts: readonly Accounts[], findings: Findings): void {
  const numbered = numbersOf(logs)
  if (numbered.size === 0) {
    return findings.say(
      'numbers',
      'open',
      'no source in this pack numbers its records: completeness is told by the accounts',
    )
  }
  const gaps = gapsIn(logs)
  for (const [source, epochs] of numbered) {
    for (const [epoch, numbers] of epochs) {
      const [low, high] = [numbers.reduce((a, b) => Math.min(a, b)), numbers.reduce((a, b) => Math.max(a, b))]
      const missing = high - low + 1 - new Set(numbers).size
      const what = `${source}, epoch ${epoch}, numbers ${countText(low)} to ${countText(high)}`
      if (missing === 0) {
        findings.say('numbers', 'yes', `${what}: none is missing`)
        continue
      }
      const told = gaps.get(`${source} ${epoch}`) ?? 0
      const elsewhere = becameNothing(source, accounts)
      if (missing <= told) {
        findings.say('numbers', 'open', `${what}: ${plural(missing, 'number')} never came, and the log says so itself`)
      } else if (elsewhere === undefined) {
        findings.say(
          'numbers',
          'open',
          `${what}: ${plural(missing, 'number has', 'numbers have')} no event, and the pack does not have the accounts that would say why`,
        )
      } else if (missing - told <= elsewhere) {
        findings.say(
          'numbers',
          'yes',
          `${what}: ${plural(missing, 'number has', 'numbers have')} no event, and the accounts tell of ${plural(elsewhere, 'record')} that became none`,
        )
      } else {
        findings.say(
          'numbers',
          'no',
          `${what}: ${plural(missing - told, 'number has', 'numbers have')} no event, and the accounts explain ${countText(elsewhere)} of them`,
        )
      }
    }
  }
}

function numbersOf(logs: readonly CountedLog[]): ReadonlyMap<string, ReadonlyMap<number, number[]>> {
  const found = new Map<string, Map<number, number[]>>()
  for (const { stretches } of logs) {
    for (const { leaves } of stretches) {
      for (const { s, e, n } of leaves) {
        if (e === undefined || n === undefined) continue
        const epochs = found.get(s) ?? new Map<number, number[]>()
        const numbers = epochs.get(e)
        if (numbers === undefined) epochs.set(e, [n])
        else numbers.push(n)
        found.set(s, epochs)
      }
    }
  }
  return found
}

/** Numbers that `gap.detected` tells of, by source and epoch, less those that came after all. */
function gapsIn(logs: readonly CountedLog[]): ReadonlyMap<string, number> {
  const gaps = new Map<string, number>()
  for (const { stretches, details } of logs) {
    for (const { from, leaves } of stretches) {
      for (const [n, leaf] of leaves.entries()) {
        if (leaf.s !== SYSTEM || leaf.y !== 'gap.detected') continue
        const said = details.get(from + n)
        const [first, last] = [said?.get('from'), said?.get('to')]
        if (typeof first !== 'number' || typeof last !== 'number') continue
        const name = `${String(said?.get('source'))} ${String(said?.get('epoch'))}`
        gaps.set(name, (gaps.get(name) ?? 0) + last - first + 1)
      }
    }
  }
  return gaps
}

function becameNothing(source: string, accounts: readonly Accounts[]): number | undefined {
  const [first, last] = [accounts[0], accounts.at(-1)]
  if (first === undefined || last === undefined || first === last) return undefined
  const lost = (account: Account): number =>
    account.duplicate + account.shed + sum(account.dropped) + sum(account.rejected)
  return lost(last.bySource.get(source) ?? NOTHING) - lost(first.bySource.get(source) ?? NOTHING)
}

function isHeartbeat(leaf: Leaf): boolean {
  return leaf.s === SYSTEM && leaf.y === 'heartbeat'
}

const NOTHING: Account = {
  received: 0,
  kept: 0,
  events: 0,
  duplicate: 0,
  shed: 0,
  dropped: new Map(),
  rejected: new Map(),
}

function accountOf(value: unknown): Account {
  const fields = new Map(Object.entries(typeof value === 'object' && value !== null ? value : {}))
  const count = (name: string): number => {
    const found: unknown = fields.get(name)
    return typeof found === 'number' ? found : Number.NaN
  }
  return {
    received: count('received'),
    kept: count('kept'),
    events: count('events'),
    duplicate: count('duplicate'),
    shed: count('shed'),
    dropped: countsIn(fields.get('dropped')) ?? new Map(),
    rejected: countsIn(fields.get('rejected')) ?? new Map(),
  }
}

/** Undefined for what is no table of counts. */
function countsIn(value: unknown): Counts | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const entries = Object.entries(value)
  const isCounts = entries.every(([, count]) => Number.isSafeInteger(count) && Number(count) >= 0)
  return isCounts ? new Map(entries.map(([name, count]) => [name, Number(count)])) : undefined
}

function deltas(a: Counts, b: Counts): readonly (readonly [string, number])[] {
  return [...b].map(([name, count]) => [name, count - (a.get(name) ?? 0)] as const).filter(([, count]) => count > 0)
}

function sum(counts: Counts): number {
  let total = 0
  for (const count of counts.values()) total += count
  return total
}
