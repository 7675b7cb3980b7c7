import { type MeshAct, meshActs } from './access-audit-acts.ts'
import { DEFAULT_SKIPPED_TYPES, type Operation } from './access-audit-words.ts'
import { type AccessAuditRule, operationsOf } from './access-audit-rule.ts'
import type { AccessAudit } from './access-audit.ts'
import type { Family } from './family.ts'
import type { RuleSet } from './rule-set.ts'

/** What decides without an AccessAudit that matches. */
const NOT_AUDITED = 'access-audit'

/** How an AccessAudit is called in accounts and events. */
export function accessAuditName({ name }: Pick<AccessAudit, 'name'>): string {
  return `${NOT_AUDITED}/${name}`
}

/**
 * The union of all AccessAudits. Events about a mesh, from sources that ask for it, are kept where one of them matches
 * and dropped else; so they are also where there is none. All others are none of its. Looking one up costs about the
 * same for a thousand rules as for one.
 */
export function compileAccessAudits(rules: Pick<RuleSet, 'accessAudits' | 'skipDefaultTypes'>): Family {
  const audits = rules.accessAudits.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const find = createFinder(audits, rules.skipDefaultTypes ?? DEFAULT_SKIPPED_TYPES)
  const named = new Set(audits.flatMap((audit) => audit.rules.flatMap(({ types }) => types.map(lower))))
  const names = audits.map(accessAuditName)
  return {
    judge(decoded, scope, _id, noted) {
      if (scope.accessAudit !== true) return undefined
      const acts = meshActs(decoded.event, named)
      if (acts.length === 0) return undefined
      let first: string | undefined
      // Each that matches is told, not the first alone: what would be kept without it too has matched all the same.
      for (const audit of find(acts)) {
        const rule = names[audit] ?? NOT_AUDITED
        first ??= rule
        noted(rule, 'keep')
      }
      if (first !== undefined) return { kind: 'keep', decoded, rule: first }
      noted(NOT_AUDITED, 'drop')
      return { kind: 'drop', rule: NOT_AUDITED }
    },
  }
}

function lower(text: string): string {
  return text.toLowerCase()
}

/** A bit for each rule, in words of 32. */
type Bits = Uint32Array

interface Filters {
  readonly operations: ReadonlyMap<Operation, Bits>
  readonly types: ReadonlyMap<string, Bits>
  /** Rules that name no types, for the skipped ones left out. */
  readonly anyType: Bits
  readonly skipped: ReadonlySet<string>
  /** Each with the rules that name no mesh. */
  readonly meshes: ReadonlyMap<string, Bits>
  readonly anyMesh: Bits
}

/** Answers with the numbers of the AccessAudits that match one of the acts, each once, in order. */
function createFinder(
  audits: readonly AccessAudit[],
  skipped: readonly string[],
): (acts: readonly MeshAct[]) => Iterable<number> {
  const rules = audits.flatMap((audit) => audit.rules)
  const owners = audits.flatMap((audit, n) => audit.rules.map(() => n))
  const filters = filtersOf(rules, new Set(skipped.map(lower)))
  const size = sizeOf(rules)
  const none: readonly number[] = []
  return (acts) => {
    const found: number[] = []
    for (const act of acts) addMatches(act, filters, size, owners, found)
    if (found.length === 0) return none
    return acts.length === 1 ? found : [...new Set(found)].toSorted((a, b) => a - b)
  }
}

function addMatches(
  { operation, type, mesh }: MeshAct,
  filters: Filters,
  size: number,
  owners: readonly number[],
  found: number[],
): void {
  const byOperation = operation === undefined ? undefined : filters.operations.get(operation)
  if (byOperation === undefined) return
  const byName = type === undefined ? undefined : filters.types.get(type)
  const byDefault = type === undefined || filters.skipped.has(type) ? undefined : filters.anyType
  const byMesh = bitsOfMesh(mesh, filters)
  for (let word = 0; word < size; word++) {
    // What has no type is narrowed by none.
    const ofType = type === undefined ? -1 : (byName?.[word] ?? 0) | (byDefault?.[word] ?? 0)
    const ofMesh = byMesh === undefined ? -1 : (byMesh[word] ?? 0)
    let bits = (byOperation[word] ?? 0) & ofType & ofMesh
    while (bits !== 0) {
      const bit = 31 - Math.clz32(bits & -bits)
      bits &= bits - 1
      const owner = owners[word * 32 + bit]
      // Rules of one AccessAudit stand side by side.
      if (owner !== undefined && owner !== found.at(-1)) found.push(owner)
    }
  }
}

/** Undefined: any rule, since nobody knows in which mesh it is; what is in doubt is kept. */
function bitsOfMesh(mesh: MeshAct['mesh'], { meshes, anyMesh }: Filters): Bits | undefined {
  if (mesh === undefined) return undefined
  return mesh === 'none' ? anyMesh : (meshes.get(mesh.name) ?? anyMesh)
}

function filtersOf(rules: readonly AccessAuditRule[], skipped: ReadonlySet<string>): Filters {
  const operations = new Map<Operation, Bits>()
  const types = new Map<string, Bits>()
  const named = new Map<string, Bits>()
  const anyType = new Uint32Array(sizeOf(rules))
  const anyMesh = new Uint32Array(sizeOf(rules))
  for (const [n, rule] of rules.entries()) {
    for (const operation of operationsOf(rule)) set(bitsIn(operations, operation, rules), n)
    for (const type of rule.types) set(bitsIn(types, lower(type), rules), n)
    if (rule.types.length === 0) set(anyType, n)
    set(rule.mesh === undefined ? anyMesh : bitsIn(named, rule.mesh, rules), n)
  }
  const meshes = new Map([...named].map(([mesh, bits]) => [mesh, bits.map((each, n) => each | (anyMesh[n] ?? 0))]))
  return { operations, types, anyType, skipped, meshes, anyMesh }
}

function sizeOf(rules: readonly AccessAuditRule[]): number {
  return Math.ceil(rules.length / 32)
}

function bitsIn<K>(table: Map<K, Bits>, key: K, rules: readonly AccessAuditRule[]): Bits {
  const found = table.get(key) ?? new Uint32Array(sizeOf(rules))
  table.set(key, found)
  return found
}

function set(bits: Bits, n: number): void {
  const word = n >>> 5
  bits[word] = (bits[word] ?? 0) | (1 << (n & 31))
}
