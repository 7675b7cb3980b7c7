import type { Actor, AuditEvent, Delegation, Resource, User } from './event.ts'
import { stateOf } from './event.ts'
import type { Verb } from './verbs.ts'
import { verbOf } from './verbs.ts'

/** `via`: on whose behalf, or as whom. `text`: what joins the others. */
type SentencePartKind = 'who' | 'via' | 'verb' | 'what' | 'outcome' | 'text'

export interface SentencePart {
  readonly kind: SentencePartKind
  readonly text: string
}

/**
 * What happened, in words: `bob tried to read Secret prod/db-password – denied`. The parts in order are the sentence,
 * spaces included. Names come from the source and may hold anything: whoever shows them escapes them.
 */
export function sentence(event: AuditEvent): readonly SentencePart[] {
  const verb = verbOf(event)
  return [
    { kind: 'who', text: whoOf(event.user) },
    ...viaOf(event),
    text(' '),
    { kind: 'verb', text: verbPhrase(event, verb) },
    ...whatOf(event, verb),
    ...outcomeOf(event),
  ]
}

/** The sentence as one string. */
export function plainSentence(event: AuditEvent): string {
  return sentence(event)
    .map((part) => part.text)
    .join('')
}

function whoOf(user: Actor | undefined): string {
  return nameOf(user) ?? 'Someone not identified'
}

/** Names, not ids; an id only where there is nothing else. */
function nameOf(user: User | Delegation | undefined): string | undefined {
  if (user === undefined) return undefined
  const email = 'email' in user ? user.email : undefined
  const fullName = 'full_name' in user ? user.full_name : undefined
  const name = user.name ?? email ?? fullName ?? user.id
  if (name === undefined || name === '') return undefined
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name)
  if (account !== null) return `service account ${account[1]}/${account[2]}`
  return name.startsWith('system:node:') ? `node ${name.slice('system:node:'.length)}` : name
}

function viaOf(event: AuditEvent): readonly SentencePart[] {
  const behalf = nameOf(event.audit?.delegation?.[0])
  const effective = nameOf(event.user?.effective)
  const parts: SentencePart[] = []
  if (behalf !== undefined) parts.push(text(' '), { kind: 'via', text: `(for ${behalf})` })
  if (effective !== undefined) parts.push(text(', '), { kind: 'via', text: `acting as ${effective}` }, text(','))
  return parts
}

function verbPhrase(event: AuditEvent, verb: Verb): string {
  const state = stateOf(event)
  if (state === 'denied' || state === 'failed') return `tried ${verb.quoted ? '' : 'to '}${verb.infinitive}`
  if (state === 'staged') return `asked ${verb.quoted ? 'for ' : 'to '}${verb.infinitive}`
  if (isOnlyBegun(event)) return `began ${verb.quoted ? '' : 'to '}${verb.infinitive}`
  return verb.quoted ? `did ${verb.infinitive}` : verb.past
}

/** A request that was received and whose end is another event, or is not known. */
function isOnlyBegun(event: AuditEvent): boolean {
  const { outcome, type, category, action } = event.event
  if (outcome !== 'unknown') return false
  // One of several steps of a sign-in.
  if (action === 'ssh_login') return type?.includes('info') === true
  return type?.includes('start') === true && category?.includes('api') === true
}

function whatOf(event: AuditEvent, verb: Verb): readonly SentencePart[] {
  const parts: SentencePart[] = []
  const command = event['process'] === undefined ? undefined : commandOf(event['process'])
  if (verb.takesCommand && command !== undefined) parts.push(text(' '), { kind: 'what', text: `\`${command}\`` })
  const things = thingsOf(event, verb)
  if (things !== undefined) {
    const link = verb.takesCommand && command !== undefined ? verb.commandLink : verb.link
    parts.push(text(link === '' ? ' ' : ` ${link} `), { kind: 'what', text: things })
  }
  const place = parentOf(event)
  if (place !== undefined) parts.push(text(' in '), { kind: 'what', text: place })
  if (verb.by !== undefined) parts.push(text(` by ${verb.by}`))
  return parts
}

function commandOf(process: unknown): string | undefined {
  if (typeof process !== 'object' || process === null || !('command_line' in process)) return undefined
  return typeof process.command_line === 'string' ? process.command_line : undefined
}

function thingsOf(event: AuditEvent, verb: Verb): string | undefined {
  const [first, ...others] = event.audit?.resource ?? []
  // `ran CMD on HOST`: the command has been said.
  if (first !== undefined && !(verb.takesCommand && first.type === 'command')) {
    const more = others.length === 0 ? '' : ` and ${others.length} more`
    const isOurs = event.event.dataset?.startsWith('whodid.') === true
    return `${thingOf(first, verb, isOurs ? ourWord : wordFor)}${more}`
  }
  const target = nameOf(event.user?.target)
  if (target !== undefined) return verb.onUser ? `user ${target}` : target
  return verb.onPlace ? (nameIn(event['host']) ?? nameIn(event['service'])) : undefined
}

