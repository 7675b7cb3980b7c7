import type { AccessAudit } from './access-audit.ts'
import type { ExpressionRule } from './expressions.ts'

/**
 * Everything that decides what is kept, as plain data: it goes to the seal threads, is hashed, sealed in heartbeats,
 * compared with what comes next, and shown. What it holds was parsed strictly before; compiling it does not fail.
 */
export interface RuleSet {
  /** `audit.k8s.io/v1` policies: YAML by the name by which sources call them. */
  readonly kubernetesPolicies: Readonly<Record<string, string>>
  readonly accessAudits: readonly AccessAudit[]
  /** `kmesh.access.audit.skipDefaultTypes` of a control plane's file; left out: Kong Mesh's own list. */
  readonly skipDefaultTypes?: readonly string[]
  /** Of EngFlow's three: auth, iam, file. */
  readonly excludedCategories: readonly string[]
  /** In the order in which they are asked. */
  readonly expressions: readonly ExpressionRule[]
  /** Default masks that were switched off, by name. */
  readonly defaultMasksOff: readonly string[]
}

/** Only what cannot be left out is in force: secrets are masked. */
export const NO_RULES: RuleSet = {
  kubernetesPolicies: {},
  accessAudits: [],
  excludedCategories: [],
  expressions: [],
  defaultMasksOff: [],
}
