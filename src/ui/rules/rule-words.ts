import type { InputFault } from '../../domain/errors.ts'
import type { RuleAnswer, RuleCounts, RuleEffect, RuleFinding, RuleOutcome } from '../../domain/rule-answers.ts'
import { counted } from '../sources/source-words.ts'
import { countText, sizeText } from '../text/time.ts'

/** A family of rules, in words: what it is, and what it does with what nothing of it matches. */
export interface FamilyWords {
  readonly family: string
  readonly title: string
  readonly says: string
  readonly none: string
}

/** In the order in which they are asked. */
export const FAMILIES: readonly FamilyWords[] = [
  {
    family: 'category',
    title: 'Excluded categories',
    says: 'As EngFlow excludes them. What is in none of these is kept.',
    none: 'No category is excluded.',
  },
  {
    family: 'kubernetes-policy',
    title: 'Audit policies of Kubernetes',
    says: 'For sources that name one. The first rule that matches decides; what none matches is dropped.',
    none: 'No policy is in force.',
  },
  {
    family: 'access-audit',
    title: 'AccessAudit',
    says: 'For sources that say rules: [access-audit]. One that matches keeps an event; what none matches is dropped.',
    none: 'No AccessAudit is in force: sources that ask for it keep nothing about a mesh.',
  },
  {
    family: 'expression',
    title: 'Expressions and masks',
    says: 'For what they match. The first that keeps, drops or samples decides; masks and labels add up; the rest is kept.',
    none: 'No expression is in force: what came this far is kept.',
  },
  {
    family: 'default-mask',
    title: 'Default masks',
    says: 'Secrets are masked unless that is switched off. Listed are those that acted, and those that are off.',
    none: 'All are on, and none had anything to mask yet.',
  },
  {
    family: 'gone',
    title: 'No longer in force',
    says: 'They acted since this install began.',
    none: '',
  },
]

/** One thing that a rule says: `verbs` `get, list`; a word alone where it is only true. */
export type Said = readonly [key: string, text: string]

/** What a rule says, taken apart; what is no object, or was cut, stands as it is. */
export function saidBy(says: string): readonly Said[] {
  const parsed = parsedObject(says)
  if (parsed === undefined) return says === '' ? [] : [['', says]]
  return Object.entries(parsed).flatMap(([key, value]): Said[] =>
    value === true ? [[key, '']] : value === false ? [] : [[key, textOf(value)]],
  )
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value === '' ? '""' : value
  if (Array.isArray(value)) {
    const parts = value.map((each: unknown) => textOf(each))
    return parts.join(value.every((each) => typeof each === 'string') ? ', ' : '; ')
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return Object.entries(value)
    .filter(([, each]: [string, unknown]) => !(Array.isArray(each) && each.length === 0))
    .map(([key, each]: [string, unknown]) => (each === true ? key : `${key} ${textOf(each)}`))
    .join(', ')
}

function parsedObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    // An object that is no list has names and values.
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    // Words, not JSON: `excluded`, `switched off`, or cut at its end.
    return undefined
  }
}

/** A policy as a whole, or a list that belongs to a family: it is no rule that could act. */
function isRule({ name, family, says }: RuleAnswer): boolean {
  if (family === 'kubernetes-policy') return typeof parsedObject(says)?.['rules'] !== 'number'
  return family !== 'default-mask' && family !== 'gone' && !name.includes(':')
}

/** Whether it has never done anything, as far as this reader may know. */
export function neverMatched(rule: RuleAnswer): boolean {
  const { total } = rule
  return total !== undefined && isRule(rule) && total.dropped + total.acted + total.shadow === 0
}

/** `1,204 dropped (1.2 MB), 3 in shadow`. Undefined: nothing, or not for this reader. */
export function countsWords(counts: RuleCounts | undefined): string | undefined {
  if (counts === undefined) return undefined
  const { dropped, droppedBytes, acted, shadow } = counts
  const parts = [
    dropped > 0 ? `${countText(dropped)} dropped (${sizeText(droppedBytes)})` : undefined,
    acted > 0 ? `acted on ${countText(acted)}` : undefined,
    shadow > 0 ? `${countText(shadow)} in shadow` : undefined,
  ].filter((part) => part !== undefined)
  return parts.length === 0 ? undefined : parts.join(', ')
}

/** A rule as people say its name: `rule 4 of prod` for `policy/prod/4`. */
export function nameWords(name: string): string {
  const [, policy, rule] = /^policy\/(.+)\/(\d{1,9}|default)$/s.exec(name) ?? []
  if (policy === undefined) return name
  return rule === 'default' ? `the end of ${policy}, where no rule matched` : `rule ${rule} of ${policy}`
}

/** How many rules of which kind, in one line. */
export function rulesWords(rules: readonly RuleAnswer[]): string {
  const inForce = rules.filter((rule) => isRule(rule))
  const shadow = inForce.filter((rule) => rule.shadow === true).length
  const never = inForce.filter(neverMatched).length
  const more = [
    shadow > 0 ? `${countText(shadow)} in shadow` : undefined,
    never > 0 ? `${countText(never)} never matched` : undefined,
  ].filter((part) => part !== undefined)
  return `${counted(inForce.length, 'rule')} in force${more.length > 0 ? `: ${more.join(', ')}` : ''}`
}

/** Something wrong or doubtful at a line of what is typed. */
export interface Remark {
  readonly severity: RuleFinding['severity']
  /** From 1. Undefined: of the whole. */
  readonly line?: number
  readonly message: string
}

/** What was refused, by line: places are said as `candidate.yaml:3:5:`. */
export function remarksOf(faults: readonly InputFault[]): readonly Remark[] {
  return faults.map(({ path, message }): Remark => {
    const line = /:(\d{1,9}):\d{1,9}:?$/.exec(path)?.[1]
    return line === undefined
      ? { severity: 'error', message: path === '' ? message : `${path} ${message}` }
      : { severity: 'error', line: Number(line), message }
  })
}

/** `−1.6 %`, `+212`, `same`. Shares where there was something before. */
export function differenceWords(now: number, candidate: number): string {
  const more = candidate - now
  if (more === 0) return 'same'
  const sign = more > 0 ? '+' : '−'
  if (now === 0) return `${sign}${countText(Math.abs(more))}`
  const share = (Math.abs(more) / now) * 100
  return `${sign}${share < 0.1 ? 'under 0.1' : share.toFixed(1)} %`
}

/** The lines of a comparison, numbers as texts. */
export function effectLines(now: RuleEffect, candidate: RuleEffect): readonly (readonly string[])[] {
  const line = (label: string, a: number, b: number, text: (n: number) => string): readonly string[] => {
    return [label, text(a), text(b), differenceWords(a, b)]
  }
  return [
    line('kept', now.kept, candidate.kept, countText),
    line('dropped', now.dropped, candidate.dropped, countText),
    line('altered', now.changed, candidate.changed, countText),
    // Events that came in our own shape have no original beside them.
    ...(now.bytes + candidate.bytes === 0 ? [] : [line('bytes kept', now.bytes, candidate.bytes, sizeText)]),
  ]
}

/** What became of a proposal. */
export function outcomeWords(name: string, outcome: RuleOutcome): string {
  if (outcome.kind === 'same') return `${name} says what is in force already.`
  if (outcome.kind === 'applied') return `${name} is in force now.`
  return `${name} waits for a decision: ${outcome.reasons.join('; ')}.`
}
