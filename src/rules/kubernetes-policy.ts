import { nearest } from '../domain/nearest.ts'
import { type Located, type Note, type Position, readYaml, refusal } from './kubernetes-policy-yaml.ts'

export const LEVELS = ['None', 'Metadata', 'Request', 'RequestResponse'] as const
export type Level = (typeof LEVELS)[number]

export const STAGES = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const
export type Stage = (typeof STAGES)[number]

/** A policy of `audit.k8s.io/v1`, as the API server has it in force. Plain data. */
export interface KubernetesPolicy {
  /** As it was named when it was read. */
  readonly file: string
  readonly rules: readonly PolicyRule[]
  readonly omitStages: readonly Stage[]
  readonly omitManagedFields: boolean
  /** What the API server passes over in silence or with a line in its log: keys that it does not know. */
  readonly warnings: readonly Note[]
}

/** An empty list means any. */
export interface PolicyRule {
  readonly at: Position
  readonly level: Level
  readonly users: readonly string[]
  readonly userGroups: readonly string[]
  readonly verbs: readonly string[]
  readonly resources: readonly GroupResources[]
  readonly namespaces: readonly string[]
  readonly nonResourceURLs: readonly string[]
  /** Together with the policy's own. */
  readonly omitStages: readonly Stage[]
  /** The policy's own, unless the rule says otherwise. */
  readonly omitManagedFields: boolean
}

export interface GroupResources {
  /** Empty: the core group. */
  readonly group: string
  readonly resources: readonly string[]
  readonly resourceNames: readonly string[]
}

const MOST_RULES = 2000

/**
 * Reads a policy file as the API server of Kubernetes 1.36 does (`k8s.io/apiserver/pkg/audit/policy`): keys that it does
 * not know have no effect and become `warnings`. Throws `invalid_config` with file, line and column of everything that
 * it would refuse, and of what we refuse beside that: duplicate keys, a second document, merge keys.
 */
export function parseKubernetesPolicy(text: string, file: string): KubernetesPolicy {
  const notes: Notes = { faults: [], warnings: [] }
  const root = readYaml(text, file)
  const fields = fieldsOf(root, '', POLICY_KEYS, notes)
  refuseOtherKinds(fields, root, file)
  const metadata = fields.get('metadata')
  if (metadata !== undefined && metadata.kind !== 'map' && !isNothing(metadata))
    fault(notes, metadata, 'metadata', 'must be a map')
  const omitStages = stagesOf(fields.get('omitStages'), 'omitStages', notes)
  const omitManagedFields = flagOf(fields.get('omitManagedFields'), 'omitManagedFields', notes) ?? false
  const items = itemsOf(fields.get('rules'), 'rules', notes)
  if (items.length === 0 && notes.faults.length === 0)
    fault(notes, fields.get('rules') ?? root, '', 'a policy needs at least one rule')
  if (items.length > MOST_RULES) fault(notes, items[MOST_RULES] ?? root, '', `more than ${MOST_RULES} rules`)
  const rules = items
    .slice(0, MOST_RULES)
    .map((item, n) => ruleOf(item, `rules[${n}]`, { omitStages, omitManagedFields }, notes))
  if (notes.faults.length > 0) throw refusal(file, notes.faults)
  return { file, rules, omitStages, omitManagedFields, warnings: notes.warnings }
}

interface Notes {
  readonly faults: Note[]
  readonly warnings: Note[]
}

type Fields = ReadonlyMap<string, Located>

const POLICY_KEYS = ['apiVersion', 'kind', 'metadata', 'rules', 'omitStages', 'omitManagedFields'] as const
const RULE_KEYS = [
  'level',
  'users',
  'userGroups',
  'verbs',
  'resources',
  'namespaces',
  'nonResourceURLs',
  'omitStages',
  'omitManagedFields',
] as const
const GROUP_KEYS = ['group', 'resources', 'resourceNames'] as const

function refuseOtherKinds(fields: Fields, root: Located, file: string): void {
  const version = scalarOf(fields.get('apiVersion'))
  const kind = scalarOf(fields.get('kind'))
  const refuse = (key: string, message: string, hint: string): never => {
    throw refusal(file, [{ at: (fields.get(key) ?? root).at, path: key, message }], hint)
  }
  if (version === 'audit.k8s.io/v1beta1' || version === 'audit.k8s.io/v1alpha1')
    refuse(
      'apiVersion',
      `${version} went with Kubernetes 1.24`,
      'write apiVersion: audit.k8s.io/v1; the rules may stay as they are',
    )
  if (version !== 'audit.k8s.io/v1')
    refuse('apiVersion', 'this is no audit.k8s.io/v1', 'write apiVersion: audit.k8s.io/v1')
  if (kind !== 'Policy') refuse('kind', 'this is no Policy', 'write kind: Policy')
}

function ruleOf(
  item: Located,
  path: string,
  policy: Pick<KubernetesPolicy, 'omitStages' | 'omitManagedFields'>,
  notes: Notes,
): PolicyRule {
  const fields = fieldsOf(item, path, RULE_KEYS, notes)
  const texts = (key: string) => textsOf(fields.get(key), `${path}.${key}`, notes)
  const own = stagesOf(fields.get('omitStages'), `${path}.omitStages`, notes)
  const flag = flagOf(fields.get('omitManagedFields'), `${path}.omitManagedFields`, notes)
  const rule: PolicyRule = {
    at: item.at,
    level: levelOf(fields.get('level'), item, `${path}.level`, notes),
    users: texts('users'),
    userGroups: texts('userGroups'),
    verbs: texts('verbs'),
    resources: itemsOf(fields.get('resources'), `${path}.resources`, notes).map((each, n) =>
      groupResourcesOf(each, `${path}.resources[${n}]`, notes),
    ),
    namespaces: texts('namespaces'),
    nonResourceURLs: urlsOf(fields.get('nonResourceURLs'), `${path}.nonResourceURLs`, notes),
    omitStages: STAGES.filter((stage) => own.includes(stage) || policy.omitStages.includes(stage)),
    omitManagedFields: flag ?? policy.omitManagedFields,
  }
  if (rule.nonResourceURLs.length > 0 && rule.resources.length + rule.namespaces.length > 0) {
    const message = 'a rule is either about resources and namespaces or about nonResourceURLs'
    fault(notes, fields.get('nonResourceURLs') ?? item, `${path}.nonResourceURLs`, message)
  }
  return rule
}

