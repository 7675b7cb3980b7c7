import { type AccessAuditRule, isOfResources, operationsOf, ruleOf } from './access-audit-rule.ts'
import { resourceType } from './access-audit-words.ts'
import { type Located, type Note, refusal } from './kubernetes-policy-yaml.ts'
import { fault, fieldsOf, isNothing, itemsOf, type Notes, scalarOf, textOf, warn } from './located-fields.ts'

/** An AccessAudit of Kong Mesh in either of its two forms. Plain data. */
export interface AccessAudit {
  readonly name: string
  readonly rules: readonly AccessAuditRule[]
  /** They decide nothing, and are given back as they came. */
  readonly labels?: Readonly<Record<string, string>>
}

export interface ReadAccessAudit {
  readonly audit: AccessAudit
  /** What has no effect, or none that its writer can have meant. */
  readonly warnings: readonly Note[]
}

/**
 * Reads one document, strictly; how what Kong Mesh leaves open is read: docs/rules/access-audit.md.
 *
 * @param where names the file in messages.
 * @throws AuditError `invalid_config` with position, path and the nearest right name of every fault.
 */
export function parseAccessAudit(document: Located, where: string): ReadAccessAudit {
  const { audit, faults, warnings } = readAccessAudit(document)
  if (audit === undefined) throw refusal(where, faults)
  return { audit, warnings }
}

/** The same, for whoever says in words of its own what is wrong. Undefined: there are faults. */
export function readAccessAudit(document: Located): Partial<ReadAccessAudit> & Notes {
  const notes: Notes = { faults: [], warnings: [] }
  const parts = partsOf(document, notes)
  const name = nameOf(parts.name, document, parts.namePath, notes)
  const labels = labelsOf(parts.labels, parts.labelsPath, notes)
  const rules = rulesOf(parts.rules, parts.rulesPath, document, notes)
  if (notes.faults.length > 0) return notes
  return { ...notes, audit: { name, rules, ...(labels !== undefined && { labels }) } }
}

/** Whether a document is one, in either form. */
export function isAccessAudit(document: Located): boolean {
  return ['kind', 'type'].some((key) => scalarOf(entry(document, key)) === 'AccessAudit')
}

interface Parts {
  readonly name: Located | undefined
  readonly namePath: string
  readonly labels: Located | undefined
  readonly labelsPath: string
  readonly rules: Located | undefined
  readonly rulesPath: string
}

const MOST_RULES = 1000
const MOST_LABELS = 1000
const VERSION = 'kuma.io/v1alpha1'
const UNIVERSAL_KEYS = ['type', 'name', 'rules', 'labels', 'creationTime', 'modificationTime']
const KUBERNETES_KEYS = ['apiVersion', 'kind', 'metadata', 'spec', 'mesh']
const SPEC_KEYS = ['rules']
/** ObjectMeta of Kubernetes: what a server hands out has them all. */
const METADATA_KEYS = [
  'name',
  'labels',
  'annotations',
  'creationTimestamp',
  'deletionGracePeriodSeconds',
  'deletionTimestamp',
  'finalizers',
  'generateName',
  'generation',
  'managedFields',
  'ownerReferences',
  'resourceVersion',
  'selfLink',
  'uid',
]

