import { describe, expect, test } from 'vitest'
import type { AuditEvent, EventFields } from './event.ts'
import { plainSentence, sentence } from './sentence.ts'

function anEvent(event: EventFields, more: Partial<AuditEvent> = {}): AuditEvent {
  return { '@timestamp': '2026-11-21T14:03:22.000Z', ...more, event }
}

const DB_PASSWORD = { resource: [{ type: 'secret', name: 'db-password', namespace: 'prod' }] }

test('says who did what to which thing', () => {
  const event = anEvent({ action: 'delete', outcome: 'success' }, { user: { name: 'alice' }, audit: DB_PASSWORD })
  expect(plainSentence(event)).toBe('alice deleted Secret prod/db-password')
})

test('gives every part its kind, and the parts in order are the sentence', () => {
  const event = anEvent(
    { action: 'get', outcome: 'failure', type: ['access', 'denied'], reason: 'Forbidden' },
    { user: { name: 'bob' }, audit: DB_PASSWORD },
  )
  expect(sentence(event)).toEqual([
    { kind: 'who', text: 'bob' },
    { kind: 'text', text: ' ' },
    { kind: 'verb', text: 'tried to read' },
    { kind: 'text', text: ' ' },
    { kind: 'what', text: 'Secret prod/db-password' },
    { kind: 'text', text: ' – ' },
    { kind: 'outcome', text: 'denied' },
  ])
})

test('a failure says its reason', () => {
  const event = anEvent(
    { action: 'ssh_login', outcome: 'failure', reason: 'wrong password' },
    { user: { name: 'dave' }, audit: { resource: [{ type: 'host', name: 'db-1' }] } },
  )
  expect(plainSentence(event)).toBe('dave tried to sign in to db-1 by SSH – failed (wrong password)')
})

test('what waits for approval was asked for, not done', () => {
  const event = anEvent(
    { action: 'create-topic', outcome: 'unknown' },
    {
      user: { name: 'carol' },
      audit: { authz: { decision: 'staged' }, resource: [{ type: 'topic', name: 'tx-events' }] },
    },
  )
  expect(plainSentence(event)).toBe('carol asked to create Topic tx-events – waiting for approval')
})

test('an outcome that was not recorded is not claimed', () => {
  const event = anEvent(
    { action: 'UPDATE', outcome: 'unknown', dataset: 'kong-mesh.access' },
    {
      user: { name: 'john.doe@kuma.io' },
      audit: { resource: [{ type: 'TrafficPermission', name: 'web-to-backend', parent: 'default' }] },
    },
  )
  expect(plainSentence(event)).toBe('john.doe@kuma.io updated TrafficPermission web-to-backend in mesh default')
})

test('says for whom and as whom somebody acted', () => {
  const forAlice = anEvent(
    { action: 'scale', outcome: 'success' },
    {
      user: { name: 'ci-bot' },
      audit: {
        delegation: [{ name: 'alice' }],
        resource: [{ type: 'deployment', name: 'web', namespace: 'shop' }],
      },
    },
  )
  const asRoot = anEvent(
    { action: 'sudo', outcome: 'success' },
    {
      user: { name: 'alice', effective: { name: 'root' } },
      process: { command_line: 'systemctl stop auditd' },
      host: { name: 'db-1' },
    },
  )
  expect(plainSentence(forAlice)).toBe('ci-bot (for alice) scaled Deployment shop/web')
  expect(plainSentence(asRoot)).toBe('alice, acting as root, ran `systemctl stop auditd` on db-1')
})

test('names nobody where the source named nobody', () => {
  const event = anEvent({ action: 'user-login', outcome: 'success' }, { service: { name: 'grafana' } })
  expect(plainSentence(event)).toBe('Someone not identified signed in to grafana')
})

test('quotes an action it has no word for', () => {
  const audit = { resource: [{ name: 'tx-events' }] }
  const did = anEvent({ action: 'mutation/create-topic', outcome: 'success' }, { user: { name: 'alice' }, audit })
  const tried = anEvent({ action: '__proto__', outcome: 'failure' }, { user: { name: 'alice' }, audit })
  expect(plainSentence(did)).toBe('alice did `mutation/create-topic` on tx-events')
  expect(plainSentence(tried)).toBe('alice tried `__proto__` on tx-events – failed')
})

test('has a sentence for an event that holds nothing', () => {
  expect(plainSentence(anEvent({}))).toBe('Someone not identified did something')
})

