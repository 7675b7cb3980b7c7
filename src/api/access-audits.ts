import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { parse as parseJson } from 'secure-json-parse'

import { formatMillis } from '../domain/time.ts'
import type { RuleOutcome } from '../domain/rule-answers.ts'
import type { AccessAuditEntry } from '../ingest/access-audit-desk.ts'
import { locateJson } from '../rules/access-audit-json.ts'
import { type AccessAudit, readAccessAudit } from '../rules/access-audit.ts'
import type { ApiDeps } from './deps.ts'
import { type KumaFault, sendKumaProblem } from './kuma-problems.ts'
import { pageOf } from './kuma-pages.ts'
import { whoCalls } from './trail.ts'

/**
 * AccessAudits as the API of Kuma's control plane has its resources (`pkg/api-server` of kumahq/kuma), so that its
 * clients can be pointed here: the same paths, pages, answers and errors.
 */
export function addAccessAuditRoutes(
  app: FastifyInstance,
  { accessAudits: desk }: Pick<ApiDeps, 'accessAudits'>,
): void {
  const reads = { config: { needs: ['LEDGER_READ'] } } as const
  const writes = { config: { needs: ['RULE_EDIT'] } } as const
  const find = (name: string) => desk.list().find(({ audit }) => audit.name === name)

  app.get('/accessaudits', reads, (request, reply) => {
    const page = pageOf(request, desk.list(), ({ audit }) => audit.name)
    if (page.kind === 'fault') return sendKumaProblem(reply, page.fault)
    return { total: page.total, items: page.items.map(itemOf), next: page.next }
  })

  app.get<Named>('/accessaudits/:name', reads, (request, reply) => {
    const found = find(request.params.name)
    if (found === undefined) return sendKumaProblem(reply, notFound('Could not retrieve a resource'))
    const format = queryText(request, 'format')
    if (format === '' || format === 'universal') return itemOf(found)
    if (format === 'k8s' || format === 'kubernetes') return ofKubernetes(found)
    const reason = '"format" must be one of ["k8s", "kubernetes", "universal"]'
    return sendKumaProblem(reply, notValid('invalid format', [{ field: 'format', reason }]))
  })

  app.put<Named>('/accessaudits/:name', writes, async (request, reply) => {
    const { name } = request.params
    const read = readBody(request)
    if ('status' in read) return sendKumaProblem(reply, read)
    const { audit, warnings } = read
    const old = find(name)
    if (old?.origin !== undefined) return sendKumaProblem(reply, readOnly(name, old.origin))
    const outcome = await desk.put(audit, whoCalls(request))
    if (outcome.kind === 'waiting') return sendWaiting(reply, outcome, warnings)
    return reply.code(old === undefined ? 201 : 200).send(warnings.length === 0 ? {} : { warnings })
  })

  app.delete<Named>('/accessaudits/:name', writes, async (request, reply) => {
    const { name } = request.params
    const old = find(name)
    if (old === undefined) return sendKumaProblem(reply, notFound('Could not delete a resource'))
    if (old.origin !== undefined) return sendKumaProblem(reply, readOnly(name, old.origin))
    const outcome = await desk.remove(name, whoCalls(request))
    return outcome.kind === 'waiting' ? sendWaiting(reply, outcome, []) : reply.code(200).send({})
  })
}

type Named = { Params: { name: string } }

function queryText({ query }: FastifyRequest, name: string): string {
  if (typeof query !== 'object' || query === null || !Object.hasOwn(query, name)) return ''
  const said: unknown = Reflect.get(query, name)
  return typeof said === 'string' ? said : ''
}

/** With the keys in the order in which Kuma writes them. */
function itemOf({ audit, modifiedAt }: AccessAuditEntry): object {
  return {
    type: 'AccessAudit',
    name: audit.name,
    ...(modifiedAt !== undefined && { modificationTime: formatMillis(modifiedAt) }),
    ...(audit.labels !== undefined && { labels: audit.labels }),
    rules: rulesOf(audit),
  }
}

function ofKubernetes({ audit }: AccessAuditEntry): object {
  const { name, labels } = audit
  return {
    apiVersion: 'kuma.io/v1alpha1',
    kind: 'AccessAudit',
    metadata: { name, ...(labels !== undefined && { labels }) },
    spec: { rules: rulesOf(audit) },
  }
}

function rulesOf({ rules }: AccessAudit): readonly object[] {
  return rules.map(({ types, mesh, access, accessAll }) => ({
    ...(types.length > 0 && { types }),
    ...(mesh !== undefined && { mesh }),
    ...(access.length > 0 && { access }),
    ...(accessAll === true && { accessAll }),
  }))
}

function readBody(
  request: FastifyRequest<Named>,
): KumaFault | { readonly audit: AccessAudit; readonly warnings: readonly string[] } {
  const document = locateJson(jsonOf(request.body))
  if (document.kind !== 'map')
    return { status: 400, title: 'Bad Request', detail: 'invalid AccessAudit object: the body is no JSON object' }
  const said = (key: string): unknown => {
    const value = document.entries.get(key)?.value
    return value?.kind === 'scalar' ? value.value : undefined
  }
  const wrong = [
    ...(said('name') === request.params.name ? [] : [sameAsInBody('name')]),
    ...(said('type') === 'AccessAudit' ? [] : [sameAsInBody('type')]),
  ]
  if (wrong.length > 0) return notValid(NOT_PROCESSED, wrong)
  const { audit, faults, warnings } = readAccessAudit(document)
  if (audit !== undefined)
    return { audit, warnings: (warnings ?? []).map(({ path, message }) => `${path}: ${message}`) }
  const invalid = faults.slice(0, MOST_FAULTS).map(({ path, message }) => ({ field: path, reason: message }))
  return notValid(NOT_PROCESSED, invalid)
}

const NOT_PROCESSED = 'Could not process a resource'
const MOST_FAULTS = 20

function jsonOf(body: unknown): unknown {
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(body instanceof Uint8Array ? body : undefined))
  } catch {
    return undefined
  }
}

function sameAsInBody(field: string): { readonly field: string; readonly reason: string } {
  return { field, reason: `${field} from the URL has to be the same as in body` }
}

function notFound(title: string): KumaFault {
  return { status: 404, title, detail: 'Not found' }
}

function notValid(title: string, invalid: KumaFault['invalid']): KumaFault {
  return { status: 400, title, detail: 'Resource is not valid', ...(invalid !== undefined && { invalid }) }
}

/** As Kuma answers where its resources are changed by `kubectl` alone. */
function readOnly(name: string, origin: string): KumaFault {
  const detail = `AccessAudit ${name} comes from ${origin} and is changed there; it can only be read here`
  return { status: 405, title: 'Method not Allowed', detail }
}

/** Kuma has nothing like it: a client of its takes the status for an error and shows the body, which says what to do. */
function sendWaiting(
  reply: FastifyReply,
  { id, reasons }: Extract<RuleOutcome, { kind: 'waiting' }>,
  warnings: readonly string[],
): FastifyReply {
  const held = `not in force yet: ${reasons.join('; ')}; whodid rules confirm ${id}, or whodid rules refuse ${id}`
  return reply.code(202).send({ warnings: [held, ...warnings], waiting: id })
}
