import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Field } from '../src/domain/fields.ts'
import { allFields } from '../src/domain/fields.ts'

/** `node scripts/event-page.ts` writes `docs/event.md` from the one declaration of fields. A test holds them together. */
const PAGE = join(import.meta.dirname, '../docs/event.md')

/** The whole page: what an event is, the fields that we say something about, and where the rest of ECS goes. */
export function eventPage(): string {
  const fields = allFields()
  return [INTRODUCTION, ...GROUPS.map(([title, roots]) => group(title, roots, fields)), others(fields)].join('\n')
}

const INTRODUCTION = `# The event

<!-- Written by scripts/event-page.ts from src/domain/fields.ts. Change those, then: node scripts/event-page.ts -->

What a record becomes. Names are those of the [Elastic Common Schema](https://www.elastic.co/docs/reference/ecs) 9.4, as nested JSON, with two
objects of ours: \`audit\` for what ECS has no place for (in OCSF's words where it has them) and \`whodid\` for bookkeeping.

\`\`\`json
{
  "@timestamp": "2026-11-20T14:03:22.125308Z",
  "event": { "id": "AaIN7M7xch6ZDSgxJY5dvw", "action": "delete", "outcome": "success", "category": ["api"], "type": ["deletion"] },
  "user": { "kind": "person", "name": "alice", "email": "alice@example.com" },
  "source": { "ip": "203.0.113.45" },
  "audit": {
    "resource": [{ "type": "secret", "name": "db-password", "namespace": "prod" }],
    "authz": { "decision": "allow", "policies": [{ "type": "ClusterRoleBinding", "name": "ops-admin" }] }
  },
  "whodid": { "source": "prod-1", "stream": "kubernetes", "log": "acme/n1/kubernetes/2026-11", "index": 41234 }
}
\`\`\`

- **\`@timestamp\`** is when it happened, in UTC, to the microsecond; \`event.ingested\` when we received it. One whose own time is outside 1970 to
  2199 stands in order and ranges at the time when we received it.
- **\`event.action\`** is the one thing an event must say. An outcome that nobody said is \`unknown\`.
- **\`event.id\`** is made from what names the record at its source, so a record that comes again has the same id
  ([ledger.md](ledger.md#event-ids)). Nobody can choose it: an id that a sender gives is a natural id (\`whodid.natural_id\`).
- **\`event.original\`** is the record, byte for byte. A record that was an event already has none.
- **Fields that nobody declared** are kept as they came, and cannot be named in a query; free text finds them.
- **\`whodid.*\`** is set by whodid alone, and so are datasets \`whodid.*\`. A record that tries is rejected (\`claims_whodid\`).
- **Trust is marked**: \`whodid.trust\` says \`ip:last-hop\` (the address that the far side saw itself is believed, others are claims),
  \`agent:claim\` (a user agent is what a program calls itself), \`time:collected\` (the record had no time).
- **What was cut is marked**: \`whodid.truncated\` names path, length and reason: \`record_limit\`, \`depth_limit\`, \`unsafe_keys\`, or \`by_source\`.
- **What was masked is marked**: \`whodid.masked\` names path and rule; the original has the same hole.
- **Not yet**: \`whodid.rule\`, \`.unresolved\` and \`.duplicate_of\` are declared, and nothing sets them so far.
- Every event is in one of five **states**: *denied* is \`event.type:denied\`, *staged* \`decision:staged\`, *failed* \`outcome:failure\`, then *success*
  and *unknown*; the first that fits.

A field belongs to one **block**, the unit in which an event is sealed and shown ([ledger.md](ledger.md#blocks)); *header* fields stand in the
log in the clear. [query.md](query.md) says how fields are compared, \`GET /v1/fields\` lists all of them, the pages in [formats/](formats/) say
what each format fills. In the tables \`[]\` marks lists; where no meaning is given, ECS's own is meant.
`

const GROUPS: readonly (readonly [title: string, roots: readonly string[]])[] = [
  ['What happened', ['@timestamp', 'event', 'message', 'labels', 'tags']],
  ['Who did it', ['user']],
  [
    'From where, on what',
    ['source', 'user_agent', 'orchestrator', 'host', 'http', 'process', 'trace', 'ssh', 'kubernetes'],
  ],
  ['To what, and why it was allowed', ['audit']],
  ['Bookkeeping', ['whodid']],
]

function group(title: string, roots: readonly string[], fields: readonly Field[]): string {
  const told = roots.flatMap((root) => fields.filter((each) => rootOf(each) === root && each.description !== ''))
  const rows = told.map((field) => {
    const short = field.aliases.map((alias) => `\`${alias}\``).join(' ')
    return `| \`${field.path}\` | ${typeOf(field)} | ${short} | ${field.block} | ${meaningOf(field)} |\n`
  })
  return `## ${title}\n\n| field | type | short | block | |\n| --- | --- | --- | --- | --- |\n${rows.join('')}`
}

function others(fields: readonly Field[]): string {
  const ofEcs = fields.filter(
    ({ path }) => !['audit', 'whodid', 'kubernetes', 'ssh'].includes(path.split('.')[0] ?? ''),
  )
  const sets = [...Map.groupBy(ofEcs, rootOf)].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const rows = sets.map(([root, own]) => {
    const blocks = [...new Set(own.map(({ block }) => block))].join(', ')
    return `| \`${root}\` | ${own.filter(({ type }) => type !== 'object').length} | ${blocks} |\n`
  })
  const head = '| field set | fields that hold a value | block |\n| --- | --- | --- |\n'
  return `## All of ECS\n\nEvery field of ECS 9.4 is declared:\n\n${head}${rows.join('')}`
}

function rootOf({ path }: Field): string {
  return path.split('.')[0] ?? path
}

function typeOf({ type, array, open, exact }: Field): string {
  const marks = [...(exact === true ? ['as written'] : []), ...(open === true ? ['any path below'] : [])]
  return [`${type}${array === true ? '[]' : ''}`, ...marks].join(', ')
}

function meaningOf({ description, values }: Field): string {
  const choices = values === undefined ? '' : `: ${values.map((value) => `\`${value}\``).join(', ')}`
  return `${description}${choices}`
}

if (import.meta.main) writeFileSync(PAGE, eventPage())
