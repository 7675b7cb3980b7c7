import type { AuditEvent } from '../domain/event.ts'
import type { DecodedEvent } from '../formats/format.ts'
import type { Values } from '../query/event-values.ts'
import { type Predicate, predicate, type ReadAs, type ReadPath, valuesIn } from '../query/predicate.ts'
import { type Bits, createQueryIndex } from './expressions-index.ts'
import { withLabels } from './expressions-labels.ts'
import { readMatch } from './expressions-match.ts'
import type { ExpressionRule } from './expressions.ts'
import type { Family, Noted, RuleScope, Ruling } from './family.ts'
import type { RuleKeys } from './masks-hash.ts'
import { type CompiledMask, compileMask, withMasks } from './masks.ts'
import type { RuleSet } from './rule-set.ts'

/**
 * Rules in our query language (docs/rules/expressions.md). No rule matches: the event is kept as it is. The first that
 * keeps, drops or samples it decides; so does the first that routes it; labels and masks add up. All are asked about
 * the event as it came to this family: no rule sees what another one did.
 */
export function compileExpressions({ expressions }: RuleSet, keys: RuleKeys): Family | undefined {
  const asked: Asked = { event: undefined, decoded: undefined, scope: undefined }
  const read = createReader(asked)
  const rules = expressions.filter((rule) => !('mask' in rule) || rule.mask.at === 'intake')
  if (rules.length === 0) return undefined
  const queries = rules.map(({ match }) => (match === undefined ? undefined : readMatch(match)))
  const compiled = rules.map((rule, n): Compiled => {
    const query = queries[n]
    return {
      ...actOf(rule, keys),
      name: `rule/${rule.name}`,
      isShadow: rule.shadow === true,
      matches: query === undefined ? () => true : predicate(query, undefined, read),
    }
  })
  const index = createQueryIndex(queries, read)
  const bits = new Uint32Array(Math.ceil(rules.length / 32))
  return {
    streams: rules.flatMap((rule) => ('route' in rule && rule.shadow !== true ? [rule.route] : [])),
    judge(decoded, scope, id, noted) {
      asked.decoded = decoded
      asked.scope = scope
      index.candidates(decoded.event, bits)
      const found = decide(compiled, bits, decoded.event, id)
      return found === undefined ? undefined : ruled(found, decoded, noted)
    },
  }
}

type Act =
  | { readonly kind: 'keep' | 'drop' }
  | { readonly kind: 'sample'; readonly share: number }
  | { readonly kind: 'route'; readonly stream: string }
  | { readonly kind: 'label'; readonly labels: Readonly<Record<string, string>> }
  | { readonly kind: 'mask'; readonly mask: CompiledMask }

type Compiled = Act & { readonly name: string; readonly isShadow: boolean; readonly matches: Predicate }

function actOf(rule: ExpressionRule, keys: RuleKeys): Act {
  if ('keep' in rule) return { kind: 'keep' }
  if ('drop' in rule) return { kind: 'drop' }
  if ('sample' in rule) return { kind: 'sample', share: rule.sample }
  if ('route' in rule) return { kind: 'route', stream: rule.route }
  if ('label' in rule) return { kind: 'label', labels: rule.label }
  return { kind: 'mask', mask: compileMask(`rule/${rule.name}`, rule.mask, keys) }
}

/** What the rules are asked about now: judging one event is never interrupted by another. */
interface Asked {
  event: AuditEvent | undefined
  decoded: DecodedEvent | undefined
  scope: RuleScope | undefined
}

/** Each path is looked up once for an event, however many rules ask for it. */
function createReader(asked: Asked): ReadPath {
  const readers = new Map<string, Values>()
  return (path, as) => {
    const name = `${as} ${path}`
    const known = readers.get(name)
    if (known !== undefined) return known
    const reader = path.startsWith('whodid.') ? ofOurs(path, as, asked) : remembered(valuesIn(path, as))
    readers.set(name, reader)
    return reader
  }
}

function remembered(values: Values): Values {
  let last: AuditEvent | undefined
  let found: readonly unknown[] = []
  return (event) => {
    if (event !== last) {
      found = values(event)
      last = event
    }
    return found
  }
}

