import type { AuditEvent } from '../../src/domain/event.ts'
import { seeded } from '../seeded.ts'

/** An event that names its source but has no place in a ledger yet. */
export type Invented = AuditEvent

const HOUR = 3_600_000

/** A day and a half of a small company, more by day than by night, with a story shortly before the end. */
export function companyEvents(until: number, count: number): readonly Invented[] {
  const random = seeded(2026)
  const pick = <Item>(items: readonly Item[]): Item => items[random.between(0, items.length - 1)]!
  const times: number[] = []
  while (times.length < count) {
    const at = until - random.next() * 30 * HOUR
    const hour = new Date(at).getUTCHours()
    const busy = hour > 6 && hour < 19 ? 1 : 0.12
    if (random.chance(busy)) times.push(Math.floor(at))
  }
  times.sort((a, b) => a - b)
  const routine = times.map((at) => {
    const who = random.chance(0.62) ? 'ci-bot' : pick(['alice', 'bob', 'carol', 'dave', 'erin'])
    const [verb, type] = pick(ROUTINE)
    const namespace = pick(['shop', 'shop', 'shop', 'prod', 'stage'])
    const name = pick(NAMES[type] ?? ['web'])
    const roll = random.next()
    if (roll < 0.004) return kubernetes({ at, who, verb, type, namespace, name, denied: true })
    if (roll < 0.006) return signIn(at, pick(['dave', 'erin']), false)
    if (roll < 0.012) return signIn(at, pick(['alice', 'bob']), true)
    if (roll < 0.014) return mesh(at)
    return kubernetes({ at, who, verb, type, namespace, name, status: random.chance(0.003) ? 409 : 200 })
  })
  return [...routine, ...story(until)]
}

/** What somebody would write who wants to harm who reads the log. */
export function hostileEvents(until: number): readonly Invented[] {
  const deep: unknown = JSON.parse(`${'{"a":'.repeat(60)}1${'}'.repeat(60)}`)
  const wide = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`key-${at}`, at]))
  const names = [
    '<img src=x onerror=alert(1)>',
    '</script><script>document.title="owned"</script>',
    '[click](javascript:alert(1))',
    'javascript:alert(1)',
    '=1+1',
    'invoice\u202Efdp.exe',
    'ad\u200Bmin',
    '\u0430lice',
    `Z${'\u0301\u0302\u0303\u0304'.repeat(20)}algo`,
    '🇸🇪'.repeat(40),
    'lone \uD800 surrogate',
    'nul \u0000 esc \u001B[31mred\u001B[0m',
    'x'.repeat(300),
    'line one\nline two\ttabbed',
    'مرحبا بالعالم',
    '',
  ]
  const events = names.map((name, n): Invented => ({
    ...kubernetes({
      at: until - n * 60_000,
      who: name,
      verb: 'get',
      type: 'secret',
      namespace: name,
      name,
      denied: n % 3 === 0,
    }),
  }))
  const base = kubernetes({
    at: until - HOUR,
    who: 'mallory',
    verb: 'create',
    type: 'pod',
    namespace: 'prod',
    name: 'x',
  })
  // An own key of that name, as JSON brings it.
  const proto = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":1}}') as object
  return [
    ...events,
    { ...base, audit: { ...base.audit, request: { deep, wide } as never } },
    { ...base, audit: { ...base.audit, request: proto as never } },
    { ...base, event: { ...base.event, original: `{"body":"${'A'.repeat(1_000_000)}"}` } },
    { ...base, '@timestamp': '0001-01-01T00:00:00.000Z' },
    { ...base, '@timestamp': '9999-12-31T23:59:59.999Z' },
    { ...base, '@timestamp': new Date(until + HOUR).toISOString() },
    {
      '@timestamp': new Date(until - 2 * HOUR).toISOString(),
      event: { action: 'ghost', outcome: 'unknown' },
      whodid: { source: 'api' },
    },
  ]
}

const ROUTINE: readonly (readonly [string, string])[] = [
  ['patch', 'deployment'],
  ['update', 'deployment'],
  ['get', 'configmap'],
  ['get', 'configmap'],
  ['create', 'job'],
  ['delete', 'pod'],
  ['get', 'secret'],
  ['list', 'pod'],
  ['create', 'secret'],
  ['update', 'configmap'],
]

const NAMES: Readonly<Record<string, readonly string[]>> = {
  deployment: ['web', 'api', 'orders', 'billing'],
  configmap: ['web', 'feature-flags', 'orders'],
  job: ['migrate-418', 'nightly-report', 'reindex'],
  pod: ['web-7c9f-xk2p9', 'orders-5d8c-9kqzt', 'billing-66f4-2x8vq'],
  secret: ['web-tls', 'db-password', 'registry'],
}

function story(until: number): readonly Invented[] {
  const at = (seconds: number): number => until - seconds * 1000
  const prod = { namespace: 'prod', name: 'db-password', type: 'secret' }
  return [
    signIn(at(400), 'erin', true),
    kubernetes({ at: at(371), who: 'erin', verb: 'get', ...prod, denied: true }),
    kubernetes({ at: at(352), who: 'erin', verb: 'list', ...prod, denied: true }),
    ...Array.from({ length: 5 }, (_, n) => signIn(at(340 - n * 4), 'dave', false)),
    kubernetes({
      at: at(260),
      who: 'alice',
      as: 'root',
      verb: 'exec',
      type: 'pod',
      namespace: 'shop',
      name: 'web-7c9f-xk2p9',
      command: 'cat /etc/shadow',
    }),
    ...request(at(214), 'ci-bot'),
    topic(at(120)),
    mesh(at(98)),
    kubernetes({
      at: at(61),
      who: 'ci-bot',
      verb: 'patch',
      type: 'deployment',
      namespace: 'shop',
      name: 'web',
      behalf: 'alice',
    }),
    ...request(at(38), 'carol'),
    kubernetes({ at: at(21), who: 'alice', verb: 'delete', ...prod }),
    kubernetes({ at: at(9), who: 'bob', verb: 'get', ...prod, denied: true }),
  ]
}

