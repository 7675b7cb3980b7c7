import type { Actor, AuditEvent, JsonObject, Resource, UserKind } from '../domain/event.ts'
import { formatTime, parseTime } from '../domain/time.ts'
import type { Decoded, Format, Reject } from './format.ts'
import { DEPTH_LIMIT, RECORD_LIMIT_BYTES } from './limits.ts'
import { dropEmpty, objectIn, stringIn, stringsIn } from './loose.ts'
import type { RecordJson } from './record-json.ts'
import { parseRecord } from './record-json.ts'

/**
 * Records of Kong Mesh's access audit (`kmesh.access.audit`, docs.konghq.com/mesh/access-audit): one JSON object per
 * action on a resource, per token that was made, per look into a proxy. They have no id and no outcome of their own:
 * only what was done is written, so the outcome is success.
 */
export const kongMesh: Format = {
  name: 'kong-mesh',
  version: 1,
  stream: 'mesh',
  decode(bytes) {
    const record = parseRecord(bytes)
    if (record.kind === 'reject') return record
    return refusalOf(record, bytes.length) ?? decodedOf(record)
  },
}

function refusalOf({ value, depth, unsafeKeys }: RecordJson, sizeBytes: number): Reject | undefined {
  if (sizeBytes > RECORD_LIMIT_BYTES || depth > DEPTH_LIMIT) {
    const message = `the record has ${sizeBytes} bytes, nested ${depth} deep; at most ${RECORD_LIMIT_BYTES} and ${DEPTH_LIMIT} are taken`
    return { kind: 'reject', reason: sizeBytes > RECORD_LIMIT_BYTES ? 'too_large' : 'too_deep', message }
  }
  if (unsafeKeys) {
    return { kind: 'reject', reason: 'wrong_type', path: '__proto__', message: 'the record has a key __proto__' }
  }
  if (stringIn(value, 'action') === undefined) {
    const message = 'action is missing: the record is none of an access audit'
    return { kind: 'reject', reason: 'missing_field', path: 'action', message }
  }
  const date = stringIn(value, 'date')
  if (date !== undefined && parseTime(date) !== undefined) return undefined
  const message = 'date is missing or no RFC 3339 time'
  return { kind: 'reject', reason: date === undefined ? 'missing_field' : 'wrong_type', path: 'date', message }
}

function decodedOf({ value, text }: RecordJson): Decoded {
  const action = stringIn(value, 'action') ?? ''
  const date = stringIn(value, 'date') ?? ''
  const token = objectIn(value, 'token')
  const resource = resourceOf(value)
  const act = actOf(action)
  const event: AuditEvent = {
    '@timestamp': formatTime(parseTime(date) ?? 0),
    event: dropEmpty({
      action: action.toLowerCase(),
      category: act.category,
      type: act.type,
      outcome: 'success' as const,
      dataset: 'kong.mesh.audit',
      kind: 'event',
      timezone: offsetOf(date),
      original: text,
    }),
    user: actorOf(objectIn(value, 'user'), objectIn(token, 'claims')),
    audit: dropEmpty({ resource, request: token }),
  }
  return { kind: 'events', events: [{ event }] }
}

/** By the word before the first underscore; what we do not know is an access of the control plane. */
function actOf(action: string): { readonly category: readonly string[]; readonly type: readonly string[] } {
  const verb = action.split('_', 1)[0]
  if (verb === 'GENERATE') return { category: ['iam'], type: ['creation'] }
  if (verb === 'CREATE') return { category: ['configuration'], type: ['creation'] }
  if (verb === 'UPDATE') return { category: ['configuration'], type: ['change'] }
  if (verb === 'DELETE') return { category: ['configuration'], type: ['deletion'] }
  return { category: ['configuration'], type: ['access'] }
}

function resourceOf(record: JsonObject): readonly Resource[] {
  const resource = objectIn(record, 'resource')
  if (resource !== undefined) {
    const type = stringIn(resource, 'type')?.toLowerCase()
    return [dropEmpty({ type, name: stringIn(resource, 'name'), parent: stringIn(resource, 'mesh') })]
  }
  const token = objectIn(record, 'token')
  if (token === undefined) return []
  const claims = objectIn(token, 'claims')
  return [dropEmpty({ type: 'token', id: stringIn(token, 'id'), parent: stringIn(claims, 'mesh') })]
}

/** A user token names whom it is for; all other tokens are for machines. */
function actorOf(user: JsonObject | undefined, claims: JsonObject | undefined): Actor {
  const name = stringIn(user, 'name')
  const groups = stringsIn(user, 'groups') ?? []
  const kind = kindOf(name)
  const target = stringIn(claims, 'name')
  return dropEmpty({
    kind,
    name,
    email: kind === 'person' && name?.includes('@') === true ? name : undefined,
    group: groups.length === 0 ? undefined : { name: groups },
    target: target === undefined ? undefined : { name: target },
  })
}

/** The control plane's own users (kumahq/kuma, pkg/core/user): all but anonymous are the system itself. */
function kindOf(name: string | undefined): UserKind {
  if (name === undefined || name === 'mesh-system:anonymous') return 'anonymous'
  return name.startsWith('mesh-system:') ? 'system' : 'person'
}

/** The zone in which it was written: the time itself is kept in UTC. */
function offsetOf(date: string): string | undefined {
  return /[+-]\d\d:\d\d$/.exec(date)?.[0]
}
