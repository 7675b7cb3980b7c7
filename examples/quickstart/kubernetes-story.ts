import { alice, anonymous, backup, bob, breakGlass, carol, ciBot, dave, erin, stranger } from './cast.ts'
import type { Request } from './kubernetes-record.ts'
import { at } from './week.ts'

/** What happens once a week, at its own hour. */
export function kubernetesStory(): readonly Request[] {
  return [
    ...onboarding(),
    ...aBindingTooWide(),
    ...theInternReadsASecret(),
    ...cleaningUp(),
    ...breakingTheGlass(),
    ...aDeniedDelete(),
    ...someoneAtTheDoor(),
    ...fridayDeploy(),
    ...nightlyBackups(),
  ]
}

const STRIPE = { on: 'secrets', namespace: 'shop', name: 'stripe-api-key' } as const
const BY_THE_WIDE_BINDING = 'RBAC: allowed by RoleBinding "interns-edit/shop" of ClusterRole "edit" to Group "interns"'

function binding(name: string, role: string, group: string) {
  return {
    kind: 'RoleBinding',
    apiVersion: 'rbac.authorization.k8s.io/v1',
    metadata: { name, namespace: 'shop' },
    subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: group }],
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
  }
}

function onboarding(): readonly Request[] {
  const view = { on: 'rolebindings.rbac.authorization.k8s.io', namespace: 'shop', name: 'interns-view' }
  const made = binding('interns-view', 'view', 'interns')
  return [
    { at: at('mon', '09:31:12'), actor: alice, verb: 'create', ...view, code: 201, request: made, response: made },
    { at: at('mon', '10:04:40'), actor: erin, verb: 'list', on: 'pods', namespace: 'shop' },
    { at: at('mon', '10:05:18'), actor: erin, verb: 'get', on: 'pods', namespace: 'shop', name: 'web-7c9f6d5b8-xk2p9' },
    { at: at('mon', '10:11:02'), actor: erin, verb: 'list', on: 'secrets', namespace: 'shop', forbidden: true },
  ]
}

function aBindingTooWide(): readonly Request[] {
  const wide = { on: 'rolebindings.rbac.authorization.k8s.io', namespace: 'shop', name: 'interns-edit' }
  const made = binding('interns-edit', 'edit', 'interns')
  return [
    {
      at: at('tue', '11:38:51'),
      actor: erin,
      verb: 'patch',
      on: 'deployments.apps',
      namespace: 'shop',
      name: 'web',
      forbidden: true,
    },
    { at: at('tue', '11:52:09'), actor: alice, verb: 'create', ...wide, code: 201, request: made, response: made },
    {
      at: at('tue', '11:54:33'),
      actor: erin,
      verb: 'patch',
      on: 'deployments.apps',
      namespace: 'shop',
      name: 'web',
      allowedBy: BY_THE_WIDE_BINDING,
    },
  ]
}

function theInternReadsASecret(): readonly Request[] {
  const web = { namespace: 'shop', name: 'web-7c9f6d5b8-xk2p9' }
  const actor = { ...erin, allowedBy: BY_THE_WIDE_BINDING }
  const exec = { actor, verb: 'create', on: 'pods/exec', ...web, isLong: true, code: 101 } as const
  return [
    { at: at('wed', '15:22:07'), actor: erin, verb: 'list', on: 'secrets', namespace: 'payments', forbidden: true },
    {
      at: at('wed', '15:22:31'),
      actor: erin,
      verb: 'get',
      on: 'secrets',
      namespace: 'payments',
      name: 'db-password',
      forbidden: true,
    },
    { at: at('wed', '15:24:02'), actor, verb: 'list', on: 'secrets', namespace: 'shop' },
    { at: at('wed', '15:24:40'), actor, verb: 'get', ...STRIPE },
    { at: at('wed', '15:31:15'), ...exec, tookMs: 2300, query: 'command=env&container=web&stdout=true' },
    {
      at: at('wed', '15:33:48'),
      ...exec,
      tookMs: 900,
      query:
        'command=cat&command=%2Fvar%2Frun%2Fsecrets%2Fkubernetes.io%2Fserviceaccount%2Ftoken&container=web&stdout=true',
    },
  ]
}

function cleaningUp(): readonly Request[] {
  const wide = { on: 'rolebindings.rbac.authorization.k8s.io', namespace: 'shop', name: 'interns-edit' }
  return [
    {
      at: at('wed', '16:02:26'),
      actor: carol,
      verb: 'list',
      on: 'rolebindings.rbac.authorization.k8s.io',
      namespace: 'shop',
    },
    { at: at('wed', '16:04:59'), actor: alice, verb: 'delete', ...wide },
    { at: at('wed', '16:09:13'), actor: alice, verb: 'update', ...STRIPE },
    { at: at('wed', '16:11:47'), actor: ciBot, verb: 'patch', on: 'deployments.apps', namespace: 'shop', name: 'web' },
    { at: at('wed', '16:20:05'), actor: erin, verb: 'get', ...STRIPE, forbidden: true },
  ]
}

