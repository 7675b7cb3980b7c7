import type { AuditEvent, EventFields, Json, JsonObject } from '../domain/event.ts'
import type { DecodedEvent } from '../formats/format.ts'
import { resourceOf } from '../formats/kubernetes-event.ts'
import { subjectOf } from '../formats/kubernetes-subject.ts'
import { isObject, objectIn, stringIn } from '../formats/loose.ts'
import { type Edit, edited } from '../lib/edited-text.ts'
import { type Member, itemStarts, membersOf, withoutMembers } from '../lib/json-members.ts'
import type { PolicyDecision } from './kubernetes-policy-evaluator.ts'
import type { RecordText } from './kubernetes-policy-record.ts'
import { type Level, LEVELS } from './kubernetes-policy.ts'

/**
 * What the API server would have recorded, had its policy decided so (`pkg/audit/request.go` and `context.go` of
 * `k8s.io/apiserver`): in the event and in its original, which is otherwise byte for byte as it was. Undefined: just this.
 * A level takes away and never adds.
 *
 * @param rule goes to `whodid.masked` beside each part that was taken out.
 */
export function thinned(
  decoded: DecodedEvent,
  read: RecordText,
  decision: PolicyDecision,
  rule: string,
): DecodedEvent | undefined {
  if (decision.level === 'RequestResponse' && !decision.omitManagedFields) return undefined
  const level = lowerOf(stringIn(read.record, 'level'), decision.level)
  const taken = takenOut(read, decision.level, decision.omitManagedFields)
  const edits = [...taken.flatMap((each) => each.edits), ...levelEdits(read, level)]
  if (edits.length === 0) return undefined
  const original = edited(read.text, edits)
  const paths = new Set(taken.map(({ path }) => path))
  const { masked: _, ...rest } = decoded
  const masked = [
    ...(decoded.masked ?? []).filter(({ path }) => ![REQUEST, RESPONSE].some((each) => isGone(path, each, paths))),
    ...[...paths].slice(0, MOST_PATHS).map((path) => ({ path, rule })),
  ]
  const event = eventOf(decoded.event, { read, level, original, paths })
  return { ...rest, event, ...(masked.length > 0 && { masked }) }
}

/** What was masked before in a body that is not there any more is nothing to speak of. */
function isGone(path: string, body: string, paths: ReadonlySet<string>): boolean {
  return paths.has(body) && (path === body || path.startsWith(`${body}.`))
}

const MOST_PATHS = 64

const REQUEST = 'audit.request'
const RESPONSE = 'audit.response'

/** Google's Cloud Logging does not say at which level its records were made: any may be the highest. */
function lowerOf(recorded: string | undefined, decided: Level): Level {
  const known = LEVELS.find((each) => each === recorded)
  return known !== undefined && LEVELS.indexOf(known) < LEVELS.indexOf(decided) ? known : decided
}

interface Taken {
  /** By the event's names. */
  readonly path: string
  readonly edits: readonly Edit[]
}

function takenOut(read: RecordText, level: Level, omitManagedFields: boolean): readonly Taken[] {
  const { names, members } = read
  const keepsRequest = level === 'Request' || level === 'RequestResponse'
  const keepsResponse = level === 'RequestResponse'
  const bodies = withoutMembers(
    members,
    ({ key }) => (key === names.request && !keepsRequest) || (key === names.response && !keepsResponse),
  )
  const goes = (key: string, path: string, keeps: boolean): readonly Taken[] =>
    !keeps && members.some((each) => each.key === key) ? [{ path, edits: [] }] : []
  const whole = [...goes(names.request, REQUEST, keepsRequest), ...goes(names.response, RESPONSE, keepsResponse)]
  // The API server writes the body of a patch as it came.
  const isPatch = stringIn(read.record, 'verb') === 'patch'
  const managed = [
    ...(omitManagedFields && keepsRequest && !isPatch ? managedFieldsOf(read, names.request, REQUEST) : []),
    ...(omitManagedFields && keepsResponse ? managedFieldsOf(read, names.response, RESPONSE) : []),
  ]
  const [first, ...more] = whole
  return [
    ...(first === undefined ? [] : [{ ...first, edits: bodies }, ...more]),
    ...managed,
    ...(keepsRequest ? [] : patchesOf(read)),
  ]
}

/** What a mutating webhook did to the body stands in annotations that the API server writes from level Request on. */
const PATCH = 'patch.webhook.admission.k8s.io/'

