import type { Actor, Audit, AuditEvent, Authz, EventFields, Json, JsonObject, Outcome } from '../domain/event.ts'
import type { Policy, Resource, UserKind } from '../domain/event.ts'
import type { FlexRecord } from './flex-audit-record.ts'
import { flexRecord, nameOf, requestIdOf, textIn, textsIn, timeOf, valueIn, wordIn } from './flex-audit-record.ts'
import { categoryOfAction, ENDS, singularNoun, THINGS, TYPE_WORDS } from './flex-audit-words.ts'
import { typeOfAction, verbAndNoun } from './flex-audit-words.ts'
import { dropEmpty, isObject, objectIn } from './loose.ts'

export interface FlexContext {
  /** RFC 3339: stands in for a time that the record does not say. */
  readonly now: string
  readonly cluster: string
  readonly original: Pick<EventFields, 'original'>
  /** False for a record that is too large: what was asked and answered is left out. */
  readonly withBodies: boolean
}

/** The event that one record becomes, by docs/formats/flex-audit.md. Undefined: it names no action. */
export function flexEvent(
  whole: JsonObject,
  context: FlexContext,
): { readonly event: AuditEvent; readonly saysItsTime: boolean } | undefined {
  const record = flexRecord(whole)
  const action = actionOf(record)
  if (action === undefined) return undefined
  const time = timeOf(record)
  const end = endOf(record)
  const event: AuditEvent = dropEmpty({
    '@timestamp': time ?? context.now,
    event: { ...eventFields(record, action, end), ...context.original },
    user: actorOf(record),
    audit: auditOf(record, action, end, context.withBodies),
    orchestrator: orchestratorOf(record, context.cluster),
    http: dropEmpty({ request: dropEmpty({ id: requestIdOf(record) }) }),
    labels: labelsOf(record),
  })
  return { event, saysItsTime: time !== undefined }
}

/** The keyword's name; of records that hold none, their type's: `login` of `user/login`, `mutation` of `mutation/x`. */
function actionOf({ keyword, type, whole }: FlexRecord): string | undefined {
  if (keyword !== undefined) return nameOf(keyword)
  const named = type ?? wordIn(whole, 'action')
  if (named === undefined) return undefined
  const name = nameOf(named)
  return PARTS.has(name) ? named.split('/')[0] || name : name
}

const PARTS = new Set(['request', 'response'])

type End = 'allowed' | 'denied' | 'staged' | 'success' | 'failure' | 'unknown'

/** What the record says of how it ended: for a request that is whether it was allowed. */
function endOf({ whole, data, rbac, type }: FlexRecord): End {
  const answer = answerOf(data)
  const holders = [answer, data, whole]
  if (holders.some((each) => STAGED.some((name) => valueIn(each, name) === true))) return 'staged'
  const allowed = saysSuccess(rbac)
  if (allowed === false) return 'denied'
  if (isStaged(rbac)) return 'staged'
  for (const holder of holders) {
    const said = saysSuccess(holder)
    if (said !== undefined) return said ? 'success' : 'failure'
    const end = ENDS.get((wordIn(holder, 'status') ?? wordIn(holder, 'result') ?? '').toLowerCase())
    if (end !== undefined) return end
    if (ERRORS.some((name) => isSomething(valueIn(holder, name)))) return 'failure'
  }
  // What was allowed may still fail: only its response says so.
  const isResponse = type !== undefined && nameOf(type) === 'response'
  return allowed === true && !isResponse ? 'allowed' : 'unknown'
}

const STAGED = ['staged?', 'is-staged', 'staged']
const ERRORS = ['error', 'errors', 'exception', 'anomalies']

function answerOf(data: JsonObject | undefined): JsonObject | undefined {
  return objectIn(data, 'response') ?? objectIn(data, 'result')
}

function saysSuccess(holder: JsonObject | undefined): boolean | undefined {
  const said = valueIn(holder, 'success?') ?? valueIn(holder, 'success')
  return typeof said === 'boolean' ? said : undefined
}

/** A policy that stages what it covers, where the decision itself is not said. */
function isStaged(rbac: JsonObject | undefined): boolean {
  if ((wordIn(rbac, 'effect') ?? wordIn(rbac, 'decision') ?? '').toLowerCase() === 'stage') return true
  return saysSuccess(rbac) === undefined && policiesOf(rbac).some((policy) => policy.effect === 'stage')
}

function isSomething(value: Json | undefined): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0
  return typeof value === 'string' ? value !== '' : value === true
}

