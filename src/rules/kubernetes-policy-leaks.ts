import { covers } from './kubernetes-policy-covers.ts'
import { matchesWord } from './kubernetes-policy-match.ts'
import type { GroupResources, Level, PolicyRule } from './kubernetes-policy.ts'

/** Bodies with secrets that a rule logs. */
export interface BodyLeak {
  readonly what: string
  /** The resource. */
  readonly kind: string
  /** Requests for it whose bodies are logged. */
  readonly verbs: readonly string[]
}

/**
 * What signs somebody in and would be logged by rule `n` (from 0), as far as no rule before it takes the request.
 * Watches are left out: the API server logs no bodies of them.
 */
export function bodyLeaksOf(rules: readonly PolicyRule[], n: number): readonly BodyLeak[] {
  const rule = rules[n]
  if (rule === undefined || rule.omitStages.includes('ResponseComplete')) return []
  return SENSITIVE.flatMap((sensitive) => {
    const verbs = verbsWithBodies(sensitive, rule.level).filter(
      (verb) => rule.verbs.length === 0 || rule.verbs.includes(verb),
    )
    const logged = verbs.filter((verb) =>
      narrowed(rule, sensitive, verb).some((part) => !rules.slice(0, n).some((each) => covers(each, part))),
    )
    const { what, group, resource } = sensitive
    return logged.length === 0 ? [] : [{ what, kind: group === '' ? resource : `${resource}.${group}`, verbs: logged }]
  })
}

interface Sensitive {
  readonly what: string
  readonly group: string
  readonly resource: string
  /** Verbs whose request has the secret, and those whose response alone has it. */
  readonly sent: readonly string[]
  readonly answered: readonly string[]
}

const SENSITIVE: readonly Sensitive[] = [
  {
    what: 'the values of secrets',
    group: '',
    resource: 'secrets',
    sent: ['create', 'update', 'patch'],
    answered: ['get', 'list', 'deletecollection'],
  },
  {
    what: 'tokens of service accounts',
    group: '',
    resource: 'serviceaccounts/token',
    sent: [],
    answered: ['create'],
  },
  {
    what: 'tokens that somebody signs in with',
    group: 'authentication.k8s.io',
    resource: 'tokenreviews',
    sent: ['create'],
    answered: [],
  },
]

function verbsWithBodies({ sent, answered }: Sensitive, level: Level): readonly string[] {
  if (level === 'RequestResponse') return [...answered, ...sent]
  return level === 'Request' ? sent : []
}

/** What of a rule is about a resource and a verb: a part for each place that lists the resource. */
function narrowed(rule: PolicyRule, { group, resource }: Sensitive, verb: string): readonly PolicyRule[] {
  if (rule.nonResourceURLs.length > 0) return []
  const whole: GroupResources = { group, resources: [resource], resourceNames: [] }
  const [plain = '', subresource = ''] = resource.split('/')
  const listed = rule.resources.filter(
    (each) =>
      (each.group === '*' || each.group === group) &&
      (each.resources.length === 0 ||
        each.resources.some((word) => matchesWord(word, { resource: plain, subresource }))),
  )
  const places =
    rule.resources.length === 0 ? [whole] : listed.map(({ resourceNames }) => ({ ...whole, resourceNames }))
  return places.map((place) => ({ ...rule, verbs: [verb], resources: [place] }))
}
