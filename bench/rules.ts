import { configuredFormat, FORMAT_NAMES } from '../src/formats/formats.ts'
import type { DecodedEvent } from '../src/formats/format.ts'
import { compileRules } from '../src/rules/compile.ts'
import { compileDefaultMasks } from '../src/rules/default-masks.ts'
import { compileExcludedCategories } from '../src/rules/categories-family.ts'
import { parseExpressionRules } from '../src/rules/expressions.ts'
import { compileExpressions } from '../src/rules/expressions-family.ts'
import type { Family } from '../src/rules/family.ts'
import { compileKubernetesPolicies } from '../src/rules/kubernetes-policy-family.ts'
import { deriveRuleKeys } from '../src/rules/masks-hash.ts'
import { NO_RULES } from '../src/rules/rule-set.ts'
import { casesOf, decodeExample } from '../test/format-fixtures.ts'
import { createCorpus } from './corpus.ts'
import type { Benchmark, Figure } from './report.ts'

const WARM_MS = 300
const MEASURED_MS = 1000
const RULES = 1000
/** DESIGN's budget for a thousand mixed rules. */
const AT_MOST_US = 5

/**
 * Microseconds of processor time for each event, by family, and for a thousand mixed rules of our own. Half of the
 * events are a made-up company's of 700 bytes, half are the examples of all formats; no rule changes them.
 */
export function measureRules(): Benchmark {
  const keys = deriveRuleKeys(new Uint8Array(32))
  const mixed = { ...NO_RULES, expressions: parseExpressionRules(mixedRules(RULES)) }
  const indexed = { ...NO_RULES, expressions: parseExpressionRules(mixedRules(RULES).filter((_, n) => n % 20 < 14)) }
  const events = eventsToJudge()
  const ofKubernetes = examplesOf('kubernetes-audit')
  const policy = compileKubernetesPolicies({ ...NO_RULES, kubernetesPolicies: { prod: policyOf(RULES) } })
  const families: readonly (readonly [string, Family | undefined, number?, (readonly DecodedEvent[])?])[] = [
    [`${RULES} mixed rules`, compileExpressions(mixed, keys), AT_MOST_US],
    [`${indexed.expressions.length} rules that name a value`, compileExpressions(indexed, keys)],
    ['excluded categories', compileExcludedCategories({ ...NO_RULES, excludedCategories: ['file'] })],
    [`${RULES} rules of a Kubernetes policy, of its own events`, policy, AT_MOST_US, ofKubernetes],
    ['default masks', compileDefaultMasks(NO_RULES)],
    [`all of them`, judging(compileRules({ ...mixed, excludedCategories: ['file'] }, keys))],
  ]
  const figures = families.flatMap(([what, family, aim, own = events]): readonly Figure[] => {
    if (family === undefined) return []
    judgeFor(WARM_MS, family, own)
    const { judged, cpuMs } = judgeFor(MEASURED_MS, family, own)
    return [{ what, value: (cpuMs * 1000) / judged, unit: 'µs', ...(aim !== undefined && { aim }) }]
  })
  return { title: 'rules, for each event', figures }
}

function judging(rules: ReturnType<typeof compileRules>): Family {
  return { judge: (...asked) => rules.judge(...asked) }
}

function eventsToJudge(): readonly DecodedEvent[] {
  const format = configuredFormat('ecs', undefined)
  const lines = createCorpus(1)
    .batch(500, (n) => Date.UTC(2026, 10, 20) + n)
    .toString()
    .trim()
    .split('\n')
  const made = lines.flatMap((line) => eventsOf(decodeExample(format, Buffer.from(line))))
  return [...made, ...FORMAT_NAMES.flatMap(examplesOf)]
}

function examplesOf(name: string): readonly DecodedEvent[] {
  return casesOf(name).flatMap((each) => eventsOf(decodeExample(each.format, each.bytes)))
}

function eventsOf(decoded: ReturnType<typeof decodeExample>): readonly DecodedEvent[] {
  return decoded.kind === 'events' ? decoded.events : []
}

function judgeFor(ms: number, family: Family, events: readonly DecodedEvent[]): { judged: number; cpuMs: number } {
  const scope = { source: 'shop', stream: 'default', kubernetesPolicy: 'prod' }
  const id = Buffer.from('0123456789abcdef')
  const began = process.cpuUsage()
  for (let judged = 0; ;) {
    for (const event of events) family.judge(event, scope, id, () => undefined)
    judged += events.length
    const { user, system } = process.cpuUsage(began)
    const cpuMs = (user + system) / 1000
    if (cpuMs >= ms) return { judged, cpuMs }
  }
}

/** As people write them: most name an action, an actor, a source or a thing; one in twenty can only be asked. */
function mixedRules(count: number): readonly object[] {
  return Array.from({ length: count }, (_, n) => {
    const [match, effect] = MIX[n % MIX.length]?.(n) ?? ['', {}]
    return { name: `r${n}`, match, ...effect }
  })
}

/** As policies are: most rules are about one caller, verb and resource and say None; the last keeps all that came. */
function policyOf(count: number): string {
  const rules = Array.from({ length: count - 1 }, (_, n) => ({
    level: 'None',
    users: [`system:serviceaccount:team${n}:robot`],
    verbs: ['get', 'list', 'watch'],
    resources: [{ group: n % 2 === 0 ? '' : 'apps', resources: [n % 3 === 0 ? 'pods' : `things${n % 17}/*`] }],
  }))
  return JSON.stringify({
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    rules: [...rules, { level: 'RequestResponse' }],
  })
}

const DROP = { drop: true }

const MIX: readonly ((n: number) => readonly [string, object])[] = [
  (n) => [`action:act${n} resource.type:secret`, DROP],
  (n) => [`action:read resource.name:thing${n}`, DROP],
  (n) => [`actor:user${n},robot${n} source:shop`, { keep: true }],
  (n) => [`actor:system:node:n${n} action:get,list,watch`, DROP],
  (n) => [`namespace:team${n} resource.type:pod -outcome:failure`, { sample: 0.1 }],
  (n) => [`action:act${n}* namespace:team${n}`, DROP],
  (n) => [`resource.name:job-${n}-* action:create`, { label: { team: `t${n}` } }],
  (n) => [`dataset:app.d${n} -actor:root`, { route: 'other' }],
  (n) => [`(action:a${n} OR actor:b${n}) -outcome:success`, { label: { kind: 'odd' } }],
  (n) => [`source:source${n} action:read`, DROP],
  (n) => [`ip:10.${n % 256}.0.0/16 action:act${n}`, { route: 'office' }],
  (n) => [`dataset:app.d${n}`, { mask: { paths: ['audit.request.**.card'], how: 'hash', at: 'intake' } }],
  (n) => [`labels.team:team${n} has:audit.request`, { label: { cost: `c${n}` } }],
  (n) => [`event.duration:>${n} namespace:team${n}`, DROP],
  (n) => [`user.email:*@team${n}.example.com action:act${n}`, DROP],
  (n) => [`cluster:c${n} resource.type:secret`, { keep: true }],
  (n) => [`host:host${n} category:authentication`, DROP],
  (n) => [`policy:role${n} decision:allow`, { sample: 0.5 }],
  (n) => [`ip:192.168.${n % 256}.0/24 -actor:root`, { route: 'office' }],
  // This one names no value: it is asked about every event.
  (n) => [`agent:*curl/${n}* -outcome:success`, { label: { robot: 'yes' } }],
]