const OUTCOME_OF_END: Readonly<Record<End, Outcome>> = {
  allowed: 'success',
  success: 'success',
  denied: 'failure',
  failure: 'failure',
  staged: 'unknown',
  unknown: 'unknown',
}

function eventFields(record: FlexRecord, action: string, end: End): EventFields {
  return dropEmpty({
    kind: 'event',
    category: [categoryOfAction(action)],
    type: [typeOfAction(action, record.type ?? record.keyword), ...(end === 'denied' ? ['denied'] : [])],
    action,
    code: record.type ?? record.keyword,
    outcome: OUTCOME_OF_END[end],
    reason: end === 'failure' ? errorOf(record) : undefined,
    dataset: 'flex.audit',
    module: 'flex',
    provider: wordIn(record.whole, 'request-type'),
  })
}

const REASON_LIMIT = 1000

function errorOf({ whole, data }: FlexRecord): string | undefined {
  for (const holder of [answerOf(data), data, whole]) {
    for (const name of ['error', 'exception', 'message']) {
      const said = textIn(holder, name) ?? textIn(objectIn(holder, name), 'message')
      if (said !== undefined) return said.slice(0, REASON_LIMIT)
    }
  }
  return undefined
}

/** Logins change and may be reused; the id is the product's own. */
function actorOf({ user }: FlexRecord): Actor | undefined {
  if (user === undefined) return undefined
  const email = textIn(user, 'email')
  const login = textIn(user, 'login') ?? textIn(user, 'username')
  const name = textIn(user, 'name')
  const actor = {
    id: textIn(user, 'id') ?? textIn(user, 'sub'),
    name: login ?? email ?? name,
    full_name: login === undefined && email === undefined ? undefined : name,
    email,
    roles: textsIn(user, 'roles'),
  }
  return dropEmpty({ kind: kindOf(user, actor.id ?? actor.name), ...actor })
}

const KIND_OF_PROVIDER: ReadonlyMap<string, UserKind> = new Map([
  ['anonymous', 'anonymous'],
  ['none', 'anonymous'],
  ['api', 'service'],
  ['token', 'service'],
  ['service-account', 'service'],
  ['system', 'system'],
])

function kindOf(user: JsonObject, identity: string | undefined): UserKind {
  const known = KIND_OF_PROVIDER.get((wordIn(user, 'provider') ?? '').toLowerCase())
  return known ?? (identity === undefined ? 'anonymous' : 'person')
}

function auditOf(record: FlexRecord, action: string, end: End, withBodies: boolean): Audit {
  const { data, asked, user, whole } = record
  return dropEmpty({
    resource: resourcesOf(record, action),
    authz: authzOf(record, end),
    authn: dropEmpty({ provider: wordIn(user, 'provider') }),
    request: withBodies ? asked : undefined,
    response: withBodies ? (valueIn(data, 'response') ?? valueIn(data, 'result')) : undefined,
    reason: firstOf([asked, data, whole], (each) => textIn(each, 'reason') ?? textIn(each, 'comment')),
  })
}

const MOST_RESOURCES = 100

function resourcesOf(record: FlexRecord, action: string): readonly Resource[] {
  const cluster = clusterOf(record)
  const found = namedThings(record, action)
  const parent = cluster === undefined ? {} : { parent: cluster }
  if (found.length > 0) return found.slice(0, MOST_RESOURCES).map((each) => ({ ...each, ...parent }))
  const { noun } = verbAndNoun(action)
  if (noun !== undefined && record.asked !== undefined)
    return [dropEmpty({ type: typeWord(singularNoun(noun)), ...parent })]
  return cluster === undefined ? [] : [{ type: 'cluster', id: cluster }]
}

/** First by the noun of the action (`topic-name` for `create-topic`), then by the keys that always name a thing. */
function namedThings({ asked, keyword }: FlexRecord, action: string): readonly Resource[] {
  const { noun } = verbAndNoun(action)
  const type = noun === undefined ? spaceOf(keyword) : singularNoun(noun)
  const ofNoun = noun === undefined || type === undefined ? [] : [`${type}-name`, type, `${type}s`, noun, `${type}-id`]
  for (const key of ofNoun) {
    const names = textsIn(asked, key)
    if (names.length > 0) return names.map((name) => thingOf(type, name, asked))
  }
  for (const [each, keys] of THINGS) {
    for (const key of keys) {
      const names = textsIn(asked, key)
      if (names.length > 0) return names.map((name) => ({ type: each, name }))
    }
  }
  const own = dropEmpty({ type: typeWord(type), id: textIn(asked, 'id'), name: textIn(asked, 'name') })
  return own.id === undefined && own.name === undefined ? [] : [own]
}

