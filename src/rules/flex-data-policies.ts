import { AuditError, type InputFault } from '../domain/errors.ts'
import type { MaskHow } from '../domain/mask.ts'
import { nearest } from '../domain/nearest.ts'
import { z } from 'zod'
import { parseStrict } from '../lib/strict.ts'
import { type ExpressionRule, type Mask, parseExpressionRules } from './expressions.ts'

/** What a file of data policies means here. */
export interface FlexDataPolicies {
  /** Masks at read, each by its policy's name. */
  readonly rules: readonly ExpressionRule[]
  /** What it says beside that, and what becomes of it here. */
  readonly notOurs: readonly InputFault[]
}

/**
 * Reads the data policies of Flex and Kpow (`DATA_POLICY_CONFIGURATION_FILE`; docs/rules/masks.md), from YAML or EDN that
 * was parsed. Records of topics are theirs; here the bodies and changes of events are masked.
 *
 * @param what Names the file in messages. @throws AuditError `invalid_config` with every fault and its path.
 */
export function parseFlexDataPolicies(document: unknown, what: string): FlexDataPolicies {
  const { policies, exclusions } = parseStrict(file, document, what)
  const notOurs: InputFault[] = []
  const faults: InputFault[] = []
  const names = new Set<string>()
  const written = policies.flatMap((policy, n) => {
    const path = `policies.${n}`
    const name = nameOf(policy.name)
    if (names.has(name)) faults.push({ path: `${path}.name`, message: `another policy is called ${name} here` })
    names.add(name)
    const mask = maskOf(policy, path, { faults, notOurs })
    return mask === undefined ? [] : [{ name, mask }]
  })
  if (exclusions !== undefined && exclusions.topics.length > 0)
    notOurs.push({ path: 'exclusions.topics', message: 'a mask at read knows no topics: these are masked, too' })
  const [first] = faults
  if (first !== undefined)
    throw new AuditError('invalid_config', `${what}: ${first.path}: ${first.message}`, { faults })
  return { rules: parseExpressionRules(written), notOurs }
}

const REDACTIONS: ReadonlyMap<string, Pick<Mask, 'how' | 'length'>> = new Map<string, Pick<Mask, 'how' | 'length'>>([
  ['Full', { how: 'remove' }],
  ['SHAHash', { how: 'hash' }],
  ['ShowEmailHost', { how: 'show-email-host' }],
  ['ShowEmailPart', { how: 'show-email-part' }],
  ...showing('ShowFirst', 'show-first'),
  ...showing('ShowLast', 'show-last'),
])

function showing(word: string, how: MaskHow): readonly (readonly [string, Pick<Mask, 'how' | 'length'>])[] {
  return [1, 2, 4, 6].map((length) => [length === 1 ? word : `${word}${length}`, { how, length }])
}

const redaction = z.string().superRefine((word, context) => {
  if (REDACTIONS.has(word)) return
  const known = [...REDACTIONS.keys()]
  const meant = nearest(word, known)
  const advice = meant === undefined ? `known: ${known.join(', ')}` : `did you mean ${meant}?`
  context.addIssue({ code: 'custom', message: `there is no such redaction; ${advice}` })
})

const policy = z.strictObject({
  name: z.string().min(1).max(200),
  category: z.string().exactOptional(),
  resources: z.array(z.array(z.string()).min(1)).min(1, 'name at least one resource'),
  redaction,
  type: z.enum(['scalar', 'non-scalar'], 'is scalar or non-scalar'),
  fields: z.array(z.string().min(1).max(100)).max(16, 'at most 16 fields').exactOptional(),
})

const file = z.strictObject({
  policies: z.array(policy).max(500),
  exclusions: z.strictObject({ topics: z.array(z.string()) }).exactOptional(),
})

type Policy = z.infer<typeof policy>

interface Notes {
  readonly faults: InputFault[]
  readonly notOurs: InputFault[]
}

/** Names of theirs are sentences; ours are words. */
function nameOf(name: string): string {
  const word = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 50)
  return `flex${word.startsWith('-') ? '' : '-'}${word}`
}

/** Where bodies and changes of an event are. */
const BODIES = ['audit.request', 'audit.response', 'audit.change.old', 'audit.change.new']

function maskOf({ resources, redaction: word, type, fields }: Policy, path: string, notes: Notes): Mask | undefined {
  const coversValue = resources.map((resource, n) => isAboutValues(resource, `${path}.resources.${n}`, notes))
  if (type === 'non-scalar' && (fields === undefined || fields.length === 0)) {
    notes.faults.push({ path: `${path}.fields`, message: 'a non-scalar policy names the fields that it redacts' })
    return undefined
  }
  const unfit = fields?.findIndex((field) => /[.*]/.test(field)) ?? -1
  if (unfit >= 0) {
    notes.faults.push({ path: `${path}.fields.${unfit}`, message: 'a field is the name of a key, without . and *' })
    return undefined
  }
  const how = REDACTIONS.get(word)
  if (how === undefined || !coversValue.includes(true)) return undefined
  const paths =
    type === 'scalar' ? BODIES : (fields ?? []).flatMap((field) => BODIES.map((body) => `${body}.**.${field}`))
  return { paths, ...how, at: 'read' }
}

/** `[cluster, ID, topic, NAME, value]`, of which the last three may be left out. */
function isAboutValues(resource: readonly string[], path: string, { faults, notOurs }: Notes): boolean {
  const [domain, cluster, object = 'topic', topic = '*', part = 'value', ...more] = resource
  if (domain !== 'cluster' || cluster === undefined || object !== 'topic' || more.length > 0) {
    faults.push({ path, message: "is like ['cluster', ID, 'topic', NAME, 'value'], with * for all" })
    return false
  }
  if (part === 'key' || part === 'headers') {
    notOurs.push({ path, message: `no event holds the ${part} of a record` })
    return false
  }
  if (part !== 'value') {
    faults.push({ path, message: `there is no part ${part} of a record; known: key, value, headers` })
    return false
  }
  if (cluster !== '*' || topic !== '*')
    notOurs.push({ path, message: 'a mask at read knows no clusters and topics: events of all are masked' })
  return true
}