function levelOf(value: Located | undefined, rule: Located, path: string, notes: Notes): Level {
  const said = scalarOf(value)
  const level = LEVELS.find((each) => each === said)
  if (level !== undefined) return level
  const meant = typeof said === 'string' ? nearest(said, LEVELS) : undefined
  const missing = value === undefined || isNothing(value) || said === ''
  const message = missing ? 'a rule needs a level' : 'there is no such level'
  fault(notes, value ?? rule, path, `${message}; ${adviceOf(meant, LEVELS)}`)
  return 'None'
}

function groupResourcesOf(item: Located, path: string, notes: Notes): GroupResources {
  const fields = fieldsOf(item, path, GROUP_KEYS, notes)
  const named = fields.get('group')
  const group = named === undefined ? '' : textOf(named, `${path}.group`, notes)
  const resources = textsOf(fields.get('resources'), `${path}.resources`, notes)
  const resourceNames = textsOf(fields.get('resourceNames'), `${path}.resourceNames`, notes)
  if (group !== '' && group !== '*' && !isSubdomain(group)) {
    const slash = group.indexOf('/')
    const advice = slash > 0 ? `write it without a version: ${group.slice(0, slash)}` : 'lower case, like apps or *'
    fault(notes, named ?? item, `${path}.group`, `is no name of an API group; ${advice}`)
  }
  if (resourceNames.length > 0 && resources.length === 0)
    fault(notes, fields.get('resourceNames') ?? item, `${path}.resourceNames`, 'needs resources beside it')
  return { group, resources, resourceNames }
}

/** RFC 1123, as Kubernetes checks names of groups. */
function isSubdomain(name: string): boolean {
  return name.length <= 253 && name.split('.').every((label) => /^[a-z0-9-]+$/.test(label) && !/^-|-$/.test(label))
}

function urlsOf(value: Located | undefined, path: string, notes: Notes): readonly string[] {
  const items = itemsOf(value, path, notes)
  return items.map((item, n) => {
    const url = textOf(item, `${path}[${n}]`, notes)
    if (url !== '*' && !url.startsWith('/')) fault(notes, item, `${path}[${n}]`, 'must begin with / or be *')
    else if (url.slice(0, -1).includes('*')) fault(notes, item, `${path}[${n}]`, '* may only be the last character')
    return url
  })
}

function stagesOf(value: Located | undefined, path: string, notes: Notes): readonly Stage[] {
  const items = itemsOf(value, path, notes)
  return items.flatMap((item, n) => {
    const said = textOf(item, `${path}[${n}]`, notes)
    const stage = STAGES.find((each) => each === said)
    if (stage === undefined)
      fault(notes, item, `${path}[${n}]`, `there is no such stage; ${adviceOf(nearest(said, STAGES), STAGES)}`)
    return stage === undefined ? [] : [stage]
  })
}

function textsOf(value: Located | undefined, path: string, notes: Notes): readonly string[] {
  return itemsOf(value, path, notes).map((item, n) => textOf(item, `${path}[${n}]`, notes))
}

/** Nothing is the empty text to the API server. */
function textOf(value: Located, path: string, notes: Notes): string {
  const said = scalarOf(value)
  if (typeof said === 'string') return said
  if (isNothing(value)) return ''
  const message = value.kind === 'scalar' ? 'is read as something else than a text; put it in quotes' : 'must be a text'
  fault(notes, value, path, message)
  return ''
}

function flagOf(value: Located | undefined, path: string, notes: Notes): boolean | undefined {
  if (value === undefined || isNothing(value)) return undefined
  const said = scalarOf(value)
  if (typeof said === 'boolean') return said
  fault(notes, value, path, 'must be true or false')
  return undefined
}

function itemsOf(value: Located | undefined, path: string, notes: Notes): readonly Located[] {
  if (value === undefined || isNothing(value)) return []
  if (value.kind === 'list') return value.items
  fault(notes, value, path, 'must be a list')
  return []
}

function fieldsOf(value: Located, path: string, known: readonly string[], notes: Notes): Fields {
  if (isNothing(value)) return new Map()
  if (value.kind !== 'map') {
    fault(notes, value, path, 'must be a map')
    return new Map()
  }
  const fields = new Map<string, Located>()
  for (const [key, entry] of value.entries) {
    if (known.includes(key)) fields.set(key, entry.value)
    else {
      const message = `there is no such key, and the API server passes it over; ${adviceOf(nearest(key, known), known)}`
      notes.warnings.push({ at: entry.at, path: path === '' ? key : `${path}.${key}`, message })
    }
  }
  return fields
}

function adviceOf(meant: string | undefined, known: readonly string[]): string {
  return meant === undefined ? `known: ${known.join(', ')}` : `did you mean ${meant}?`
}

function isNothing(value: Located | undefined): boolean {
  return value?.kind === 'scalar' && value.value === null
}

function scalarOf(value: Located | undefined): unknown {
  return value?.kind === 'scalar' ? value.value : undefined
}

function fault(notes: Notes, { at }: Located, path: string, message: string): void {
  notes.faults.push({ at, path, message })
}
