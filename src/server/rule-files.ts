import { basename, extname } from 'node:path'

import { AuditError } from '../domain/errors.ts'
import { type KmeshAudit, parseKmeshAudit } from '../rules/access-audit-kmesh.ts'
import { neverMatching } from '../rules/access-audit.ts'
import { afterFlags, type CategoriesFlag, flagsOfFile, parseExcludedCategories } from '../rules/categories.ts'
import type { ExpressionRule } from '../rules/expressions.ts'
import { parseFlexDataPolicies } from '../rules/flex-data-policies.ts'
import { defaultMask } from '../rules/rule-candidate.ts'
import { readYaml } from '../rules/kubernetes-policy-yaml.ts'
import type { FileRules } from '../rules/rule-layers.ts'
import { placedIn, plainOf } from '../rules/yaml-documents.ts'
import { noResources, readFolder, readResourceFile, readText, type Resources } from './resources.ts'

/** What the configuration says of rules; paths are absolute. */
interface RuleConfig {
  readonly rules?: readonly ExpressionRule[]
  readonly resources?: string
  readonly excludedCategories?: readonly string[]
  readonly include?: RuleInclude
  readonly masks?: { readonly off: readonly string[] }
}

/** Files of other systems that hold rules among other things. */
interface RuleInclude {
  /** The configuration of a control plane of Kong Mesh: its `access.audit`. */
  readonly kmesh?: string
  /** A flags file of EngFlow: its `--audit_log_excluded_categories`. */
  readonly engflow?: string
  /** Data policies of Flex or Kpow: masks at read. */
  readonly flex?: string
}

export interface RulesRead {
  readonly rules: FileRules
  /** Files and folders that they come from: what is looked at for changes. */
  readonly watched: readonly string[]
  /** Policies by the files that sources name. */
  readonly policyNames: ReadonlyMap<string, string>
  /** Of the control plane's file that is included. */
  readonly kmesh?: KmeshAudit
}

export interface RulesAsked {
  readonly config: RuleConfig
  /** How messages name the configuration, with what stands where in it. */
  readonly at: (path: string) => string
  /** Files of policies that sources name. */
  readonly policyFiles: readonly string[]
  /** Of the command line, over what the files say. */
  readonly flags: readonly CategoriesFlag[]
}

/** Reads all rules that files hold. Throws `invalid_config` with file, line and column. */
export function readRuleFiles({ config, at, policyFiles, flags }: RulesAsked): RulesRead {
  const { rules = [], resources, excludedCategories = [], include = {}, masks } = config
  const found = noResources()
  for (const [n, rule] of rules.entries()) found.origins.set(`rule/${rule.name}`, at(`rules.${n}`))
  found.expressions.push(...rules)
  if (resources !== undefined) readFolder(resources, found)
  const policyNames = new Map(policyFiles.map((file) => [file, policyIn(file, found)]))
  const kmesh = include.kmesh === undefined ? undefined : kmeshIn(include.kmesh, found)
  if (include.flex !== undefined) flexIn(include.flex, found)
  for (const { message } of neverMatching(found.accessAudits)) found.warnings.push(message)
  const flagged = include.engflow === undefined ? [] : flagsOfFile(readText(include.engflow), include.engflow)
  const listed = parseExcludedCategories(excludedCategories, at('excludedCategories'))
  const excluded = afterFlags(listed, [...flagged, ...flags])
  const where = [...flagged, ...flags].at(-1)?.where ?? at('excludedCategories')
  for (const word of excluded) found.origins.set(`category/${word}`, where)
  const off = (masks?.off ?? []).map((name, n) => placedMask(name, at(`masks.off.${n}`)))
  for (const [n, name] of off.entries()) found.origins.set(name, at(`masks.off.${n}`))
  return {
    rules: {
      set: {
        kubernetesPolicies: Object.fromEntries(found.policies),
        accessAudits: found.accessAudits,
        ...(kmesh !== undefined && { skipDefaultTypes: kmesh.skipDefaultTypes }),
        excludedCategories: excluded,
        expressions: found.expressions,
        defaultMasksOff: [...new Set(off)].toSorted(),
      },
      origins: Object.fromEntries(found.origins),
      warnings: found.warnings,
    },
    watched: [
      ...(resources === undefined ? [] : [resources]),
      ...policyFiles,
      ...Object.values(include),
      ...found.files,
    ],
    policyNames,
    ...(kmesh !== undefined && { kmesh }),
  }
}

function kmeshIn(file: string, into: Resources): KmeshAudit {
  const audit = parseKmeshAudit(readYaml(readText(file), file), file)
  for (const { at, path, message } of audit.warnings)
    into.warnings.push(`${file}:${at.line}:${at.column}: ${path}: ${message}`)
  into.origins.set('access-audit:skipDefaultTypes', file)
  return audit
}

function flexIn(file: string, into: Resources): void {
  const root = readYaml(readText(file), file)
  const { rules, notOurs } = placedIn(root, file, () => parseFlexDataPolicies(plainOf(root), file))
  for (const { path, message } of notOurs) into.warnings.push(`${file}: ${path}: ${message}`)
  for (const rule of rules) {
    if (into.origins.has(`rule/${rule.name}`))
      throw new AuditError('invalid_config', `${file}: another rule is called ${rule.name}`)
    into.origins.set(`rule/${rule.name}`, file)
    into.expressions.push(rule)
  }
}

/** The one policy of a file; one that lies in the folder of resources too is read once. */
function policyIn(file: string, into: Resources): string {
  if (!into.files.includes(file)) readResourceFile(file, into)
  const names = [...into.origins].flatMap(([name, where]) =>
    name.startsWith('policy/') && where.startsWith(`${file}:`) ? [name.slice('policy/'.length)] : [],
  )
  const [name] = names
  if (name !== undefined && names.length === 1) return name
  const hint = `name the policy itself: policy: ${name ?? basename(file, extname(file))}`
  throw new AuditError('invalid_config', `${file} holds ${names.length} policies, not one`, { hint })
}

/** Says where a name stands that is none. */
function placedMask(name: string, where: string): string {
  try {
    return defaultMask(name)
  } catch (error) {
    if (!(error instanceof AuditError)) throw error
    const faults = [{ path: where, message: error.message }]
    throw new AuditError(error.code, `${where}: ${error.message}`, { ...error.details, faults })
  }
}