/** Where both forms keep the same things. */
function partsOf(document: Located, notes: Notes): Parts {
  const ofKubernetes = entry(document, 'apiVersion') !== undefined || entry(document, 'kind') !== undefined
  const fields = fieldsOf(document, '', ofKubernetes ? KUBERNETES_KEYS : UNIVERSAL_KEYS, notes)
  if (!ofKubernetes) {
    refuseOther(fields.get('type'), document, 'type', 'AccessAudit', notes)
    return {
      name: fields.get('name'),
      namePath: 'name',
      labels: fields.get('labels'),
      labelsPath: 'labels',
      rules: fields.get('rules'),
      rulesPath: 'rules',
    }
  }
  refuseOther(fields.get('apiVersion'), document, 'apiVersion', VERSION, notes)
  refuseOther(fields.get('kind'), document, 'kind', 'AccessAudit', notes)
  const mesh = fields.get('mesh')
  if (mesh !== undefined && !isNothing(mesh) && scalarOf(mesh) !== '')
    warn(notes, mesh, 'mesh', 'an AccessAudit belongs to no mesh, so this has no effect; say mesh in its rules')
  const metadata = fieldsOf(fields.get('metadata'), 'metadata', METADATA_KEYS, notes)
  return {
    name: metadata.get('name'),
    namePath: 'metadata.name',
    labels: metadata.get('labels'),
    labelsPath: 'metadata.labels',
    rules: fieldsOf(fields.get('spec'), 'spec', SPEC_KEYS, notes).get('rules'),
    rulesPath: 'spec.rules',
  }
}

function refuseOther(value: Located | undefined, document: Located, key: string, right: string, notes: Notes): void {
  if (scalarOf(value) === right) return
  fault(notes, value ?? document, key, `an AccessAudit has ${key}: ${right}`)
}

/** RFC 1123, as Kuma checks names of new resources. */
const NAME = /^[a-z0-9.-]{1,253}$/

function nameOf(value: Located | undefined, document: Located, path: string, notes: Notes): string {
  const said = value === undefined ? '' : textOf(value, path, notes)
  if (said === undefined) return ''
  if (said === '') fault(notes, value ?? document, path, 'an AccessAudit needs a name')
  else if (!NAME.test(said) || said.split('.').some((label) => !/^[a-z0-9]/.test(label) || label.endsWith('-')))
    fault(notes, value ?? document, path, 'a name has a-z, 0-9, - and ., and a letter or digit at both ends')
  return said
}

function labelsOf(value: Located | undefined, path: string, notes: Notes): Record<string, string> | undefined {
  if (value === undefined || isNothing(value)) return undefined
  if (value.kind !== 'map') {
    fault(notes, value, path, 'must be a map')
    return undefined
  }
  if (value.entries.size > MOST_LABELS) fault(notes, value, path, `has more than ${MOST_LABELS} labels`)
  const labels = [...value.entries].map(([key, { value: each }]): [string, string] => {
    return [key, textOf(each, `${path}.${key}`, notes) ?? '']
  })
  return Object.fromEntries(labels)
}

function rulesOf(value: Located | undefined, path: string, document: Located, notes: Notes): AccessAuditRule[] {
  const items = itemsOf(value, path, MOST_RULES, notes)
  if (items.length === 0 && notes.faults.length === 0)
    warn(notes, value ?? document, path, 'there are no rules, so it audits nothing')
  return items.map((item, n) => ruleOf(item, `${path}[${n}]`, notes))
}

function entry(value: Located, key: string): Located | undefined {
  return value.kind === 'map' ? value.entries.get(key)?.value : undefined
}

/** What is the same whoever asks: an AccessAudit whose every rule names types that nothing has. */
export interface Unmatched {
  readonly name: string
  /** From 0; left out: there is none. */
  readonly rule?: number
  readonly message: string
}

/** Rules that match nothing that Kong Mesh has, and AccessAudits without any. */
export function neverMatching(audits: readonly AccessAudit[]): readonly Unmatched[] {
  return audits.flatMap(({ name, rules }): readonly Unmatched[] => {
    if (rules.length === 0) return [{ name, message: `AccessAudit ${name} has no rules and audits nothing` }]
    return rules.flatMap((each, rule) => {
      const { types } = each
      const isByTypes = operationsOf(each).every(isOfResources)
      const isKnown = types.length === 0 || types.some((type) => resourceType(type)?.name === type)
      if (!isByTypes || isKnown) return []
      const message = `rule ${rule + 1} of AccessAudit ${name} is about ${types.join(', ')}, which nothing is that is known`
      return [{ name, rule, message }]
    })
  })
}
