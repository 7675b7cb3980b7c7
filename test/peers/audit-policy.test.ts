import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'

import type { DecodedEvent } from '../../src/formats/format.ts'
import { kubernetesAudit } from '../../src/formats/kubernetes-audit.ts'
import { compileKubernetesPolicy } from '../../src/rules/kubernetes-policy-evaluator.ts'
import { compileKubernetesPolicies } from '../../src/rules/kubernetes-policy-family.ts'
import type { PolicyRequest } from '../../src/rules/kubernetes-policy-match.ts'
import { parseKubernetesPolicy } from '../../src/rules/kubernetes-policy.ts'
import { NO_RULES } from '../../src/rules/rule-set.ts'
import { anyPolicy, anyRequest } from '../policy-cases.ts'
import { type Random, seeded } from '../seeded.ts'

/** k8s.io/apiserver's own audit packages, which are what the API server decides and writes with. */

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

test('we leave of a record what Kubernetes itself writes under the policy, byte for byte', async () => {
  const random = seeded(37)
  const asked = Array.from({ length: 250 }, () => {
    const requests = Array.from({ length: 10 }, () => oftenWriting(random, anyRequest(random))).filter(isRecordable)
    return { policy: anyPolicy(random), requests, record: true }
  })
  const answers = z.array(z.object({ recorded })).parse(await ask(asked))
  const counts = { asItCame: 0, thinned: 0, dropped: 0 }
  for (const [n, { policy }] of asked.entries()) {
    const family = compileKubernetesPolicies({ ...NO_RULES, kubernetesPolicies: { prod: policy } })
    for (const { full, decided } of answers[n]?.recorded ?? []) {
      const left = full.flatMap((record) => {
        const { event, ...rest } = eventOf(record)
        const ruling = family?.judge({ event, ...rest }, SCOPE, ID, () => undefined)
        if (ruling?.kind !== 'keep') return []
        // What was thinned reads as what was written so in the first place.
        const original = ruling.decoded.event.event.original ?? ''
        expect(ruling.decoded.event).toEqual(eventOf(original).event)
        counts[original === record ? 'asItCame' : 'thinned']++
        return [original]
      })
      counts.dropped += full.length - left.length
      expect(left, `${policy}\n${full.join('\n')}`).toEqual(decided)
    }
  }
  expect(Math.min(...Object.values(counts))).toBeGreaterThan(100)
})

const recorded = z.array(z.object({ full: z.array(z.string()), decided: z.array(z.string()) }))
const SCOPE = { source: 'prod-1', stream: 'kubernetes', kubernetesPolicy: 'prod' }
const ID = new Uint8Array(16)

/** Without the verbs whose records have bodies there would be little to leave out. */
function oftenWriting(random: Random, request: PolicyRequest): PolicyRequest {
  const verbs = ['create', 'update', 'patch', 'delete', 'list', 'watch']
  return random.chance(0.6) ? { ...request, verb: verbs[random.between(0, 5)] ?? '' } : request
}

/** Requests without a verb, a resource, a path or the name of a user are none that an API server has. */
function isRecordable({ user, verb, target }: PolicyRequest): boolean {
  return user !== '' && verb !== '' && (target.kind === 'path' ? target.path !== '' : target.resource !== '')
}

function eventOf(record: string): DecodedEvent {
  const decoded = kubernetesAudit.decode(Buffer.from(record), { source: 'prod-1', now: 0 })
  const [first] = decoded.kind === 'events' ? decoded.events : []
  if (first === undefined) throw new Error(`no event: ${record}`)
  return first
}

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
  /** Asks for records instead of levels. */
  readonly record?: boolean
  readonly requests: readonly PolicyRequest[]
}

async function ask(questions: readonly Question[]): Promise<readonly unknown[]> {
  const lines = questions.map(
    ({ requests, ...rest }) => `${JSON.stringify({ ...rest, requests: requests.map(asGo) })}\n`,
  )
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
