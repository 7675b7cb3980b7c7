import { nearest } from '../domain/nearest.ts'
import { DEFAULT_SKIPPED_TYPES, resourceType, typeNames } from './access-audit-words.ts'
import { type Located, type Note, refusal } from './kubernetes-policy-yaml.ts'
import { fault, fieldsOf, isNothing, itemsOf, type Notes, scalarOf } from './located-fields.ts'

/** `kmesh.access.audit` of a control plane's file. Plain data. */
export interface KmeshAudit {
  readonly skipDefaultTypes: readonly string[]
  /** Files that the control plane writes. Empty: it records nothing. */
  readonly backends: readonly KmeshBackend[]
  readonly warnings: readonly Note[]
}

interface KmeshBackend {
  readonly path: string
  /** Absent: one growing file. */
  readonly rotation?: {
    readonly maxRetainedFiles?: number
    readonly maxSizeMb?: number
    readonly maxAgeDays?: number
  }
}

/**
 * Reads the block strictly, out of a whole `kuma-cp.yaml` of which all the rest is ignored.
 *
 * @param where names the file in messages.
 * @throws AuditError `invalid_config` with position, path and the nearest right name of every fault.
 */
export function parseKmeshAudit(document: Located, where: string): KmeshAudit {
  const notes: Notes = { faults: [], warnings: [] }
  const audit = auditOf(document, notes)
  const fields = fieldsOf(audit, AT, ['skipDefaultTypes', 'backends'], notes)
  const skipDefaultTypes = skippedOf(fields.get('skipDefaultTypes'), notes)
  const backends = itemsOf(fields.get('backends'), `${AT}.backends`, MOST_VALUES, notes).flatMap((item, n) =>
    backendOf(item, `${AT}.backends[${n}]`, notes),
  )
  if (notes.faults.length > 0) throw refusal(where, notes.faults)
  return { skipDefaultTypes, backends, warnings: notes.warnings }
}

/**
 * What the block means here, a line for each thing, for a person.
 *
 * @param followedBy name of the source that follows a file.
 */
export function kmeshMeaning(
  { skipDefaultTypes, backends }: KmeshAudit,
  followedBy: (path: string) => string | undefined,
): readonly string[] {
  const skipped = skipDefaultTypes.length === 0 ? 'none is left out' : `all but ${skipDefaultTypes.join(', ')}`
  return [
    `AccessAudits that name no types are about all types: ${skipped}`,
    ...(backends.length === 0 ? ['the control plane itself records nothing: it has no backend'] : []),
    ...backends.map(({ path, rotation }) => {
      const rotated = rotation === undefined ? '' : `, rotated to ${rotatedName(path, '-TIME')}`
      const follower = followedBy(path)
      if (follower !== undefined) return `the control plane writes ${path}${rotated}; source ${follower} follows it`
      const followed = JSON.stringify(rotation === undefined ? path : rotatedName(path, '*'))
      const source = `{ name: kong-mesh, kind: file, paths: [${followed}], format: kong-mesh }`
      return `the control plane writes ${path}${rotated}; no source follows it, as this one would: ${source}`
    }),
  ]
}

/** As lumberjack names it: the time stands before the extension. */
function rotatedName(path: string, time: string): string {
  const base = path.slice(path.lastIndexOf('/') + 1)
  const dot = base.lastIndexOf('.')
  const extension = dot < 0 ? '' : base.slice(dot)
  return `${path.slice(0, path.length - extension.length)}${time}${extension}`
}

const AT = 'kmesh.access.audit'
const MOST_VALUES = 1000

/** Undefined: there is none, and the control plane's defaults are in force. A name that is nearly right is refused. */
function auditOf(document: Located, notes: Notes): Located | undefined {
  let found: Located | undefined = document
  let path = ''
  for (const key of ['kmesh', 'access', 'audit']) {
    if (found?.kind !== 'map') {
      if (found !== undefined && !isNothing(found)) fault(notes, found, path, 'must be a map')
      break
    }
    const inner: Located | undefined = found.entries.get(key)?.value
    if (inner === undefined) refuseNearly(found, key, path, notes)
    found = inner
    path = path === '' ? key : `${path}.${key}`
  }
  const isThere = path === AT && found !== undefined
  if (!isThere && notes.faults.length === 0)
    notes.warnings.push({ at: document.at, path: AT, message: 'is not in the file: Kong Mesh’s defaults are taken' })
  return isThere ? found : undefined
}

function refuseNearly(map: Located & { readonly kind: 'map' }, key: string, path: string, notes: Notes): void {
  for (const [name, { at }] of map.entries) {
    if (nearest(name, [key]) === undefined) continue
    const message = `there is no such key; did you mean ${key}?`
    notes.faults.push({ at, path: path === '' ? name : `${path}.${name}`, message })
  }
}

function skippedOf(value: Located | undefined, notes: Notes): readonly string[] {
  if (value === undefined || isNothing(value)) return DEFAULT_SKIPPED_TYPES
  return itemsOf(value, `${AT}.skipDefaultTypes`, MOST_VALUES, notes).flatMap((item, n) => {
    const path = `${AT}.skipDefaultTypes[${n}]`
    const said = item.kind === 'scalar' ? item.value : undefined
    if (typeof said !== 'string') {
      fault(notes, item, path, 'must be the name of a resource type')
      return []
    }
    if (resourceType(said)?.name !== said) {
      const meant = resourceType(said)?.name ?? nearest(said, typeNames())
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`
      notes.warnings.push({ at: item.at, path, message: `${said} is no resource type that is known${hint}` })
    }
    return [said]
  })
}

function backendOf(item: Located, path: string, notes: Notes): readonly KmeshBackend[] {
  const fields = fieldsOf(item, path, ['type', 'file'], notes)
  const type = scalarOf(fields.get('type'))
  if (type !== 'file') fault(notes, fields.get('type') ?? item, `${path}.type`, 'the one type of backend is file')
  const file = fieldsOf(fields.get('file'), `${path}.file`, ['path', 'rotation'], notes)
  const name = scalarOf(file.get('path'))
  if (typeof name !== 'string' || name === '')
    fault(notes, file.get('path') ?? item, `${path}.file.path`, 'must be the path of a file')
  const rotation = rotationOf(file.get('rotation'), `${path}.file.rotation`, notes)
  return typeof name === 'string' ? [{ path: name, ...(rotation !== undefined && { rotation }) }] : []
}

const COUNTS = ['maxRetainedFiles', 'maxSizeMb', 'maxAgeDays'] as const

function rotationOf(value: Located | undefined, path: string, notes: Notes): KmeshBackend['rotation'] {
  const fields = fieldsOf(value, path, ['enabled', ...COUNTS], notes)
  const enabled = scalarOf(fields.get('enabled')) ?? false
  if (typeof enabled !== 'boolean')
    fault(notes, fields.get('enabled') ?? value, `${path}.enabled`, 'must be true or false')
  const counts = COUNTS.flatMap((key): (readonly [string, number])[] => {
    const said = scalarOf(fields.get(key)) ?? undefined
    if (said === undefined) return []
    if (typeof said === 'number' && Number.isSafeInteger(said) && said >= 0) return [[key, said]]
    fault(notes, fields.get(key) ?? value, `${path}.${key}`, 'must be a whole number, 0 or more')
    return []
  })
  return enabled === true ? Object.fromEntries(counts) : undefined
}
