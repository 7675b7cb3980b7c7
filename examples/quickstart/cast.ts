import type { Actor } from './kubernetes-record.ts'
import { uuidOf } from './seeded.ts'

/** Who lives in the sample: a small company with a web shop, and the machines that work for it. */

const KUBECTL = 'kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9'
const KUBECTL_MAC = 'kubectl/v1.34.1 (darwin/arm64) kubernetes/93248f9'

/** Everything at the platform team. */
export const alice: Actor = {
  user: { username: 'alice', uid: 'u-1001', groups: ['platform', 'system:authenticated'] },
  ip: '10.20.0.11',
  agent: KUBECTL_MAC,
  allowedBy: 'RBAC: allowed by ClusterRoleBinding "platform-admins" of ClusterRole "cluster-admin" to Group "platform"',
}

/** Develops the shop. */
export const bob: Actor = {
  user: { username: 'bob', uid: 'u-1002', groups: ['developers', 'system:authenticated'] },
  ip: '10.20.0.23',
  agent: KUBECTL,
  allowedBy: 'RBAC: allowed by RoleBinding "developers-edit/shop" of ClusterRole "edit" to Group "developers"',
}

/** Keeps it running. */
export const carol: Actor = {
  user: { username: 'carol', uid: 'u-1003', groups: ['sre', 'system:authenticated'] },
  ip: '10.20.0.37',
  agent: KUBECTL,
  allowedBy: 'RBAC: allowed by ClusterRoleBinding "sre" of ClusterRole "sre-operator" to Group "sre"',
}

/** Looks after the databases. */
export const dave: Actor = {
  user: { username: 'dave', uid: 'u-1004', groups: ['dba', 'system:authenticated'] },
  ip: '10.20.0.42',
  agent: KUBECTL,
  allowedBy: 'RBAC: allowed by RoleBinding "dba/payments" of Role "database-operator" to User "dave"',
}

/** The intern. */
export const erin: Actor = {
  user: { username: 'erin', uid: 'u-1042', groups: ['interns', 'system:authenticated'] },
  ip: '10.20.0.88',
  agent: KUBECTL_MAC,
  allowedBy: 'RBAC: allowed by RoleBinding "interns-view/shop" of ClusterRole "view" to Group "interns"',
}

/** In a sealed envelope, for nights like Thursday's. */
export const breakGlass: Actor = {
  user: { username: 'break-glass', uid: 'u-0001', groups: ['system:masters', 'system:authenticated'] },
  ip: '198.51.100.77',
  agent: KUBECTL,
  allowedBy: '',
}

export const stranger: Actor = { user: undefined, ip: '203.0.113.50', agent: 'python-requests/2.32.3', allowedBy: '' }

export const anonymous: Actor = {
  user: { username: 'system:anonymous', groups: ['system:unauthenticated'] },
  ip: '203.0.113.50',
  agent: 'python-requests/2.32.3',
  allowedBy: '',
}

export const ciBot = serviceAccount('ci', 'ci-bot', '10.42.3.17', 'kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9', {
  allowedBy: 'RBAC: allowed by RoleBinding "ci-deployer/shop" of ClusterRole "edit" to ServiceAccount "ci-bot/ci"',
})

export const prometheus = serviceAccount('monitoring', 'prometheus', '10.42.1.9', 'Prometheus/3.5.0', {
  allowedBy:
    'RBAC: allowed by ClusterRoleBinding "prometheus" of ClusterRole "prometheus" to ServiceAccount "prometheus/monitoring"',
})

export const certManager = serviceAccount('cert-manager', 'cert-manager', '10.42.2.5', 'cert-manager/v1.19.1', {
  allowedBy:
    'RBAC: allowed by ClusterRoleBinding "cert-manager" of ClusterRole "cert-manager" to ServiceAccount "cert-manager/cert-manager"',
})

export const backup = serviceAccount('payments', 'backup', '10.42.3.44', 'backup-job/2.1', {
  allowedBy: 'RBAC: allowed by RoleBinding "backup/payments" of Role "backup" to ServiceAccount "backup/payments"',
})

export const deploymentController = serviceAccount(
  'kube-system',
  'deployment-controller',
  '10.20.0.2',
  'kube-controller-manager/v1.34.1 (linux/amd64) kubernetes/93248f9/system:serviceaccount:kube-system:deployment-controller',
  {
    allowedBy:
      'RBAC: allowed by ClusterRoleBinding "system:controller:deployment-controller" of ClusterRole "system:controller:deployment-controller" to ServiceAccount "deployment-controller/kube-system"',
  },
)

export const scheduler: Actor = {
  user: { username: 'system:kube-scheduler', groups: ['system:authenticated'] },
  ip: '10.20.0.2',
  agent: 'kube-scheduler/v1.34.1 (linux/amd64) kubernetes/93248f9/scheduler',
  allowedBy:
    'RBAC: allowed by ClusterRoleBinding "system:kube-scheduler" of ClusterRole "system:kube-scheduler" to User "system:kube-scheduler"',
}

export function kubelet(node: string, ip: string): Actor {
  return {
    user: { username: `system:node:${node}`, groups: ['system:nodes', 'system:authenticated'] },
    ip,
    agent: 'kubelet/v1.34.1 (linux/amd64) kubernetes/93248f9',
    allowedBy: '',
  }
}

function serviceAccount(
  namespace: string,
  name: string,
  ip: string,
  agent: string,
  { allowedBy }: { readonly allowedBy: string },
): Actor {
  const username = `system:serviceaccount:${namespace}:${name}`
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated']
  const extra = { 'authentication.kubernetes.io/credential-id': [`JTI=${uuidOf(username)}`] }
  return { user: { username, uid: `sa-${namespace}-${name}`, groups, extra }, ip, agent, allowedBy }
}
