/** What the keywords of a Flex or Kpow record become. Tables are data: docs/formats/flex-audit.md has the same. */

/** `create-topic` → verb `create`, noun `topic`; `login` has no noun. */
export function verbAndNoun(action: string): { readonly verb: string; readonly noun: string | undefined } {
  const dash = action.indexOf('-')
  if (dash < 1) return { verb: action, noun: undefined }
  const noun = action.slice(dash + 1)
  return { verb: action.slice(0, dash), noun: noun === '' ? undefined : noun }
}

const TYPES_OF_VERBS: readonly (readonly [type: string, verbs: string])[] = [
  ['creation', 'create add register submit clone upload import deploy new'],
  ['deletion', 'delete remove drop terminate cancel expire revoke purge truncate clear'],
  ['access', 'inspect query read get list search view fetch describe download export consume preview data'],
  ['start', 'login signin'],
  ['end', 'logout signout'],
]

const TYPE_OF_VERB: ReadonlyMap<string, string> = new Map(
  TYPES_OF_VERBS.flatMap(([type, verbs]) => verbs.split(' ').map((verb) => [verb, type])),
)

/** `event.type` by the verb of the action; others are a change, or an access where the record is of a query. */
export function typeOfAction(action: string, recordType: string | undefined): string {
  const known = TYPE_OF_VERB.get(verbAndNoun(action).verb) ?? TYPE_OF_VERB.get(action.replace('-', ''))
  return known ?? (recordType?.startsWith('query/') === true ? 'access' : 'change')
}

const CATEGORIES_OF_WORDS: readonly (readonly [category: string, words: string])[] = [
  ['authentication', 'login logout signin signout session'],
  [
    'iam',
    'acl acls policy policies user users role roles tenant tenants temporary staged approve deny reject stage escalation',
  ],
  ['database', 'inspect query produce data message messages record records consume preview truncate ksqldb'],
]

const CATEGORY_OF_WORD: ReadonlyMap<string, string> = new Map(
  CATEGORIES_OF_WORDS.flatMap(([category, words]) => words.split(' ').map((word) => [word, category])),
)

/** `event.category` by the first word of the action that has one; topics, groups, connectors and jobs are configuration. */
export function categoryOfAction(action: string): string {
  for (const word of action.split('-')) {
    const category = CATEGORY_OF_WORD.get(word)
    if (category !== undefined) return category
  }
  return 'configuration'
}

/** Keys of what was asked for that name a thing, whatever the action is, with the type of the thing. */
export const THINGS: readonly (readonly [type: string, keys: readonly string[]])[] = [
  ['topic', ['topic-name', 'topic', 'topics', 'topic-names']],
  ['group', ['group-id', 'group', 'groups', 'consumer-group', 'group-name']],
  ['connector', ['connector-name', 'connector', 'connectors', 'connector-id']],
  ['subject', ['subject', 'subjects', 'subject-name']],
  ['broker', ['broker-id', 'broker', 'brokers']],
  ['flink-job', ['job-id', 'job-name', 'flink-job']],
  ['flink-jar', ['jar-id', 'jar-name', 'jar']],
  ['staged-mutation', ['staged-mutation-id', 'mutation-id']],
]

/** Types that policies write with their product's name. */
export const TYPE_WORDS: ReadonlyMap<string, string> = new Map([
  ['job', 'flink-job'],
  ['jar', 'flink-jar'],
])

/** A thing's type in the singular: `topics` → `topic`. */
export function singularNoun(noun: string): string {
  if (noun.endsWith('policies')) return `${noun.slice(0, -3)}y`
  return noun.endsWith('s') && !noun.endsWith('ss') && noun.length > 2 ? noun.slice(0, -1) : noun
}

/** What a response says of its end, in the words that products use. */
export const ENDS: ReadonlyMap<string, 'success' | 'failure' | 'staged'> = new Map([
  ['success', 'success'],
  ['succeeded', 'success'],
  ['ok', 'success'],
  ['complete', 'success'],
  ['completed', 'success'],
  ['approved', 'success'],
  ['failure', 'failure'],
  ['failed', 'failure'],
  ['fail', 'failure'],
  ['error', 'failure'],
  ['denied', 'failure'],
  ['staged', 'staged'],
  ['pending', 'staged'],
])