interface Act {
  readonly at: number
  readonly who: string
  readonly verb: string
  readonly type: string
  readonly namespace: string
  readonly name: string
  readonly denied?: boolean
  readonly as?: string
  readonly behalf?: string
  readonly command?: string
  readonly status?: number
  readonly requestId?: string
  readonly begun?: boolean
}

function kubernetes(act: Act): Invented {
  const { at, who, verb, type, namespace, name, denied = false, begun = false, status = denied ? 403 : 200 } = act
  const requestId = act.requestId ?? `${at.toString(16)}-${name}`.slice(0, 36)
  const binding = who === 'ci-bot' ? 'ci-deployer' : who === 'alice' ? 'ops-admin' : 'developers'
  const role = who === 'ci-bot' ? 'edit' : who === 'alice' ? 'cluster-admin' : 'view'
  const original = {
    kind: 'Event',
    auditID: requestId,
    verb,
    user: { username: who },
    objectRef: { resource: `${type}s`, namespace, name },
  }
  return {
    '@timestamp': new Date(at).toISOString(),
    event: {
      kind: 'event',
      category: ['api'],
      type: [begun ? 'start' : (WRITES.get(verb) ?? 'access'), ...(denied ? ['denied'] : [])],
      action: verb,
      outcome: begun ? 'unknown' : status >= 400 ? 'failure' : 'success',
      dataset: 'kubernetes.audit',
      start: new Date(at - 84).toISOString(),
      ...(status === 409 && { reason: 'Conflict' }),
      original: JSON.stringify(original),
    },
    user: {
      name: who,
      kind: who === 'ci-bot' ? 'service' : 'person',
      ...(who === 'alice' && { email: 'alice@example.com', group: { name: ['ops', 'system:authenticated'] } }),
      ...(act.as !== undefined && { effective: { name: act.as } }),
    },
    source: { ip: who === 'ci-bot' ? '10.0.3.17' : '10.2.3.4' },
    user_agent: {
      original: who === 'ci-bot' ? 'argocd-application-controller/v2.13' : 'kubectl/v1.31.2 (linux/amd64)',
    },
    audit: {
      resource: [{ type, namespace, name }],
      ...(!begun && {
        authz: denied
          ? { decision: 'deny', engine: 'rbac' }
          : {
              decision: 'allow',
              engine: 'rbac',
              policies: [
                { name: binding, type: 'ClusterRoleBinding' },
                { name: role, type: 'ClusterRole', effect: 'allow' },
              ],
              path: [`User/${who}`, `ClusterRoleBinding/${binding}`, `ClusterRole/${role}`],
            },
      }),
      ...(act.behalf !== undefined && { delegation: [{ name: act.behalf, kind: 'person' }] }),
    },
    http: { request: { id: requestId }, ...(!begun && { response: { status_code: status } }) },
    orchestrator: { cluster: { name: 'prod-1' } },
    ...(act.command !== undefined && { process: { command_line: act.command } }),
    whodid: { source: 'k8s-prod', parser: 'kubernetes-audit@1' },
  }
}

const WRITES = new Map([
  ['create', 'creation'],
  ['update', 'change'],
  ['patch', 'change'],
  ['delete', 'deletion'],
])

/** Two stages of one request. */
function request(at: number, who: string): readonly Invented[] {
  const act = { who, verb: 'create', type: 'job', namespace: 'shop', name: 'migrate-419', requestId: `req-${at}` }
  return [kubernetes({ ...act, at: at - 90, begun: true }), kubernetes({ ...act, at })]
}

function signIn(at: number, who: string, worked: boolean): Invented {
  return {
    '@timestamp': new Date(at).toISOString(),
    event: {
      category: ['authentication'],
      type: ['start'],
      action: 'ssh_login',
      outcome: worked ? 'success' : 'failure',
      dataset: 'authlog',
      ...(!worked && { reason: 'wrong password' }),
      original: `sshd[412]: ${worked ? 'Accepted publickey' : 'Failed password'} for ${who} from 10.9.8.7 port 50122 ssh2`,
    },
    user: { name: who, kind: 'person' },
    source: { ip: '10.9.8.7' },
    audit: { resource: [{ type: 'host', name: 'db-1' }], authn: { method: worked ? 'publickey' : 'password' } },
    host: { name: 'db-1' },
    whodid: { source: 'db-1', parser: 'auth-log@1' },
  }
}

function topic(at: number): Invented {
  return {
    '@timestamp': new Date(at).toISOString(),
    event: { action: 'create-topic', type: ['creation'], outcome: 'unknown', dataset: 'flex.audit', original: '{}' },
    user: { name: 'carol', kind: 'person', email: 'carol@example.com' },
    audit: {
      resource: [{ type: 'topic', name: 'tx-events' }],
      authz: { decision: 'staged', policies: [{ name: 'prod-topics' }] },
    },
    whodid: { source: 'flex' },
  }
}

function mesh(at: number): Invented {
  return {
    '@timestamp': new Date(at).toISOString(),
    event: { action: 'update', type: ['change'], outcome: 'unknown', dataset: 'kong-mesh.access', original: '{}' },
    user: { name: 'john.doe@kuma.io', kind: 'person' },
    audit: { resource: [{ type: 'TrafficPermission', name: 'web-to-backend', parent: 'default' }] },
    whodid: { source: 'mesh-eu' },
  }
}
