import type { JsonObject } from '../domain/event.ts'
import { isLogEntry, recordOfLogEntry } from '../formats/kubernetes-gke.ts'
import { pathOf } from '../formats/kubernetes-subject.ts'
import { isObject, objectIn, stringIn, stringsIn } from '../formats/loose.ts'
import { type Member, membersOf, rootOf } from '../lib/json-members.ts'
import type { PolicyRequest } from './kubernetes-policy-match.ts'

/** An audit record as it was sent, taken apart as far as a policy has to do with it. */
export interface RecordText {
  readonly text: string
  /** Of the object that has the bodies: the record, or `protoPayload` of Google's Cloud Logging. */
  readonly members: readonly Member[]
  /** Of the object that has the annotations. */
  readonly around: readonly Member[]
  readonly names: BodyNames
  /** As an audit.k8s.io Event, without its bodies. */
  readonly record: JsonObject
}

/** Under which keys a shape of records has what a level takes away. */
interface BodyNames {
  readonly request: string
  readonly response: string
  readonly annotations: string
}

const NATIVE: BodyNames = { request: 'requestObject', response: 'responseObject', annotations: 'annotations' }
const GOOGLE: BodyNames = { request: 'request', response: 'response', annotations: 'labels' }

/** Reads what a policy looks at and leaves the bodies alone: they are most of a record. */
export function readRecordText(text: string): RecordText {
  const members = membersOf(text, rootOf(text))
  const payload = members.findLast(({ key }) => key === 'protoPayload')
  if (payload !== undefined) return readLogEntry(text, members, payload)
  return { text, members, around: members, names: NATIVE, record: valuesOf(text, members, READ) }
}

const READ: ReadonlySet<string> = new Set(['level', 'stage', 'requestURI', 'verb', 'user', 'objectRef'])

/** The last one of a name counts, as for whoever parses the whole. */
function valuesOf(text: string, members: readonly Member[], read: ReadonlySet<string>): JsonObject {
  const values = new Map<string, JsonObject[string]>()
  // The text was parsed before, so each of its values is JSON.
  for (const { key, start, end } of members)
    if (read.has(key)) values.set(key, JSON.parse(text.slice(start, end)) as JsonObject[string])
  return Object.fromEntries(values)
}

function readLogEntry(text: string, around: readonly Member[], payload: Member): RecordText {
  const entry: unknown = JSON.parse(text.slice(rootOf(text)))
  const members = membersOf(text, payload.start)
  const record = isObject(entry) && isLogEntry(entry) ? recordOfLogEntry(entry) : {}
  return { text, members, around, names: GOOGLE, record }
}

/** The request that a record is about, as the API server's policy saw it. */
export function policyRequestOf(record: JsonObject): PolicyRequest {
  const user = objectIn(record, 'user')
  const name = stringIn(user, 'username')
  const ref = objectIn(record, 'objectRef')
  const verb = stringIn(record, 'verb') ?? ''
  const uri = stringIn(record, 'requestURI') ?? ''
  const resource = stringIn(ref, 'resource')
  return {
    ...(name !== undefined && { user: name }),
    groups: name === undefined ? [] : (stringsIn(user, 'groups') ?? []),
    verb,
    target:
      resource === undefined
        ? { kind: 'path', path: decoded(pathOf(uri)) }
        : {
            kind: 'resource',
            apiGroup: stringIn(ref, 'apiGroup') ?? '',
            resource,
            subresource: stringIn(ref, 'subresource') ?? '',
            namespace: stringIn(ref, 'namespace') ?? '',
            name: requestedName(ref, verb, resource, uri),
          },
  }
}

/**
 * The API server completes `objectRef.name` by the body of a create, long after its policy has decided: that request named
 * nothing, unless its URL did.
 */
function requestedName(ref: JsonObject | undefined, verb: string, resource: string, uri: string): string {
  const name = stringIn(ref, 'name') ?? ''
  if (verb !== 'create' || stringIn(ref, 'subresource') !== undefined) return name
  return decoded(pathOf(uri)).endsWith(`/${resource}/${name}`) ? name : ''
}

/** Of a URL's path; what is no encoding stands for itself. */
function decoded(path: string): string {
  if (!path.includes('%')) return path
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