function thingOf(type: string | undefined, name: string, asked: JsonObject | undefined): Resource {
  const id = textIn(asked, `${type}-id`)
  return dropEmpty({ type: typeWord(type), name, id: id === name ? undefined : id })
}

function typeWord(type: string | undefined): string | undefined {
  return type === undefined ? undefined : (TYPE_WORDS.get(type) ?? type)
}

/** `staged-mutation` of `staged-mutation/approve`; what all mutations have says nothing. */
function spaceOf(keyword: string | undefined): string | undefined {
  const space = keyword?.includes('/') === true ? keyword.slice(0, keyword.indexOf('/')) : undefined
  return space === undefined || EMPTY_SPACES.has(space) ? undefined : space
}

const EMPTY_SPACES = new Set(['', 'mutation', 'query', 'request', 'user'])

function clusterOf({ whole, data, context, asked }: FlexRecord): string | undefined {
  const holders = [objectIn(asked, 'request/ctx'), asked, context, data, whole]
  return firstOf(holders, (each) => textIn(each, 'cluster-id'))
}

function firstOf(
  holders: readonly (JsonObject | undefined)[],
  read: (holder: JsonObject) => string | undefined,
): string | undefined {
  for (const holder of holders) {
    const found = holder && read(holder)
    if (found !== undefined) return found
  }
  return undefined
}

const DECISION_OF_END: ReadonlyMap<End, 'deny' | 'staged'> = new Map([
  ['denied', 'deny'],
  ['staged', 'staged'],
])

function authzOf({ rbac }: FlexRecord, end: End): Authz | undefined {
  const allowed = saysSuccess(rbac)
  const decision = DECISION_OF_END.get(end) ?? (allowed === undefined ? undefined : 'allow')
  if (rbac === undefined) return decision === undefined ? undefined : { decision }
  return dropEmpty({
    decision,
    permission: wordIn(rbac, 'action'),
    reason: textIn(rbac, 'reason'),
    engine: 'RBAC',
    policies: policiesOf(rbac),
    path: policyMaps(rbac).map(policyLine),
  })
}

const MOST_POLICIES = 100

function policyMaps(rbac: JsonObject | undefined): readonly JsonObject[] {
  const several = valueIn(rbac, 'policies')
  const items: readonly Json[] = Array.isArray(several) ? several : []
  const one = objectIn(rbac, 'policy')
  return (one === undefined ? items : [one, ...items]).filter(isObject).slice(0, MOST_POLICIES)
}

/** Policies have no names: a role and a resource tell one from another. */
function policiesOf(rbac: JsonObject | undefined): readonly Policy[] {
  return policyMaps(rbac).map((policy) =>
    dropEmpty({
      id: textIn(policy, 'id'),
      name: `${rolesIn(policy)} on ${resourcePath(policy)}`,
      type: 'rbac',
      effect: wordIn(policy, 'effect')?.toLowerCase(),
    }),
  )
}

/** `Allow * TOPIC_EDIT, TOPIC_INSPECT on cluster/*`: the whole policy, as it was evaluated. */
function policyLine(policy: JsonObject): string {
  const actions = textsIn(policy, 'actions').toSorted().join(', ')
  return [wordIn(policy, 'effect'), rolesIn(policy), actions, 'on', resourcePath(policy)].filter(Boolean).join(' ')
}

function rolesIn(policy: JsonObject): string {
  const roles = [...textsIn(policy, 'role'), ...textsIn(policy, 'roles')]
  return roles.length === 0 ? 'nobody' : roles.join(', ')
}

/** `[:cluster "*"]` → `cluster/*`; of several resources, all of them. */
function resourcePath(policy: JsonObject): string {
  const several = valueIn(policy, 'resources')
  const items: readonly Json[] = Array.isArray(several) ? several : []
  const paths = items.map((each) => textsIn({ each }, 'each').join('/')).filter((each) => each !== '')
  return paths.length > 0 ? paths.join(' ') : textsIn(policy, 'resource').join('/') || 'nothing'
}

function orchestratorOf(record: FlexRecord, cluster: string) {
  const id = clusterOf(record)
  return { type: 'kafka', cluster: dropEmpty({ name: cluster, id }) }
}

function labelsOf({ whole, data, context }: FlexRecord): Readonly<Record<string, string>> {
  const holders = [whole, data, context, objectIn(whole, 'metadata')]
  const find = (name: string): string | undefined => firstOf(holders, (each) => wordIn(each, name))
  return dropEmpty({ via: find('via'), tenant: find('tenant-id') ?? find('tenant') })
}
