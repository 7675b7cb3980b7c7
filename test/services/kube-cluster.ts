import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A real kube-apiserver with etcd behind it, in a folder of its own. Needs Go, etcd and openssl. */
export interface Cluster {
  /** Asks the API server as the user of a token; answers the status. */
  ask(token: string, method: string, path: string, body?: object, headers?: Record<string, string>): Promise<number>
  /** A metric of the API server, summed over its labels that hold all these words. */
  metric(name: string, ...words: string[]): Promise<number>
  readonly url: string
  /** PEM file with which it shows who it is. */
  readonly certificate: string
  stop(): Promise<void>
}

export interface ClusterOptions {
  readonly folder: string
  /** `--audit-webhook-config-file`: where it posts to, whom it believes, and as whom. */
  readonly webhook: { readonly url: string; readonly ca: string; readonly token: string }
}

/** Tokens of the two people. */
export const ADMIN = 'admin-token'
export const CAROL = 'carol-token'

const START_MS = 90_000
/** Everything, with bodies, but for the many requests of the server to itself. */
const POLICY = `apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  - { level: Metadata, users: ['system:apiserver'] }
  - { level: RequestResponse }
`

export async function startCluster({ folder, webhook }: ClusterOptions): Promise<Cluster> {
  mkdirSync(folder, { recursive: true })
  const binary = execFileSync('sh', [join(import.meta.dirname, 'kube/build.sh')], { encoding: 'utf8' }).trim()
  const [port, etcdPort, peerPort] = [await freePort(), await freePort(), await freePort()]
  const at = (name: string): string => join(folder, name)
  writeFileSync(at('policy.yaml'), POLICY)
  writeFileSync(at('tokens.csv'), `${ADMIN},admin,uid-admin,"system:masters"\n${CAROL},carol,uid-carol,"developers"\n`)
  writeFileSync(at('webhook.yaml'), kubeconfig(webhook))
  execFileSync('openssl', ['genrsa', '-out', at('sa.key'), '2048'], { stdio: 'ignore' })
  execFileSync('openssl', ['rsa', '-in', at('sa.key'), '-pubout', '-out', at('sa.pub')], { stdio: 'ignore' })

  const etcd = run(at('etcd.txt'), 'etcd', [
    `--data-dir=${at('etcd')}`,
    `--listen-client-urls=http://127.0.0.1:${etcdPort}`,
    `--advertise-client-urls=http://127.0.0.1:${etcdPort}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-cluster=default=http://127.0.0.1:${peerPort}`,
  ])
  const server = run(at('kube-apiserver.txt'), binary, [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${at('certs')}`,
    // There is no other address than loopback, and so nothing to tell others of.
    '--advertise-address=127.0.0.1',
    '--endpoint-reconciler-type=none',
    '--service-cluster-ip-range=10.0.0.0/24',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-signing-key-file=${at('sa.key')}`,
    `--service-account-key-file=${at('sa.pub')}`,
    '--authorization-mode=RBAC',
    `--token-auth-file=${at('tokens.csv')}`,
    // A pod would need the default account, which only the controller manager makes.
    '--disable-admission-plugins=ServiceAccount',
    `--audit-policy-file=${at('policy.yaml')}`,
    `--audit-log-path=${at('audit.log')}`,
    '--audit-log-maxsize=1',
    `--audit-webhook-config-file=${at('webhook.yaml')}`,
    '--audit-webhook-batch-max-wait=1s',
    // Five attempts within about eight seconds instead of ninety, so that a test can wait until it gives up.
    '--audit-webhook-initial-backoff=1s',
  ])
  await until(
    START_MS,
    async () => (await ask(port, ADMIN, 'GET', '/readyz')).status === 200,
    () => tail(at('kube-apiserver.txt')),
  )

  return {
    url: `https://127.0.0.1:${port}`,
    certificate: at('certs/apiserver.crt'),
    ask: async (token, method, path, body, headers) => (await ask(port, token, method, path, body, headers)).status,
    async metric(name, ...words) {
      const { text } = await ask(port, ADMIN, 'GET', '/metrics')
      const lines = text
        .split('\n')
        .filter((line) => line.startsWith(name) && words.every((word) => line.includes(word)))
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
    },
    async stop() {
      // Draining its watches takes it seconds, and its folder goes with it.
      await Promise.all([end(server), end(etcd)])
    },
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server that listens on TCP has a port.
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Waits for a condition that somebody else makes true; an attempt that fails is one that is not true yet. */
export async function until(ms: number, isTrue: () => Promise<boolean>, why: () => string = () => ''): Promise<void> {
  const endMs = performance.now() + ms
  let last: unknown
  while (performance.now() < endMs) {
    try {
      if (await isTrue()) return
    } catch (error) {
      last = error
    }
    await sleep(200)
  }
  throw new Error(`still not so after ${ms} ms: ${why()}`, { cause: last })
}

function kubeconfig({ url, ca, token }: ClusterOptions['webhook']): string {
  return `apiVersion: v1
kind: Config
clusters: [{ name: sink, cluster: { server: "${url}", certificate-authority: "${ca}" } }]
users: [{ name: apiserver, user: { token: "${token}" } }]
contexts: [{ name: c, context: { cluster: sink, user: apiserver } }]
current-context: c
`
}

function run(log: string, program: string, args: readonly string[]): ChildProcess {
  const file = openSync(log, 'a')
  const child = spawn(program, args, { stdio: ['ignore', file, file] })
  closeSync(file)
  return child
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

function tail(path: string): string {
  return readFileSync(path, 'utf8').slice(-1500)
}

function ask(
  port: number,
  token: string,
  method: string,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        timeout: 15_000,
        // It made its certificate itself when it started.
        rejectUnauthorized: false,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => (text += part))
        response.once('end', () => resolve({ status: response.statusCode ?? 0, text }))
        response.once('error', reject)
      },
    )
    sent.once('timeout', () => sent.destroy(new Error(`${method} ${path} took too long`)))
    sent.once('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
