/** What the words of an audit.k8s.io record become. Tables are data: docs/formats/kubernetes-audit.md has the same. */

const READS = ['get', 'list', 'watch']
const WRITES = ['create', 'update', 'patch', 'delete']
const ANY = [...READS, ...WRITES]

interface SubresourceAct {
  readonly subresource: string
  /** With another verb it is that verb. */
  readonly verbs: readonly string[]
  readonly action: string
}

/** Subresources that are an act of their own: `create pods/exec` is nobody creating a pod. */
const SUBRESOURCE_ACTS: readonly SubresourceAct[] = [
  { subresource: 'exec', verbs: ANY, action: 'exec' },
  { subresource: 'attach', verbs: ANY, action: 'attach' },
  { subresource: 'portforward', verbs: ANY, action: 'port-forward' },
  { subresource: 'proxy', verbs: ANY, action: 'proxy' },
  { subresource: 'ephemeralcontainers', verbs: WRITES, action: 'ephemeralcontainers' },
  { subresource: 'token', verbs: ['create'], action: 'token' },
  { subresource: 'scale', verbs: WRITES, action: 'scale' },
  { subresource: 'eviction', verbs: ['create'], action: 'evict' },
  { subresource: 'binding', verbs: ['create'], action: 'bind' },
  { subresource: 'approval', verbs: WRITES, action: 'approve' },
  { subresource: 'log', verbs: READS, action: 'log' },
]

const ACTS = new Map(SUBRESOURCE_ACTS.map((act) => [act.subresource, act]))

/** `event.action`: the verb, or the act that a subresource stands for. */
export function actionOf(verb: string, subresource: string | undefined): string {
  const act = subresource === undefined ? undefined : ACTS.get(subresource)
  return act?.verbs.includes(verb) === true ? act.action : verb
}

/** `event.type` by `event.action`. Others, and verbs of URLs that are no resources, are `access` or `change`. */
export const TYPE_OF_ACTION: ReadonlyMap<string, string> = new Map([
  ['get', 'access'],
  ['list', 'access'],
  ['watch', 'access'],
  ['log', 'access'],
  ['head', 'access'],
  ['options', 'access'],
  ['exec', 'access'],
  ['attach', 'access'],
  ['port-forward', 'access'],
  ['proxy', 'access'],
  ['create', 'creation'],
  ['token', 'creation'],
  ['update', 'change'],
  ['patch', 'change'],
  ['ephemeralcontainers', 'change'],
  ['scale', 'change'],
  ['bind', 'change'],
  ['approve', 'change'],
  ['delete', 'deletion'],
  ['deletecollection', 'deletion'],
  ['evict', 'deletion'],
])

/** Beside `api`, by the resource's plural. */
export const CATEGORY_OF_RESOURCE: ReadonlyMap<string, string> = new Map([
  ['roles', 'iam'],
  ['clusterroles', 'iam'],
  ['rolebindings', 'iam'],
  ['clusterrolebindings', 'iam'],
  ['secrets', 'configuration'],
])

/** Plurals that no rule of spelling takes apart rightly, and words that look like plurals. */
const SINGULARS: ReadonlyMap<string, string> = new Map([
  ['endpoints', 'endpoints'],
  ['prometheuses', 'prometheus'],
  ['metrics', 'metrics'],
  ['caches', 'cache'],
])

/** `audit.resource.type`: `secrets` → `secret`, `networkpolicies` → `networkpolicy`. */
export function singular(plural: string): string {
  const word = plural.toLowerCase()
  const known = SINGULARS.get(word)
  if (known !== undefined) return known
  if (word.endsWith('ies') && word.length > 4) return `${word.slice(0, -3)}y`
  if (/(?:ss|sh|ch|x|z|status)es$/.test(word)) return word.slice(0, -2)
  if (word.endsWith('ss') || word.endsWith('us') || word.endsWith('is')) return word
  return word.endsWith('s') ? word.slice(0, -1) : word
}