/** `whodid.*` is written when an event is sealed, of what is known now. */
function ofOurs(path: string, as: ReadAs, asked: Asked): Values {
  const values = valuesIn(path, as)
  const isOfSource = path === 'whodid.source' || path === 'whodid.stream'
  let last: unknown
  let found: readonly unknown[] = []
  return () => {
    const of = isOfSource ? asked.scope : asked.decoded
    if (of === last) return found
    last = of
    const { source, stream } = asked.scope ?? {}
    const { category, trust, masked: parts, truncated } = asked.decoded ?? {}
    const whodid = { source, stream, category, trust, masked: parts, truncated }
    found = values({ '@timestamp': '', event: {}, whodid } as AuditEvent)
    return found
  }
}

/** What the rules that matched say together. */
interface Decision {
  /** The one that drops it, or lets it in. */
  by: { readonly name: string; readonly did: 'keep' | 'drop' } | undefined
  route: { readonly name: string; readonly stream: string } | undefined
  readonly changes: (Compiled & { readonly kind: 'label' | 'mask' })[]
  readonly shadows: { readonly name: string; readonly did: 'keep' | 'drop' | 'change' }[]
}

function decide(rules: readonly Compiled[], bits: Bits, event: AuditEvent, id: Uint8Array): Decision | undefined {
  let decision: Decision | undefined
  for (let word = 0; word < bits.length; word++) {
    for (let left = bits[word] ?? 0; left !== 0; left &= left - 1) {
      const rule = rules[word * 32 + 31 - Math.clz32(left & -left)]
      if (rule === undefined || isMoot(rule, decision) || !rule.matches(event)) continue
      decision ??= { by: undefined, route: undefined, changes: [], shadows: [] }
      if (rule.isShadow) decision.shadows.push({ name: rule.name, did: didOf(rule, id) })
      else take(decision, rule, id)
      if (decision.by?.did === 'drop') return decision
    }
  }
  return decision
}

/** Another rule has said it already. */
function isMoot({ kind }: Compiled, decision: Decision | undefined): boolean {
  if (decision === undefined || kind === 'label' || kind === 'mask') return false
  return kind === 'route' ? decision.route !== undefined : decision.by !== undefined
}

function take(decision: Decision, rule: Compiled, id: Uint8Array): void {
  if (rule.kind === 'route') decision.route = rule
  else if (rule.kind === 'label' || rule.kind === 'mask') decision.changes.push(rule)
  else decision.by = { name: rule.name, did: didOf(rule, id) === 'drop' ? 'drop' : 'keep' }
}

function didOf(rule: Compiled, id: Uint8Array): 'keep' | 'drop' | 'change' {
  if (rule.kind === 'keep' || rule.kind === 'drop') return rule.kind
  if (rule.kind === 'sample') return isInSample(id, rule.share) ? 'keep' : 'drop'
  return 'change'
}

/** The last bytes of an id are random, or part of a hash: UUIDv7 begins with the time. */
function isInSample(id: Uint8Array, share: number): boolean {
  const [a = 0, b = 0, c = 0, d = 0] = id.subarray(12, 16)
  return ((a * 256 + b) * 256 + c) * 256 + d < share * 2 ** 32
}

function ruled({ by, route, changes, shadows }: Decision, decoded: DecodedEvent, noted: Noted): Ruling | undefined {
  const isDropped = by?.did === 'drop'
  // What would have changed an event that is not kept would have changed nothing.
  for (const { name, did } of shadows) if (!isDropped || did !== 'change') noted(name, did, 'shadow')
  if (by !== undefined) noted(by.name, by.did)
  if (by?.did === 'drop') return { kind: 'drop', rule: by.name }
  if (route !== undefined) noted(route.name, 'change')
  const labelled = withLabels(
    decoded,
    changes.flatMap((rule) => (rule.kind === 'label' ? [rule] : [])),
    noted,
  )
  const kept = withMasks(
    labelled,
    changes.flatMap((rule) => (rule.kind === 'mask' ? [rule.mask] : [])),
    noted,
  )
  if (by === undefined && route === undefined && kept === decoded) return undefined
  return {
    kind: 'keep',
    decoded: kept,
    ...(route !== undefined && { stream: route.stream }),
    ...(by !== undefined && { rule: by.name }),
  }
}
