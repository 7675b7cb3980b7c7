import type { JsonObject } from '../domain/event.ts'
import { actionOf } from './kubernetes-words.ts'
import { dropEmpty, objectIn, stringIn } from './loose.ts'

/** What a request was about: read once, used by several fields. */
export interface Subject {
  readonly verb: string
  readonly action: string
  readonly uri: string
  readonly ref: JsonObject | undefined
  readonly resource: string | undefined
  readonly subresource: string | undefined
  readonly namespace: string | undefined
}

export function subjectOf(record: JsonObject): Subject {
  const verb = (stringIn(record, 'verb') ?? '').toLowerCase()
  const ref = objectIn(record, 'objectRef')
  const subresource = stringIn(ref, 'subresource')
  const uri = stringIn(record, 'requestURI') ?? ''
  const action = actionOf(verb, subresource)
  return { verb, action, uri, ref, resource: stringIn(ref, 'resource'), subresource, namespace: namespaceOf(ref) }
}

/** A namespace is not in itself. */
function namespaceOf(ref: JsonObject | undefined): string | undefined {
  return stringIn(ref, 'resource') === 'namespaces' ? undefined : stringIn(ref, 'namespace')
}

/** As RBAC writes it: `create pods/exec`, `get deployments.apps`, `get /healthz`. */
export function permissionOf(subject: Subject): string {
  if (subject.resource === undefined) return `${subject.verb} ${pathOf(subject.uri)}`
  const group = stringIn(subject.ref, 'apiGroup')
  const resource = group === undefined ? subject.resource : `${subject.resource}.${group}`
  return `${subject.verb} ${resource}${subject.subresource === undefined ? '' : `/${subject.subresource}`}`
}

export function pathOf(uri: string): string {
  const end = uri.indexOf('?')
  return end < 0 ? uri : uri.slice(0, end)
}

/** The command of an exec is in the request's URI and nowhere else. */
export function insideOf(subject: Subject) {
  if (subject.action !== 'exec' && subject.action !== 'attach') return {}
  const parameters = new URLSearchParams(subject.uri.slice(pathOf(subject.uri).length))
  const args = parameters.getAll('command')
  return {
    process: dropEmpty({ command_line: args.map(shellWord).join(' '), args }),
    container: dropEmpty({ name: parameters.get('container') ?? undefined }),
  }
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