function thingOf(resource: Resource, verb: Verb, wordOf: (type: string) => string): string {
  const name = resource.name ?? resource.id
  const type = resource.type
  if (type === undefined || BARE_TYPES.has(type)) return inNamespace(resource.namespace, name ?? 'something')
  const word = wordOf(type)
  if (name !== undefined) return `${word} ${inNamespace(resource.namespace, name)}`
  const where = resource.namespace === undefined ? '' : ` in ${resource.namespace}`
  return verb.onOne ? `${/^(?!us)[aeiou]/i.test(word) ? 'an' : 'a'} ${word}${where}` : `${plural(word)}${where}`
}

/** Types whose names speak for themselves. */
const BARE_TYPES = new Set(['url', 'host', 'command'])

function inNamespace(namespace: string | undefined, name: string): string {
  return namespace === undefined ? name : `${namespace}/${name}`
}

/** What whodid itself has: `admin-link` → admin link. */
function ourWord(type: string): string {
  return type.replaceAll('-', ' ')
}

/** `networkpolicy` → NetworkPolicy: kinds of Kubernetes as its people write them, others with a capital. */
function wordFor(type: string): string {
  return KIND_WORDS.get(type) ?? type.charAt(0).toUpperCase() + type.slice(1)
}

const KIND_WORDS: ReadonlyMap<string, string> = new Map(
  [
    'APIService CertificateSigningRequest ClusterRole ClusterRoleBinding ConfigMap ControllerRevision CronJob CSIDriver',
    'CSINode CSIStorageCapacity CustomResourceDefinition DaemonSet EndpointSlice FlowSchema HorizontalPodAutoscaler',
    'IngressClass IPAddress LimitRange MutatingWebhookConfiguration NetworkPolicy PersistentVolume',
    'PersistentVolumeClaim PodDisruptionBudget PodTemplate PriorityClass PriorityLevelConfiguration ReplicaSet',
    'ReplicationController ResourceQuota RoleBinding RuntimeClass SelfSubjectAccessReview SelfSubjectRulesReview',
    'ServiceAccount ServiceCIDR ServiceMonitor StatefulSet StorageClass SubjectAccessReview TokenReview',
    'ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration VolumeAttachment',
    // Of Kong Mesh and Kuma.
    'AccessAudit AccessRole AccessRoleBinding CircuitBreaker ExternalService FaultInjection GlobalSecret HealthCheck',
    'HostnameGenerator MeshAccessLog MeshCircuitBreaker MeshExternalService MeshFaultInjection MeshGateway',
    'MeshGatewayInstance MeshGatewayRoute MeshHealthCheck MeshHTTPRoute MeshLoadBalancingStrategy MeshMetric',
    'MeshMultiZoneService MeshOPA MeshPassthrough MeshProxyPatch MeshRateLimit MeshRetry MeshService MeshTCPRoute',
    'MeshTimeout MeshTLS MeshTrace MeshTrafficPermission OPAPolicy ProxyTemplate RateLimit TrafficLog',
    'TrafficPermission TrafficRoute TrafficTrace VirtualOutbound ZoneEgress ZoneIngress',
  ]
    .join(' ')
    .split(' ')
    // A build cache's two stores.
    .concat('AC', 'CAS')
    .map((kind) => [kind.toLowerCase(), kind]),
)

function plural(word: string): string {
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`
  if (/(?:s|x|ch)$/.test(word)) return word === 'Endpoints' ? word : `${word}es`
  return `${word}s`
}

function parentOf(event: AuditEvent): string | undefined {
  const parent = event.audit?.resource?.[0]?.parent
  if (parent === undefined) return undefined
  const noun = PARENT_NOUNS.find(([dataset]) => event.event.dataset?.startsWith(dataset) === true)?.[1]
  return noun === undefined || parent.startsWith(noun) ? parent : `${noun} ${parent}`
}

/** What a parent is called in the datasets where a bare name would not say it. */
const PARENT_NOUNS: readonly (readonly [string, string])[] = [
  ['flex', 'cluster'],
  ['kong', 'mesh'],
  ['pgaudit', 'database'],
]

function nameIn(holder: unknown): string | undefined {
  if (typeof holder !== 'object' || holder === null || !('name' in holder)) return undefined
  return typeof holder.name === 'string' ? holder.name : undefined
}

function outcomeOf(event: AuditEvent): readonly SentencePart[] {
  const state = stateOf(event)
  if (state === 'success' || state === 'unknown') return []
  const word = state === 'staged' ? 'waiting for approval' : state
  const reason = reasonOf(event)
  const because = reason === undefined ? [] : [text(` (${reason})`)]
  return [text(' – '), { kind: 'outcome', text: word }, ...because]
}

/** A reason that only says again that it was refused is left out; `NotFound` reads as `not found`. */
function reasonOf(event: AuditEvent): string | undefined {
  const reason = event.event.reason
  if (reason === undefined || reason === '' || EMPTY_REASONS.has(reason.toLowerCase())) return undefined
  if (!/^(?:[A-Z][a-z]+)+$/.test(reason)) return reason
  return reason.replaceAll(/(?<!^)[A-Z]/g, (letter) => ` ${letter}`).toLowerCase()
}

const EMPTY_REASONS = new Set(['forbidden', 'denied', 'failure', 'failed'])

function text(words: string): SentencePart {
  return { kind: 'text', text: words }
}