function patchesOf({ text, around, names }: RecordText): readonly Taken[] {
  return around
    .filter(({ key }) => key === names.annotations)
    .flatMap((member) => {
      const inside = membersOf(text, member.start)
      const patches = inside.filter(({ key }) => key.startsWith(PATCH))
      const path = (key: string) => `${names.annotations}.${key}`
      const taken = patches.map(({ key }): Taken => ({ path: path(key), edits: [] }))
      const [first, ...more] = taken
      if (first === undefined) return []
      // An empty list of annotations is not written.
      const edits =
        patches.length === inside.length
          ? withoutMembers(around, (each) => each === member)
          : withoutMembers(inside, ({ key }) => key.startsWith(PATCH))
      return [{ ...first, edits }, ...more]
    })
}

/** Of the object itself, of the items of a list and of the rows of a table. */
function managedFieldsOf({ text, members }: RecordText, key: string, path: string): readonly Taken[] {
  return members
    .filter((member) => member.key === key)
    .flatMap(({ start }) => {
      const body = membersOf(text, start)
      const isTable = valueOf(text, body, 'kind') === 'Table'
      const listed = body.filter((each) => each.key === 'items' || (isTable && each.key === 'rows'))
      const things = listed.flatMap((list) =>
        itemStarts(text, list.start).map((at) => {
          const item = membersOf(text, at)
          if (list.key === 'items') return { inside: item, path: `${path}.items` }
          return { inside: insideOf(text, item, 'object'), path: `${path}.rows.object` }
        }),
      )
      return [{ inside: body, path }, ...things]
    })
    .flatMap((thing): readonly Taken[] => {
      const edits = withoutMembers(insideOf(text, thing.inside, 'metadata'), (each) => each.key === 'managedFields')
      return edits.length === 0 ? [] : [{ path: `${thing.path}.metadata.managedFields`, edits }]
    })
}

function insideOf(text: string, members: readonly Member[], key: string): readonly Member[] {
  return members.filter((member) => member.key === key).flatMap(({ start }) => membersOf(text, start))
}

function valueOf(text: string, members: readonly Member[], key: string): unknown {
  const found = members.findLast((member) => member.key === key)
  return found === undefined ? undefined : JSON.parse(text.slice(found.start, found.end))
}

/** A record of Google's has no level. */
function levelEdits({ text, members }: RecordText, level: Level): readonly Edit[] {
  const said = JSON.stringify(level)
  return members
    .filter(({ key, start, end }) => key === 'level' && text.slice(start, end) !== said)
    .map(({ start, end }) => ({ start, end, replacement: said }))
}

interface Thinning {
  readonly read: RecordText
  readonly level: Level
  readonly original: string
  readonly paths: ReadonlySet<string>
}

function eventOf(event: AuditEvent, { read, level, original, paths }: Thinning): AuditEvent {
  const { request, response, ...audit } = event.audit ?? {}
  const fields: EventFields = { ...event.event, original }
  const kept = {
    ...audit,
    ...(request !== undefined && !paths.has(REQUEST) && { request: cleaned(request, REQUEST, paths) }),
    ...(response !== undefined && !paths.has(RESPONSE) && { response: cleaned(response, RESPONSE, paths) }),
  }
  const bodies = { requestObject: kept.request, responseObject: kept.response }
  // A thing that was being made may have had its name in its bodies only.
  const record = { ...read.record, ...bodies }
  const resource =
    paths.has(REQUEST) || paths.has(RESPONSE) ? { resource: [resourceOf(record, subjectOf(record))] } : {}
  return { ...event, event: fields, audit: { ...kept, ...resource }, ...withLevel(event['kubernetes'], level) }
}

function withLevel(kubernetes: unknown, level: Level): { readonly kubernetes?: JsonObject } {
  const said = isObject(kubernetes) ? kubernetes : {}
  const audit = objectIn(said, 'audit')
  return stringIn(audit, 'level') === undefined ? {} : { kubernetes: { ...said, audit: { ...audit, level } } }
}

function cleaned(body: Json, path: string, paths: ReadonlySet<string>): Json {
  if (!isObject(body)) return body
  const { items, rows } = body
  const own = paths.has(`${path}.metadata.managedFields`) ? withoutManagedFields(body) : body
  return {
    ...(isObject(own) && own),
    ...(Array.isArray(items) &&
      paths.has(`${path}.items.metadata.managedFields`) && { items: items.map(withoutManagedFields) }),
    ...(Array.isArray(rows) &&
      paths.has(`${path}.rows.object.metadata.managedFields`) && { rows: rows.map(withoutThem) }),
  }
}

function withoutThem(row: Json): Json {
  return isObject(row) && row['object'] !== undefined ? { ...row, object: withoutManagedFields(row['object']) } : row
}

function withoutManagedFields(value: Json): Json {
  const metadata = isObject(value) ? objectIn(value, 'metadata') : undefined
  if (!isObject(value) || metadata === undefined) return value
  const { managedFields: _, ...rest } = metadata
  return { ...value, metadata: rest }
}
