import { AuditError } from '../domain/errors.ts'
import type { AccessAudit } from './access-audit.ts'
import type { ExpressionRule } from './expressions.ts'
import type { RuleSet } from './rule-set.ts'

/** Rules as the files of the configuration have them. */
export interface FileRules {
  readonly set: RuleSet
  /** Where each stands, by its name: `whodid.yaml:12:5`. */
  readonly origins: Readonly<Record<string, string>>
  /** What is taken but hardly meant, for an operator. */
  readonly warnings: readonly string[]
}

/** A rule that came by the API. */
export type AddedRule = {
  /** Who added it, as in our trail. */
  readonly by: string
  /** Milliseconds since 1970. */
  readonly at: number
} & (
  | { readonly kind: 'rule'; readonly value: ExpressionRule }
  | { readonly kind: 'access-audit'; readonly value: AccessAudit }
)

/** All that is in force, by where it comes from. Plain data. */
export interface RuleLayers {
  readonly files: FileRules
  readonly added: readonly AddedRule[]
}

/** One thing that somebody asks for. */
export type RuleChange =
  | { readonly kind: 'files'; readonly files: FileRules }
  | { readonly kind: 'put'; readonly rule: AddedRule }
  | { readonly kind: 'remove'; readonly of: AddedRule['kind']; readonly name: string }

/** `rule/NAME` or `access-audit/NAME`. */
export function nameOfAdded({ kind, value }: AddedRule): string {
  return `${kind}/${value.name}`
}

/** What is in force: those of the files first, in their order, then those of the API, oldest first. */
export function effectiveRules({ files, added }: RuleLayers): RuleSet {
  return {
    ...files.set,
    accessAudits: [
      ...files.set.accessAudits,
      ...added.flatMap((each) => (each.kind === 'access-audit' ? [each.value] : [])),
    ],
    expressions: [...files.set.expressions, ...added.flatMap((each) => (each.kind === 'rule' ? [each.value] : []))],
  }
}

/**
 * The layers after a change. Throws `conflict` for a rule of the API that a file has under the same name, `not_found` for
 * one to be removed that is not there.
 */
export function changedLayers(layers: RuleLayers, change: RuleChange): RuleLayers {
  switch (change.kind) {
    case 'files': {
      const next = { files: change.files, added: layers.added }
      for (const each of next.added) refuseOfFile(nameOfAdded(each), next.files)
      return next
    }
    case 'put': {
      const name = nameOfAdded(change.rule)
      refuseOfFile(name, layers.files)
      const at = layers.added.findIndex((each) => nameOfAdded(each) === name)
      // One that is replaced keeps its turn: rules are asked in order.
      const added = at < 0 ? [...layers.added, change.rule] : layers.added.with(at, change.rule)
      if (added.length > MOST_ADDED) throw new AuditError('too_large', `the API holds ${MOST_ADDED} rules at most`)
      return { files: layers.files, added }
    }
    case 'remove': {
      const name = `${change.of}/${change.name}`
      refuseOfFile(name, layers.files)
      const added = layers.added.filter((each) => nameOfAdded(each) !== name)
      if (added.length === layers.added.length) throw new AuditError('not_found', `there is no ${name}`)
      return { files: layers.files, added }
    }
  }
}

const MOST_ADDED = 2000

function refuseOfFile(name: string, { origins, set }: FileRules): void {
  const [kind, ...rest] = name.split('/')
  const bare = rest.join('/')
  const own = kind === 'rule' ? set.expressions : set.accessAudits
  if (!own.some((each) => each.name === bare)) return
  const where = Object.hasOwn(origins, name) ? ` (${origins[name]})` : ''
  const hint = 'change it in its file, or choose another name'
  throw new AuditError('conflict', `${name} comes from a file${where}`, { hint })
}
