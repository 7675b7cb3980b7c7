import type { Json, JsonObject, User } from '../domain/event.ts'
import { isLogEntry, recordOfLogEntry } from '../formats/kubernetes-gke.ts'
import { pathOf } from '../formats/kubernetes-subject.ts'
import { isObject, objectIn, stringIn } from '../formats/loose.ts'
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

/**
 * Reads what a policy looks at and leaves the bodies alone: they are most of a record. Undefined: it is no record of an API
 * server. Anybody may have written the text.
 */
export function readRecordText(text: string): RecordText | undefined {
  try {
    const read = readParts(text)
    const { verb, stage } = read.record
    return typeof verb === 'string' && typeof stage === 'string' ? read : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function readParts(text: string): RecordText {
  const members = membersOf(text, rootOf(text))
  const payload = members.findLast(({ key }) => key === 'protoPayload')
  if (payload !== undefined) return readLogEntry(text, members, payload)
  return { text, members, around: members, names: NATIVE, record: recordOf(text, members) }
}

/** The last one of a name counts, as for whoever parses the whole. */
function recordOf(text: string, members: readonly Member[]): JsonObject {
  const record: Record<string, Json> = {}
  for (const { key, start, end } of members) {
    switch (key) {
      case 'objectRef':
        record[key] = refOf(text, start)
        break
      case 'level':
      case 'stage':
      case 'requestURI':
      case 'verb':
        record[key] = valueOf(text.slice(start, end))
    }
  }
  return record
}

function refOf(text: string, at: number): JsonObject {
  const ref: Record<string, Json> = {}
  for (const { key, start, end } of membersOf(text, at)) {
    switch (key) {
      case 'resource':
      case 'subresource':
      case 'apiGroup':
      case 'namespace':
      case 'name':
      case 'uid':
        ref[key] = valueOf(text.slice(start, end))
    }
  }
  return ref
}

/** Most are words, and looking for a backslash costs less than a parser. */
function valueOf(json: string): Json {
  if (json.startsWith('"') && !json.includes('\\')) return json.slice(1, -1)
  // All that it returns is JSON.
  return JSON.parse(json) as Json
}

function readLogEntry(text: string, around: readonly Member[], payload: Member): RecordText {
  const entry: unknown = JSON.parse(text.slice(rootOf(text)))
  const members = membersOf(text, payload.start)
  const record = isObject(entry) && isLogEntry(entry) ? recordOfLogEntry(entry) : {}
  return { text, members, around, names: GOOGLE, record }
}

/**
 * The request that a record is about, as the API server's policy saw it.
 *
 * @param user who asked, as the record's event has it: letter for letter what the record says.
 */
export function policyRequestOf(record: JsonObject, user: User | undefined): PolicyRequest {
  const name = user?.name
  const ref = objectIn(record, 'objectRef')
  const verb = stringIn(record, 'verb') ?? ''
  const uri = stringIn(record, 'requestURI') ?? ''
  const resource = stringIn(ref, 'resource')
  return {
    ...(name !== undefined && { user: name }),
    groups: name === undefined ? [] : (user?.group?.name ?? []),
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
