import {
  alice,
  bob,
  carol,
  certManager,
  ciBot,
  dave,
  deploymentController,
  erin,
  kubelet,
  prometheus,
  scheduler,
} from './cast.ts'
import type { Actor, Request } from './kubernetes-record.ts'
import type { Random } from './seeded.ts'
import { pick } from './seeded.ts'
import { at } from './week.ts'

/** What happens all the time: each of these is played again and again, machines at any hour, people when they work. */
export function kubernetesRoutine(random: Random, count: number): readonly Request[] {
  const first = at('mon', '08:00:00')
  return Array.from({ length: count }, (_, nth) => {
    const { weight: _weight, make } = weighted(random)
    const { tookMs = Math.ceil(random() ** 3 * 60) + 1, ...request } = make(random)
    return { ...request, tookMs, at: first + nth * 30_000_000 + Math.floor(random() * 20_000_000) }
  })
}

type Deed = Omit<Request, 'at'>

interface Habit {
  readonly weight: number
  readonly make: (random: Random) => Deed
}

const WEB_PODS = ['web-7c9f6d5b8-xk2p9', 'web-7c9f6d5b8-m4t7w', 'web-7c9f6d5b8-zz9qn', 'cart-58d4b7c6f-2lq8d']
const NODES = ['worker-1', 'worker-2', 'worker-3']
const SHOP_DEPLOYMENTS = ['web', 'cart', 'search', 'mailer']
const CONFIGS = ['web-config', 'feature-flags', 'mail-templates']

const node = (random: Random): Actor => {
  const name = pick(random, NODES)
  return kubelet(name, `10.20.1.${NODES.indexOf(name) + 1}`)
}