describe('Kubernetes', () => {
  const pod = { resource: [{ type: 'pod', name: 'web', namespace: 'shop' }] }

  test('a command that ran inside a Pod is said', () => {
    const known = anEvent(
      { action: 'exec', outcome: 'success' },
      { user: { name: 'erin' }, audit: pod, process: { command_line: 'cat /etc/passwd' } },
    )
    const unknown = anEvent({ action: 'exec', outcome: 'success' }, { user: { name: 'erin' }, audit: pod })
    expect(plainSentence(known)).toBe('erin ran `cat /etc/passwd` in Pod shop/web')
    expect(plainSentence(unknown)).toBe('erin ran a command in Pod shop/web')
  })

  test('reading a log is not reading the Pod', () => {
    const event = anEvent({ action: 'log', outcome: 'success' }, { user: { name: 'bob' }, audit: pod })
    expect(plainSentence(event)).toBe('bob read the logs of Pod shop/web')
  })

  test('many things without a name are said as many, one new thing as one', () => {
    const inShop = (action: string, type: string): string =>
      plainSentence(
        anEvent(
          { action, outcome: 'success' },
          { user: { name: 'carol' }, audit: { resource: [{ type, namespace: 'shop' }] } },
        ),
      )
    expect(inShop('list', 'networkpolicy')).toBe('carol listed NetworkPolicies in shop')
    expect(inShop('watch', 'ingress')).toBe('carol watched Ingresses in shop')
    expect(inShop('deletecollection', 'secret')).toBe('carol deleted all Secrets in shop')
    expect(inShop('create', 'ingress')).toBe('carol created an Ingress in shop')
  })

  test('machines are called what they are', () => {
    const by = (name: string): string =>
      plainSentence(anEvent({ action: 'get', outcome: 'success' }, { user: { name }, audit: pod }))
    expect(by('system:serviceaccount:shop:deployer')).toBe('service account shop/deployer read Pod shop/web')
    expect(by('system:node:worker-1')).toBe('node worker-1 read Pod shop/web')
  })

  test('a request of which only the beginning is known is not said as done', () => {
    const event = anEvent(
      { action: 'delete', outcome: 'unknown', category: ['api'], type: ['deletion', 'start'] },
      { user: { name: 'alice' }, audit: DB_PASSWORD },
    )
    expect(plainSentence(event)).toBe('alice began to delete Secret prod/db-password')
  })

  test('a reason in one word of Go reads as words', () => {
    const event = anEvent(
      { action: 'get', outcome: 'failure', reason: 'NotFound' },
      { user: { name: 'alice' }, audit: pod },
    )
    expect(plainSentence(event)).toBe('alice tried to read Pod shop/web – failed (not found)')
  })
})

test('the life of an account is said with its person', () => {
  const event = anEvent(
    { action: 'user-create', outcome: 'success' },
    { user: { name: 'scim', target: { name: 'erin' } } },
  )
  expect(plainSentence(event)).toBe('scim created user erin')
})

test('our own trail is said in plain words', () => {
  const said = (action: string, type: string): string =>
    plainSentence(
      anEvent(
        { action, outcome: 'success', dataset: 'whodid.audit' },
        { user: { name: 'admin' }, audit: { resource: [{ type }] } },
      ),
    )
  expect(said('search', 'event')).toBe('admin searched events')
  expect(said('create', 'admin-link')).toBe('admin created an admin link')
})

test('a command of SQL is done to what is in a table', () => {
  const said = (action: string): string =>
    plainSentence(
      anEvent(
        { action, category: ['database'], dataset: 'pgaudit' },
        { user: { name: 'dave' }, audit: { resource: [{ type: 'table', name: 'public.t', parent: 'shop' }] } },
      ),
    )
  expect(said('delete')).toBe('dave deleted rows from Table public.t in database shop')
  expect(said('select')).toBe('dave read Table public.t in database shop')
  expect(said('drop table')).toBe('dave deleted Table public.t in database shop')
  expect(said('create table as')).toBe('dave created Table public.t in database shop')
})

test('what is known of a program is its name, not what the name would mean', () => {
  const host = { user: { name: 'ada' }, host: { name: 'web-1' } }
  expect(plainSentence(anEvent({ action: 'login', provider: 'login', outcome: 'unknown' }, host))).toBe(
    'ada did `login` on web-1',
  )
  expect(plainSentence(anEvent({ action: 'log', outcome: 'unknown' }, host))).toBe('ada wrote to the log of web-1')
})

test('a step of a sign-in is no sign-in', () => {
  const event = anEvent({ action: 'ssh_login', type: ['info'], outcome: 'unknown' }, { user: { name: 'ada' } })
  expect(plainSentence(event)).toBe('ada began to sign in by SSH')
})

test('acts and things of a mesh are said as its people write them', () => {
  const said = (action: string, type: string, name: string): string => {
    const audit = { resource: [{ type, name, parent: 'default' }] }
    return plainSentence(
      anEvent({ action, outcome: 'success', dataset: 'kong.mesh.audit' }, { user: { name: 'ada' }, audit }),
    )
  }
  expect(said('generate_dataplane_token', 'token', '7b0a')).toBe('ada made Token 7b0a in mesh default')
  expect(said('view_config_dump', 'dataplane', 'web')).toBe(
    'ada read the configuration of Dataplane web in mesh default',
  )
  expect(said('update', 'meshtrafficpermission', 'x')).toBe('ada updated MeshTrafficPermission x in mesh default')
})
