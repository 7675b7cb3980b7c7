import type { Change, Json } from '../domain/event.ts'
import { parseKubernetesPolicy, type PolicyRule } from './kubernetes-policy.ts'
import type { RuleSet } from './rule-set.ts'

/** One rule in force, by the name by which accounts and events call it. */
export interface RuleEntry {
  readonly name: string
  readonly family: 'kubernetes-policy' | 'access-audit' | 'category' | 'expression' | 'default-mask'
  /** What it says, in one line. */
  readonly text: string
  /** For a rule of a policy: its line from where the policy begins, behind comments before it; that one is 1. */
  readonly line?: number
  readonly shadow?: true
}

/** All rules of a set, in the order in which they are asked. */
export function ruleEntries(set: RuleSet): readonly RuleEntry[] {
  return [
    ...Object.entries(set.kubernetesPolicies).flatMap(([name, yaml]) => policyEntries(name, yaml)),
    ...set.accessAudits.map((each) => ({
      name: `access-audit/${each.name}`,
      family: 'access-audit' as const,
      text: said(each),
    })),
    ...(set.skipDefaultTypes === undefined
      ? []
      : [
          {
            name: 'access-audit:skipDefaultTypes',
            family: 'access-audit' as const,
            text: cut(set.skipDefaultTypes.join(', ')),
          },
        ]),
    ...set.excludedCategories.map((word) => ({
      name: `category/${word}`,
      family: 'category' as const,
      text: 'excluded',
    })),
    ...set.expressions.map((each) => ({
      name: `rule/${each.name}`,
      family: 'expression' as const,
      text: said(each),
      ...(each.shadow === true && { shadow: each.shadow }),
    })),
    ...set.defaultMasksOff.map((name) => ({
      name,
      family: 'default-mask' as const,
      text: 'switched off',
    })),
  ]
}

/** What is other in one set than in another, rule by rule, for somebody who reads it. Empty where the sets are the same. */
export function diffOfRules(before: RuleSet, after: RuleSet): readonly Change[] {
  const old = textsOf(before)
  const now = textsOf(after)
  const changes: Change[] = []
  for (const [path, text] of old) {
    const later = now.get(path)
    if (later === undefined) changes.push({ path, old: text })
    else if (later !== text) changes.push({ path, old: text, new: later })
  }
  for (const [path, text] of now) if (!old.has(path)) changes.push({ path, new: text })
  const [orderBefore, orderAfter] = [before, after].map(({ expressions }) => expressions.map(({ name }) => name))
  const both = (names: readonly string[] = [], others: readonly string[] = []) =>
    names.filter((name) => others.includes(name))
  const order = [both(orderBefore, orderAfter), both(orderAfter, orderBefore)].map((names) => cut(names.join(', ')))
  if (order[0] !== order[1]) changes.push({ path: 'order of rules', old: order[0] ?? '', new: order[1] ?? '' })
  return changes
}

const MOST_TEXT = 500

/** A line for each change, as a person reads it. */
export function diffLines(changes: readonly Change[]): readonly string[] {
  return changes.flatMap(({ path, old, new: now }) => [
    ...(old === undefined ? [] : [`- ${path} ${inWords(old)}`]),
    ...(now === undefined ? [] : [`+ ${path} ${inWords(now)}`]),
  ])
}

function inWords(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function textsOf(set: RuleSet): ReadonlyMap<string, string> {
  return new Map(ruleEntries(set).map(({ name, text }) => [name, text]))
}

function policyEntries(name: string, yaml: string): readonly RuleEntry[] {
  // It was parsed before it came into the set.
  const { rules, omitStages, omitManagedFields } = parseKubernetesPolicy(yaml, name)
  const whole = { rules: rules.length, omitStages, omitManagedFields }
  return [
    { name: `policy/${name}`, family: 'kubernetes-policy', text: compact(whole) },
    ...rules.map((rule, n): RuleEntry => {
      return {
        name: `policy/${name}/${n + 1}`,
        family: 'kubernetes-policy',
        text: policyRuleText(rule),
        line: rule.at.line - linesBefore(yaml),
      }
    }),
  ]
}

function policyRuleText(rule: PolicyRule): string {
  return compact({ ...rule, at: false })
}

/** Without what says nothing: empty lists and what is false. */
function compact(value: object): string {
  const entries = Object.entries(value).filter(
    ([, each]) => each !== false && !(Array.isArray(each) && each.length === 0),
  )
  return cut(JSON.stringify(Object.fromEntries(entries)))
}

function said(rule: { readonly name: string }): string {
  return cut(JSON.stringify({ ...rule, name: undefined }))
}

function cut(text: string): string {
  return text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT)}…`
}

/** Comments, marks and empty lines that stand before what a document says. */
export function linesBefore(text: string): number {
  const lines = text.split('\n')
  return Math.max(
    0,
    lines.findIndex((line) => !/^\s*(?:#|---|%|$)/.test(line)),
  )
}
