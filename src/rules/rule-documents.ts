import { basename, extname } from 'node:path'

import { nearest } from '../domain/nearest.ts'
import { type AccessAudit, isAccessAudit, parseAccessAudit } from './access-audit.ts'
import { type ExpressionRule, parseExpressionRules } from './expressions.ts'
import { type Located, type Note, refusal } from './kubernetes-policy-yaml.ts'
import { parseKubernetesPolicy } from './kubernetes-policy.ts'
import { placedIn, plainOf, positionOf, readDocuments, type YamlDocument } from './yaml-documents.ts'

/** What documents of rules said, each with where it stands. */
export interface RuleDocuments {
  /** YAML of `audit.k8s.io/v1` policies by name. */
  readonly policies: Map<string, string>
  readonly accessAudits: AccessAudit[]
  readonly expressions: ExpressionRule[]
  /** By name of the rule: `policy/NAME`, `access-audit/NAME`, `rule/NAME`. */
  readonly origins: Map<string, string>
  readonly warnings: string[]
}

export function noDocuments(): RuleDocuments {
  return { policies: new Map(), accessAudits: [], expressions: [], origins: new Map(), warnings: [] }
}

/**
 * Reads the documents of a YAML or JSON file, any number of them: policies of `audit.k8s.io/v1`, AccessAudits in both forms,
 * and our own `kind: Rules`. One bad document refuses the file. Throws `invalid_config` with file, line and column.
 */
export function readRuleDocuments(text: string, file: string, into: RuleDocuments): void {
  for (const document of readDocuments(text, file)) readDocument(document, file, into)
}

function readDocument(document: YamlDocument, file: string, into: RuleDocuments): void {
  const { root } = document
  if (isAccessAudit(root)) return readAccessAudit(root, file, into)
  const [version, kind] = [wordAt(root, 'apiVersion'), wordAt(root, 'kind')]
  if (version?.startsWith('audit.k8s.io/') === true) return readPolicy(document, file, into)
  if (kind === 'Rules') return readRules(root, version, file, into)
  refuseKind(root, version, kind, file)
}

function readPolicy({ text, root }: YamlDocument, file: string, into: RuleDocuments): void {
  const { warnings } = parseKubernetesPolicy(text, file)
  const metadata = root.kind === 'map' ? root.entries.get('metadata')?.value : undefined
  const name = (metadata && wordAt(metadata, 'name')) ?? basename(file, extname(file))
  enter(`policy/${name}`, root, file, into, () => into.policies.set(name, text.trimStart()))
  for (const note of warnings) into.warnings.push(inWords(file, note))
}

function readAccessAudit(root: Located, file: string, into: RuleDocuments): void {
  const { audit, warnings } = parseAccessAudit(root, file)
  enter(`access-audit/${audit.name}`, root, file, into, () => into.accessAudits.push(audit))
  for (const note of warnings) into.warnings.push(inWords(file, note))
}

const RULES_VERSION = 'whodid.dev/v1'
const RULES_KEYS = ['apiVersion', 'kind', 'metadata', 'rules']

function readRules(root: Located, version: string | undefined, file: string, into: RuleDocuments): void {
  if (version !== RULES_VERSION) refuse(root, 'apiVersion', `Rules have apiVersion: ${RULES_VERSION}`, file)
  const entries = root.kind === 'map' ? root.entries : new Map()
  for (const key of entries.keys()) {
    if (RULES_KEYS.includes(key)) continue
    const meant = nearest(key, RULES_KEYS)
    refuse(
      root,
      key,
      `there is no such key; ${meant === undefined ? `known: ${RULES_KEYS.join(', ')}` : `did you mean ${meant}?`}`,
      file,
    )
  }
  const rules = placedIn(root, file, () => parseExpressionRules(plainOf(entries.get('rules')?.value ?? EMPTY)))
  for (const [n, rule] of rules.entries())
    enter(`rule/${rule.name}`, root, file, into, () => into.expressions.push(rule), `rules.${n}`)
}

const EMPTY: Located = { kind: 'list', at: { line: 1, column: 1 }, items: [] }

/** A name is used once, in whichever file. */
function enter(name: string, root: Located, file: string, into: RuleDocuments, add: () => void, path = ''): void {
  const at = positionOf(root, path)
  const other = into.origins.get(name)
  if (other !== undefined)
    throw refusal(file, [{ at, path, message: `${name} is in ${other} already` }], 'names are used once')
  into.origins.set(name, `${file}:${at.line}:${at.column}`)
  add()
}

const KINDS = ['Policy', 'AccessAudit', 'Rules']
/** They have their places in what is still to come. */
const LATER = new Map([
  ['ScrapeConfig', 'audit logs that are fetched'],
  ['Role', 'RBAC'],
  ['ClusterRole', 'RBAC'],
  ['RoleBinding', 'RBAC'],
  ['ClusterRoleBinding', 'RBAC'],
  ['Alert', 'alerts'],
  ['AlertRule', 'alerts'],
])

function refuseKind(root: Located, version: string | undefined, kind: string | undefined, file: string): never {
  if (kind === undefined && isSigma(root))
    refuse(root, 'detection', 'this is a Sigma rule: these are not read yet', file)
  if (kind === undefined)
    refuse(root, '', `a document of rules has apiVersion and kind; known kinds: ${KINDS.join(', ')}`, file)
  if (LATER.has(kind)) refuse(root, 'kind', `${kind}: ${LATER.get(kind)} are not read yet`, file)
  if (kind === 'Policy')
    refuse(root, 'apiVersion', `a Policy has apiVersion: audit.k8s.io/v1, not ${version ?? 'none'}`, file)
  if (kind === 'List') refuse(root, 'kind', 'a List is not read: put its items into documents of their own', file)
  const meant = nearest(kind, [...KINDS, ...LATER.keys()])
  refuse(
    root,
    'kind',
    `there is no kind ${kind}; ${meant === undefined ? `known: ${KINDS.join(', ')}` : `did you mean ${meant}?`}`,
    file,
  )
}

function isSigma(root: Located): boolean {
  return root.kind === 'map' && root.entries.has('detection') && root.entries.has('logsource')
}

function refuse(root: Located, path: string, message: string, file: string): never {
  throw refusal(file, [{ at: positionOf(root, path), path, message }])
}

function wordAt(root: Located, key: string): string | undefined {
  const value = root.kind === 'map' ? root.entries.get(key)?.value : undefined
  return value?.kind === 'scalar' && typeof value.value === 'string' ? value.value : undefined
}

function inWords(file: string, { at, path, message }: Note): string {
  return `${file}:${at.line}:${at.column}: ${path === '' ? '' : `${path}: `}${message}`
}