/** Somebody has the envelope open at two in the morning. It is Dave, and it is an incident; the log says who and why. */
function breakingTheGlass(): readonly Request[] {
  const db = { namespace: 'payments', name: 'db-0' }
  const psql = { actor: breakGlass, verb: 'create', on: 'pods/exec', ...db, isLong: true, code: 101 } as const
  const root = { username: 'system:admin', groups: ['system:masters'], extra: { reason: ['INC-4711'] } }
  return [
    { at: at('thu', '02:14:20'), actor: breakGlass, verb: 'list', on: 'pods', namespace: 'payments' },
    { at: at('thu', '02:15:44'), actor: breakGlass, verb: 'get', on: 'pods/log', ...db },
    {
      at: at('thu', '02:17:03'),
      ...psql,
      tookMs: 184_000,
      query:
        'command=psql&command=-c&command=select%20pg_terminate_backend%284711%29&container=postgres&stdin=true&stdout=true&tty=true',
    },
    { at: at('thu', '02:22:31'), actor: breakGlass, verb: 'delete', on: 'pods', ...db },
    {
      at: at('thu', '02:26:10'),
      actor: breakGlass,
      verb: 'patch',
      on: 'deployments.apps/scale',
      namespace: 'payments',
      name: 'api',
    },
    {
      at: at('thu', '02:41:55'),
      actor: { ...dave, allowedBy: '' },
      verb: 'get',
      on: 'secrets',
      namespace: 'payments',
      name: 'db-password',
      as: root,
    },
    {
      at: at('thu', '08:47:30'),
      actor: alice,
      verb: 'update',
      on: 'secrets',
      namespace: 'payments',
      name: 'db-password',
    },
  ]
}

function aDeniedDelete(): readonly Request[] {
  const ledger = { on: 'deployments.apps', namespace: 'payments', name: 'ledger' }
  return [
    { at: at('thu', '09:29:58'), actor: bob, verb: 'delete', ...ledger, forbidden: true },
    { at: at('thu', '09:30:21'), actor: bob, verb: 'delete', ...ledger, forbidden: true },
    {
      at: at('thu', '09:34:02'),
      actor: bob,
      verb: 'deletecollection',
      on: 'pods',
      namespace: 'payments',
      forbidden: true,
    },
    { at: at('thu', '09:52:44'), actor: alice, verb: 'delete', ...ledger },
  ]
}

function someoneAtTheDoor(): readonly Request[] {
  const tries = [
    { verb: 'list', on: 'secrets' },
    { verb: 'list', on: 'secrets', namespace: 'payments' },
    { verb: 'list', on: 'nodes' },
    { verb: 'get', on: '/.env' },
    { verb: 'get', on: '/metrics' },
  ]
  return [
    { at: at('fri', '03:12:08'), actor: anonymous, verb: 'get', on: '/version' },
    ...tries.map((each, nth) => ({ at: at('fri', '03:12:09') + nth * 640_000, actor: stranger, ...each, code: 401 })),
    {
      at: at('fri', '03:12:14'),
      actor: anonymous,
      verb: 'list',
      on: 'secrets',
      namespace: 'kube-system',
      forbidden: true,
    },
    {
      at: at('fri', '03:12:15'),
      actor: anonymous,
      verb: 'list',
      on: 'clusterroles.rbac.authorization.k8s.io',
      forbidden: true,
    },
  ]
}

function fridayDeploy(): readonly Request[] {
  const web = { on: 'deployments.apps', namespace: 'shop', name: 'web' }
  const image = (version: string) => ({
    spec: { template: { spec: { containers: [{ name: 'web', image: `registry.acme.example/web:${version}` }] } } },
  })
  return [
    { at: at('fri', '16:51:03'), actor: ciBot, verb: 'patch', ...web, request: image('4.18.0') },
    {
      at: at('fri', '16:58:40'),
      actor: carol,
      verb: 'get',
      on: 'pods/log',
      namespace: 'shop',
      name: 'web-6b7d9c4f5-q8h2z',
    },
    { at: at('fri', '17:02:17'), actor: carol, verb: 'patch', ...web, request: image('4.17.3') },
    {
      at: at('fri', '17:03:09'),
      actor: carol,
      verb: 'patch',
      on: 'deployments.apps/scale',
      namespace: 'shop',
      name: 'web',
      request: { spec: { replicas: 6 } },
    },
    {
      at: at('fri', '17:05:50'),
      actor: carol,
      verb: 'create',
      on: 'pods/eviction',
      namespace: 'shop',
      name: 'web-6b7d9c4f5-q8h2z',
      code: 201,
    },
  ]
}

function nightlyBackups(): readonly Request[] {
  return (['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const).flatMap((day) => [
    {
      at: at(day, '01:00:04'),
      actor: backup,
      verb: 'get',
      on: 'secrets',
      namespace: 'payments',
      name: 'backup-credentials',
    },
    {
      at: at(day, '01:00:09'),
      actor: backup,
      verb: 'create',
      on: 'pods/exec',
      namespace: 'payments',
      name: 'db-0',
      isLong: true,
      tookMs: 41_000,
      code: 101,
      query: 'command=pg_dump&command=payments&container=postgres&stdout=true',
    },
  ])
}
