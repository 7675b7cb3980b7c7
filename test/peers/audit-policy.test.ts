import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { compileKubernetesPolicy } from '../../src/rules/kubernetes-policy-evaluator.ts'
import type { PolicyRequest } from '../../src/rules/kubernetes-policy-match.ts'
import { parseKubernetesPolicy } from '../../src/rules/kubernetes-policy.ts'
import { anyPolicy, anyRequest } from '../policy-cases.ts'
import { seeded } from '../seeded.ts'

/** k8s.io/apiserver's own audit policy package, which is what the API server decides with. */

const FOLDER = join(import.meta.dirname, 'audit-policy')

let work: string
let program: string

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'audit-policy-'))
  program = join(work, 'audit-policy')
  await run('go', ['build', '-mod=readonly', '-o', program, '.'], '')
})
afterAll(() => rm(work, { recursive: true }))

test('Kubernetes decides as we do over ten thousand generated pairs of policy and request', async () => {
  const random = seeded(36)
  const asked = Array.from({ length: 500 }, () => {
    return { policy: anyPolicy(random), requests: Array.from({ length: 20 }, () => anyRequest(random)) }
  })
  const answers = await ask(asked)
  let pairs = 0
  for (const [n, { policy, requests }] of asked.entries()) {
    const ours = compileKubernetesPolicy(parseKubernetesPolicy(policy, 'any'))
    const decided = requests.map((request) => {
      const { level, omitStages, omitManagedFields } = ours(request)
      return { level, omitStages: omitStages.toSorted(), omitManagedFields }
    })
    expect({ answers: decided }, policy).toEqual(answers[n])
    pairs += decided.length
  }
  expect(pairs).toBe(10_000)
})

const HEAD = 'apiVersion: audit.k8s.io/v1\nkind: Policy\n'
const rule = (fields: string) => `${HEAD}rules: [{ level: Request, ${fields} }, { level: Metadata }]`

test.each([
  ['kind: Policy\nrules: [{ level: None }]'],
  ['apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules: [{ level: None }]'],
  ['apiVersion: audit.k8s.io/v1\nkind: Event\nrules: [{ level: None }]'],
  [`${HEAD}rules: []`],
  [`${HEAD}rules: [{ users: [ada] }]`],
  [`${HEAD}rules: [{ level: none }]`],
  [`${HEAD}rules: [null]`],
  [`${HEAD}metadata: 5\nrules: [{ level: None }]`],
  [`${HEAD}omitManagedFields: "true"\nrules: [{ level: None }]`],
  [`${HEAD}rules:\n\t- level: None`],
  [rule('users: ada')],
  [rule('users: [1]')],
  [rule('users: [yes]')],
  [rule('omitStages: [Panik]')],
  [rule('resources: [{ group: apps/v1 }]')],
  [rule('resources: [{ group: Apps }]')],
  [rule('resources: [{ group: a..b }]')],
  [rule('resources: [{ group: -a }]')],
  [rule('resources: [{ resourceNames: [a] }]')],
  [rule('nonResourceURLs: [healthz]')],
  [rule('nonResourceURLs: [""]')],
  [rule('nonResourceURLs: [/a*b]')],
  [rule('nonResourceURLs: ["**"]')],
  [rule('nonResourceURLs: [/a], namespaces: [b]')],
])('Kubernetes refuses %j, and so do we', async (policy) => {
  expect(await ask([{ policy, requests: [] }])).toEqual([{ refused: expect.any(String) }])
  expect(() => parseKubernetesPolicy(policy, 'any')).toThrow(/^any:\d+:\d+: /)
})

const asks: PolicyRequest = {
  user: 'ada',
  groups: [],
  verb: 'get',
  target: { kind: 'resource', apiGroup: '', resource: 'pods', subresource: '', namespace: 'shop', name: '' },
}

test.each([
  [rule('namespacees: [x]')],
  [rule('Users: [x]')],
  [rule('users: null')],
  [rule('users: [null]')],
  [rule('resources: [null]')],
  [rule('resources: [{ group: apps, resources: null }]')],
  [rule('omitManagedFields: yes')],
  [rule('omitManagedFields: on, omitStages: [Panic, Panic]')],
  [`${HEAD}omitManagedFields: true\nrules: [{ level: None, omitManagedFields: null }]`],
  [`${HEAD}metadata: { name: a, labels: { b: c } }\nrules: [{ level: None }]\nstatus: {}`],
  [`${HEAD}rules:\n- level: None\n  users: &who [bob]\n- level: Request\n  users: *who\n- level: Metadata\n`],
])('Kubernetes takes %j, and we decide as it does', async (policy) => {
  const { level, omitStages, omitManagedFields } = compileKubernetesPolicy(parseKubernetesPolicy(policy, 'any'))(asks)
  expect(await ask([{ policy, requests: [asks] }])).toEqual([{ answers: [{ level, omitStages, omitManagedFields }] }])
})

interface Question {
  readonly policy: string
  readonly requests: readonly PolicyRequest[]
}

async function ask(questions: readonly Question[]): Promise<readonly unknown[]> {
  const lines = questions.map(({ policy, requests }) => `${JSON.stringify({ policy, requests: requests.map(asGo) })}\n`)
  const out = await run(program, [], lines.join(''))
  return out
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line))
}

function asGo({ user, groups, verb, target }: PolicyRequest): object {
  return { user, noUser: user === undefined, groups, verb, ...target, resourceRequest: target.kind === 'resource' }
}

async function run(command: string, args: readonly string[], input: string): Promise<string> {
  const child = spawn(command, args, { cwd: FOLDER, stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.end(input)
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  const [out, complaint, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${complaint}`)
  return out
}
