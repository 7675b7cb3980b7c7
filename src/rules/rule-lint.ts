import type { CandidateRule, RuleFinding, RuleLint } from '../domain/rule-answers.ts'
import { universalAudit } from './access-audit-json.ts'
import { lintKubernetesPolicy } from './kubernetes-policy-lint.ts'
import { parseKubernetesPolicy } from './kubernetes-policy.ts'
import { type Candidate, candidateRules } from './rule-candidate.ts'
import { noDocuments, readRuleDocuments, type RuleDocuments } from './rule-documents.ts'
import { diffOfRules, linesBefore } from './rule-entries.ts'
import { effectiveRules, type RuleLayers } from './rule-layers.ts'

/**
 * What documents of rules say and would change, and what in them hardly anybody means; nothing is tried on events.
 * Throws `invalid_config` with file, line and column for what is not understood.
 */
export function lintRules(documents: Candidate['documents'] = [], layers: RuleLayers): RuleLint {
  const found = noDocuments()
  for (const { name, text } of documents) readRuleDocuments(text, name, found)
  const policies = policyFindings(found)
  // A policy's own warnings are among its findings already.
  const others = found.warnings.flatMap(placed).filter((each) => !policies.some((other) => isAtSamePlace(each, other)))
  return {
    changes: diffOfRules(effectiveRules(layers), candidateRules({ documents }, layers)),
    findings: [...policies, ...others, ...ofFiles(found, layers)].toSorted((a, b) => a.line - b.line),
    rules: rulesOf(found),
  }
}

function policyFindings({ policies, origins }: RuleDocuments): readonly RuleFinding[] {
  return [...policies].flatMap(([name, text]) => {
    const [, document = '', begin = '1'] = PLACE.exec(`${origins.get(`policy/${name}`)}: `) ?? []
    const before = Number(begin) - 1 - linesBefore(text)
    return lintKubernetesPolicy(parseKubernetesPolicy(text, document)).map(
      ({ severity, at, rule, message }): RuleFinding => ({
        severity,
        document,
        line: before + at.line,
        column: at.column,
        message: rule === undefined || message.startsWith('rules[') ? message : `rule ${rule} ${message}`,
      }),
    )
  })
}

/** `prod.yaml:12:5: types has no effect`, as readers of documents say it. */
const PLACE = /^(.{0,1024}?):(\d{1,9}):(\d{1,9}): (.*)$/s

function placed(warning: string): readonly RuleFinding[] {
  const [, document, line, column, message] = PLACE.exec(warning) ?? []
  if (document === undefined || message === undefined) return []
  return [{ severity: 'warning', document, line: Number(line), column: Number(column), message }]
}

function isAtSamePlace(a: RuleFinding, b: RuleFinding): boolean {
  return a.document === b.document && a.line === b.line && a.column === b.column
}

/** What a file says is changed in the file. */
function ofFiles(found: RuleDocuments, { files }: RuleLayers): readonly RuleFinding[] {
  return [...found.origins].flatMap(([name, origin]) => {
    const other = Object.hasOwn(files.origins, name) ? files.origins[name] : undefined
    if (other === undefined) return []
    return placed(`${origin}: ${name} stands in ${other}: it can be tried here, and is changed there`)
  })
}

function rulesOf({ policies, accessAudits, expressions }: RuleDocuments): readonly CandidateRule[] {
  return [
    ...[...policies.keys()].map((name): CandidateRule => ({ kind: 'policy', name })),
    ...accessAudits.map((audit): CandidateRule => {
      return { kind: 'access-audit', name: audit.name, value: universalAudit(audit) }
    }),
    ...expressions.map((rule): CandidateRule => ({ kind: 'rule', name: rule.name, value: { ...rule } })),
  ]
}