const HABITS: readonly Habit[] = [
  // Machines.
  { weight: 9, make: (random) => nodeLease(node(random)) },
  { weight: 4, make: (random) => nodeStatus(node(random)) },
  { weight: 4, make: (random) => deed(node(random), 'get', 'configmaps', 'shop', pick(random, CONFIGS)) },
  { weight: 3, make: (random) => deed(node(random), 'get', 'secrets', 'shop', 'web-tls') },
  { weight: 5, make: () => ({ ...deed(prometheus, 'list', 'pods'), query: 'limit=500' }) },
  { weight: 3, make: () => deed(prometheus, 'get', '/metrics') },
  {
    weight: 4,
    make: (random) => ({ ...deed(scheduler, 'create', 'pods/binding', 'shop', pick(random, WEB_PODS)), code: 201 }),
  },
  {
    weight: 4,
    make: (random) =>
      deed(deploymentController, 'update', 'replicasets.apps', 'shop', `${pick(random, SHOP_DEPLOYMENTS)}-7c9f6d5b8`),
  },
  {
    weight: 2,
    make: (random) => ({
      ...deed(deploymentController, 'update', 'deployments.apps/status', 'shop', pick(random, SHOP_DEPLOYMENTS)),
      code: 409,
    }),
  },
  {
    weight: 3,
    make: () => ({ ...deed(scheduler, 'watch', 'nodes'), query: 'watch=true', isLong: true, tookMs: 30_000 }),
  },
  { weight: 2, make: () => deed(certManager, 'update', 'secrets', 'shop', 'web-tls') },
  { weight: 2, make: () => ({ ...deed(certManager, 'create', 'events', 'shop'), code: 201 }) },
  // The build server, which works when people do, and longer.
  { weight: 4, make: (random) => deed(ciBot, 'get', 'deployments.apps', 'shop', pick(random, SHOP_DEPLOYMENTS)) },
  { weight: 3, make: (random) => rollOut(random) },
  { weight: 2, make: (random) => deed(ciBot, 'patch', 'configmaps', 'shop', pick(random, CONFIGS)) },
  { weight: 1, make: () => ({ ...deed(ciBot, 'create', 'jobs.batch', 'shop', 'migrate-schema'), code: 201 }) },
  { weight: 1, make: () => ({ ...deed(ciBot, 'get', 'secrets', 'payments', 'registry-pull'), forbidden: true }) },
  // People.
  { weight: 4, make: () => deed(bob, 'list', 'pods', 'shop') },
  { weight: 3, make: (random) => deed(bob, 'get', 'pods/log', 'shop', pick(random, WEB_PODS)) },
  { weight: 2, make: (random) => deed(bob, 'get', 'deployments.apps', 'shop', pick(random, SHOP_DEPLOYMENTS)) },
  { weight: 2, make: (random) => deed(bob, 'update', 'configmaps', 'shop', pick(random, CONFIGS)) },
  { weight: 1, make: () => ({ ...deed(bob, 'get', 'secrets', 'payments', 'db-password'), forbidden: true }) },
  { weight: 1, make: () => ({ ...deed(bob, 'get', 'pods', 'shop', 'web-7c9f6d5b8-gone1'), code: 404 }) },
  {
    weight: 2,
    make: (random) => ({
      ...deed(bob, 'create', 'pods/portforward', 'shop', pick(random, WEB_PODS)),
      isLong: true,
      tookMs: 60_000,
      code: 101,
    }),
  },
  {
    weight: 3,
    make: () => ({ ...deed(bob, 'watch', 'pods', 'shop'), query: 'watch=true', isLong: true, tookMs: 45_000 }),
  },
  { weight: 3, make: () => deed(carol, 'list', 'nodes') },
  { weight: 3, make: () => deed(carol, 'list', 'events') },
  {
    weight: 2,
    make: (random) => deed(carol, 'patch', 'deployments.apps/scale', 'shop', pick(random, SHOP_DEPLOYMENTS)),
  },
  { weight: 1, make: (random) => deed(carol, 'patch', 'nodes', undefined, pick(random, NODES)) },
  {
    weight: 1,
    make: (random) => ({ ...deed(carol, 'create', 'pods/eviction', 'shop', pick(random, WEB_PODS)), code: 201 }),
  },
  { weight: 1, make: (random) => run(carol, pick(random, WEB_PODS), 'command=sh&command=-c&command=ps%20aux') },
  { weight: 2, make: () => deed(dave, 'get', 'statefulsets.apps', 'payments', 'db') },
  { weight: 2, make: () => deed(dave, 'get', 'pods/log', 'payments', 'db-0') },
  {
    weight: 1,
    make: () => ({ ...deed(dave, 'delete', 'persistentvolumeclaims', 'payments', 'data-db-2'), forbidden: true }),
  },
  { weight: 2, make: () => deed(alice, 'list', 'rolebindings.rbac.authorization.k8s.io') },
  { weight: 2, make: () => deed(alice, 'list', 'namespaces') },
  { weight: 1, make: () => deed(alice, 'update', 'networkpolicies.networking.k8s.io', 'payments', 'default-deny') },
  { weight: 1, make: () => ({ ...deed(alice, 'create', 'serviceaccounts/token', 'ci', 'ci-bot'), code: 201 }) },
  { weight: 2, make: () => deed(erin, 'list', 'pods', 'shop') },
  { weight: 2, make: (random) => deed(erin, 'get', 'pods/log', 'shop', pick(random, WEB_PODS)) },
  { weight: 1, make: () => ({ ...deed(erin, 'list', 'nodes'), forbidden: true }) },
  { weight: 1, make: () => ({ ...deed(erin, 'get', 'secrets', 'shop', 'stripe-api-key'), forbidden: true }) },
]

const ALL = HABITS.reduce((sum, habit) => sum + habit.weight, 0)

function weighted(random: Random): Habit {
  let left = random() * ALL
  for (const habit of HABITS) {
    left -= habit.weight
    if (left < 0) return habit
  }
  return pick(random, HABITS)
}

function deed(actor: Actor, verb: string, on: string, namespace?: string, name?: string): Deed {
  return { actor, verb, on, ...(namespace !== undefined && { namespace }), ...(name !== undefined && { name }) }
}

function nodeLease(actor: Actor): Deed {
  const name = actor.user?.username.slice('system:node:'.length) ?? ''
  return deed(actor, 'update', 'leases.coordination.k8s.io', 'kube-node-lease', name)
}

function nodeStatus(actor: Actor): Deed {
  const name = actor.user?.username.slice('system:node:'.length) ?? ''
  return deed(actor, 'patch', 'nodes/status', undefined, name)
}

function rollOut(random: Random): Deed {
  const name = pick(random, SHOP_DEPLOYMENTS)
  const image = `registry.acme.example/${name}:4.${Math.floor(random() * 18)}.${Math.floor(random() * 4)}`
  const request = { spec: { template: { spec: { containers: [{ name, image }] } } } }
  return { ...deed(ciBot, 'patch', 'deployments.apps', 'shop', name), request }
}

function run(actor: Actor, pod: string, command: string): Deed {
  const query = `${command}&container=web&stdout=true`
  return { ...deed(actor, 'create', 'pods/exec', 'shop', pod), query, isLong: true, tookMs: 800, code: 101 }
}
