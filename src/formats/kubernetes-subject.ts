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

/** The command of an exec is in the request's URI and nowhere else; so are the ports of a port-forward over WebSocket. */
export function insideOf(subject: Subject) {
  if (!INSIDE.has(subject.action)) return {}
  const parameters = new URLSearchParams(subject.uri.slice(pathOf(subject.uri).length))
  const container = dropEmpty({ name: parameters.get('container') ?? undefined })
  if (subject.action === 'port-forward') return { destination: dropEmpty({ port: portOf(parameters.get('ports')) }) }
  const args = parameters.getAll('command')
  const isInteractive = isOn(parameters.get('stdin')) && isOn(parameters.get('tty'))
  return {
    process: dropEmpty({
      command_line: args.map(shellWord).join(' '),
      args,
      interactive: isInteractive ? true : undefined,
    }),
    container,
  }
}

const INSIDE = new Set(['exec', 'attach', 'port-forward'])

function isOn(value: string | null): boolean {
  return value === '1' || value === 'true'
}

/** The first of `8080,8443`: ECS has place for one, `url.query` for all. */
function portOf(ports: string | null): number | undefined {
  const [first = ''] = (ports ?? '').split(',', 1)
  const port = /^\d{1,5}$/.test(first) ? Number(first) : 0
  return port > 0 && port < 65_536 ? port : undefined
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
