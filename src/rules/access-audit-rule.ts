import { nearest } from '../domain/nearest.ts'
import {
  OF_A_MESH,
  OPERATIONS,
  type Operation,
  RESOURCE_OPERATIONS,
  resourceType,
  typeNames,
} from './access-audit-words.ts'
import type { Located } from './kubernetes-policy-yaml.ts'
import { fault, fieldsOf, isNothing, itemsOf, type Notes, scalarOf, textOf, warn } from './located-fields.ts'

export interface AccessAuditRule {
  /** Empty: all but the skipped ones. */
  readonly types: readonly string[]
  /** Left out: all meshes, and what belongs to none. */
  readonly mesh?: string
  readonly access: readonly Operation[]
  /** All there are, whatever `access` says. */
  readonly accessAll?: true
}

/** Which operations a rule is about. */
export function operationsOf({ access, accessAll }: AccessAuditRule): readonly Operation[] {
  return accessAll === true ? OPERATIONS : access
}

const RULE_KEYS = ['types', 'mesh', 'access', 'accessAll']
const MOST_VALUES = 1000

/** Notes what is wrong with it. */
export function ruleOf(item: Located, path: string, notes: Notes): AccessAuditRule {
  const fields = fieldsOf(item, path, RULE_KEYS, notes)
  const types = typesOf(fields.get('types'), `${path}.types`, notes)
  const mesh = meshOf(fields.get('mesh'), `${path}.mesh`, notes)
  const listed = accessOf(fields.get('access'), `${path}.access`, notes)
  const all = flagOf(fields.get('accessAll'), `${path}.accessAll`, notes)
  if (all && listed.length > 0) {
    const message = 'accessAll is true, so access is not looked at; say one of the two'
    warn(notes, fields.get('access') ?? item, `${path}.access`, message)
  }
  if (!all && listed.length === 0 && notes.faults.length === 0)
    fault(notes, item, path, 'the rule audits nothing: say access: [CREATE, UPDATE, DELETE] or accessAll: true')
  const isForOthers = !all && listed.length > 0 && listed.every((each) => !isOfResources(each))
  if (isForOthers && types.length > 0) {
    const message = `types has no effect on ${listed.join(', ')}`
    warn(notes, fields.get('types') ?? item, `${path}.types`, message)
  }
  if (mesh !== undefined) refuseGlobal(types, all ? [] : listed, fields, item, path, notes)
  return { types, ...(mesh !== undefined && { mesh }), access: listed, ...(all && { accessAll: true }) }
}

/** `mesh` can only be used with what belongs to a mesh, and Mesh itself: the rule would never match. */
function refuseGlobal(
  types: readonly string[],
  listed: readonly Operation[],
  fields: ReadonlyMap<string, Located>,
  item: Located,
  path: string,
  notes: Notes,
): void {
  const at = fields.get('mesh') ?? item
  const global = types.filter((name) => name !== 'Mesh' && resourceType(name)?.scope === 'global')
  if (global.length > 0) fault(notes, at, `${path}.mesh`, `there is no mesh for ${global.join(', ')}; leave mesh out`)
  const others = listed.filter((each) => !isOfResources(each) && each !== OF_A_MESH)
  if (others.length > 0) fault(notes, at, `${path}.mesh`, `there is no mesh for ${others.join(', ')}; leave mesh out`)
}

export function isOfResources(operation: Operation): boolean {
  return RESOURCE_OPERATIONS.some((each) => each === operation)
}

function typesOf(value: Located | undefined, path: string, notes: Notes): readonly string[] {
  return itemsOf(value, path, MOST_VALUES, notes).flatMap((item, n) => {
    const said = textOf(item, `${path}[${n}]`, notes)
    if (said === undefined) return []
    if (!/^[A-Za-z][A-Za-z0-9]{0,62}$/.test(said)) {
      fault(notes, item, `${path}[${n}]`, 'is no name of a resource type, like MeshTimeout')
      return []
    }
    const known = resourceType(said)
    if (known === undefined || known.name !== said) warnOfUnknown(item, said, `${path}[${n}]`, notes)
    else if (known.gone) warn(notes, item, `${path}[${n}]`, `${said} went with Kong Mesh 3`)
    return [said]
  })
}

function warnOfUnknown(item: Located, said: string, path: string, notes: Notes): void {
  const meant = resourceType(said)?.name ?? nearest(said, typeNames())
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`
  warn(notes, item, path, `${said} is no resource type that is known${hint}`)
}

function meshOf(value: Located | undefined, path: string, notes: Notes): string | undefined {
  if (value === undefined || isNothing(value)) return undefined
  const said = textOf(value, path, notes)
  if (said === undefined || said === '') return undefined
  if (/^[0-9a-z._-]{1,253}$/.test(said)) return said
  const message = said === '*' ? 'for all meshes leave mesh out' : 'a mesh is called by a-z, 0-9, -, _ and .'
  fault(notes, value, path, message)
  return undefined
}

function accessOf(value: Located | undefined, path: string, notes: Notes): readonly Operation[] {
  const found = itemsOf(value, path, MOST_VALUES, notes).flatMap((item, n) => {
    const said = scalarOf(item)
    const operation = OPERATIONS.find((each) => each === said)
    if (operation !== undefined) return [operation]
    const meant = typeof said === 'string' ? nearest(said, OPERATIONS) : undefined
    const hint = meant === undefined ? `known: ${OPERATIONS.join(', ')}` : `did you mean ${meant}?`
    const isNumber = typeof said === 'number'
    const message = isNumber ? 'write the name: what Kong Mesh means by the number is not known' : 'is no operation'
    fault(notes, item, `${path}[${n}]`, `${message}; ${hint}`)
    return []
  })
  return [...new Set(found)]
}

function flagOf(value: Located | undefined, path: string, notes: Notes): boolean {
  if (value === undefined || isNothing(value)) return false
  const said = scalarOf(value)
  if (typeof said !== 'boolean') fault(notes, value, path, 'must be true or false')
  return said === true
}
