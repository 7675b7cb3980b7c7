import { z } from 'zod'
import { AuditError, type InputFault } from '../domain/errors.ts'
import { MASK_HOWS, type MaskHow } from '../domain/mask.ts'
import { nearest } from '../domain/nearest.ts'
import { parseStrict } from '../lib/strict.ts'
import { faultsOfMatch } from './expressions-match.ts'
import { faultsOfMask } from './masks-paths.ts'

/** A rule in our query language, as the configuration has it: a name, what it matches, and the one thing that it does. */
export type ExpressionRule = RuleHead & RuleEffect

interface RuleHead {
  readonly name: string
  /** In the query language; timeless. Left out: every event. */
  readonly match?: string
  /** It only counts what it would have done. */
  readonly shadow?: true
}

/** The first rule that keeps, drops or samples an event decides; the first that routes it does; the others add up. */
type RuleEffect =
  | { readonly keep: true }
  | { readonly drop: true }
  /** The share that is kept: more than 0, less than 1. */
  | { readonly sample: number }
  /** The stream that it goes to instead of its source's. */
  | { readonly route: string }
  | { readonly label: Readonly<Record<string, string>> }
  | { readonly mask: Mask }

export interface Mask {
  /** Dotted, with `*` for one key and `**` for any number of them. */
  readonly paths: readonly string[]
  readonly how: MaskHow
  /** How many characters `truncate`, `show-first` and `show-last` leave. */
  readonly length?: number
  /** `intake`: what is masked is never stored. `read`: it is stored, and not shown. */
  readonly at: 'intake' | 'read'
}

/**
 * Reads a list of rules strictly.
 *
 * @param where Names the list in messages and in the paths of faults: `rules` gives `rules.0.match`.
 * @throws AuditError `invalid_config` with every fault and its path.
 */
export function parseExpressionRules(value: unknown, where = 'rules'): readonly ExpressionRule[] {
  const written = parseStrict(z.strictObject({ [where]: rules }), { [where]: value }, where)[where] ?? []
  const faults: InputFault[] = []
  const names = new Set<string>()
  for (const [n, rule] of written.entries()) {
    const path = `${where}.${n}`
    if (names.has(rule.name)) faults.push({ path: `${path}.name`, message: `another rule is called ${rule.name}` })
    names.add(rule.name)
    faults.push(...faultsOfEffects(rule, path), ...faultsOfMatch(rule.match, `${path}.match`))
    if (rule.mask !== undefined) faults.push(...faultsOfMask(rule.mask, `${path}.mask`))
  }
  if (faults.length > 0) throw refusal(faults)
  // Each has exactly one effect: that is what was just looked for.
  return written as readonly ExpressionRule[]
}

const MOST_RULES = 2000
const MOST_LABELS = 16
const MOST_PATHS = 64
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,126}$/

const name = z.string().regex(NAME, 'a name has 1 to 63 of a-z, 0-9 and -, and does not begin with -')

const labels = z
  .record(
    z
      .string()
      .regex(LABEL, 'the name of a label has 1 to 127 of letters, digits, . _ / and -, a letter or digit first'),
    z.string().min(1, 'a label has a value').max(256, 'a label has at most 256 characters'),
  )
  .refine((each) => Object.keys(each).length > 0, 'name at least one label')
  .refine((each) => Object.keys(each).length <= MOST_LABELS, `a rule sets at most ${MOST_LABELS} labels`)

const how = z.string().superRefine((word, context) => {
  if (MASK_HOWS.some((each) => each === word)) return
  const meant = nearest(word, MASK_HOWS)
  const advice = meant === undefined ? `known: ${MASK_HOWS.join(', ')}` : `did you mean ${meant}?`
  context.addIssue({ code: 'custom', message: `there is no such way to mask; ${advice}` })
})

const mask = z.strictObject({
  paths: z.array(z.string()).min(1, 'name at least one path').max(MOST_PATHS, `at most ${MOST_PATHS} paths`),
  // superRefine has just found it among them.
  how: how as unknown as z.ZodType<MaskHow>,
  length: z.int().min(1).max(1024).exactOptional(),
  at: z.enum(['intake', 'read'], 'is intake (never stored) or read (stored, not shown)'),
})

const share = z
  .number('is the share that is kept, as 0.1')
  .refine(
    (each) => each > 0 && each < 1,
    'is more than 0 and less than 1; to keep all or none write keep or drop: true',
  )

const rules = z
  .array(
    z.strictObject({
      name,
      match: z.string().exactOptional(),
      shadow: z.literal(true, 'is true, or is left out').exactOptional(),
      keep: z.literal(true, 'is true, or is left out').exactOptional(),
      drop: z.literal(true, 'is true, or is left out').exactOptional(),
      sample: share.exactOptional(),
      route: name.exactOptional(),
      label: labels.exactOptional(),
      mask: mask.exactOptional(),
    }),
  )
  .max(MOST_RULES, `at most ${MOST_RULES} rules`)

const EFFECTS = ['keep', 'drop', 'sample', 'route', 'label', 'mask'] as const

function faultsOfEffects(rule: z.infer<typeof rules>[number], path: string): readonly InputFault[] {
  const effects = EFFECTS.filter((effect) => rule[effect] !== undefined)
  if (effects.length === 0)
    return [{ path, message: `rule ${rule.name} does nothing; it needs one of ${EFFECTS.join(', ')}` }]
  if (effects.length > 1)
    return [
      { path: `${path}.${effects[1] ?? ''}`, message: `a rule does one thing; this one says ${effects.join(' and ')}` },
    ]
  if (rule.route === OWN_STREAM)
    return [{ path: `${path}.route`, message: `${OWN_STREAM} holds our own trail; no rule sends anything there` }]
  if (rule.mask?.at === 'read' && rule.match !== undefined)
    return [{ path: `${path}.match`, message: 'a mask at read is for every event; leave match out, or mask at intake' }]
  if (rule.mask?.at === 'read' && rule.shadow === true)
    return [{ path: `${path}.shadow`, message: 'a mask at read has nothing to count; leave shadow out' }]
  return []
}

const OWN_STREAM = 'whodid'

function refusal(faults: readonly InputFault[]): AuditError {
  const [first, ...more] = faults.map(({ path, message }) => `${path}: ${message}`)
  const hint = more.length === 0 ? undefined : `${more.length} more: ${more.slice(0, 20).join('; ')}`
  return new AuditError('invalid_config', first ?? 'rules', { faults, ...(hint !== undefined && { hint }) })
}
