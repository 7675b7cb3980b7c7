import { z } from 'zod'
import { AuditError, type InputFault } from '../domain/errors.ts'
import type { Json, JsonObject } from '../domain/event.ts'
import type { Field } from '../domain/fields.ts'
import { declaredField, fieldNames } from '../domain/fields.ts'
import { nearest } from '../domain/nearest.ts'
import { formatTime } from '../domain/time.ts'
import { parseStrict } from '../lib/strict.ts'
import type { Select } from './expressions.ts'
import { cel, jsonPath } from './expressions.ts'

/** A mapping, compiled. */
export interface Plan {
  readonly items?: Select
  readonly id?: Select
  readonly members: readonly Member[]
}

export interface Member {
  /** Of the event. */
  readonly path: string
  /** The path in single names, as long as no member's path lies within another's; else as one name with dots. */
  readonly names: readonly string[]
  /** Undefined where the record says nothing of it. Throws AuditError `bad_request` where it cannot be that field. */
  value(record: JsonObject): Json | undefined
}

type Rule = string | RuleObject
interface RuleObject {
  readonly path?: string
  readonly cel?: string
  readonly value?: Json
  readonly words?: Readonly<Record<string, string>>
  readonly time?: TimeUnit
  readonly each?: string
  readonly members?: Readonly<Record<string, Rule>>
}
type TimeUnit = 'seconds' | 'milliseconds' | 'microseconds' | 'nanoseconds'

const UNITS: Readonly<Record<TimeUnit, number>> = {
  seconds: 1_000_000,
  milliseconds: 1000,
  microseconds: 1,
  nanoseconds: 0.001,
}

const scalar = z.union([z.string(), z.number(), z.boolean()])
const ruleObject: z.ZodType<RuleObject> = z.strictObject({
  path: z.string().exactOptional(),
  cel: z.string().min(1).max(4000).exactOptional(),
  value: z.union([scalar, z.array(scalar)]).exactOptional(),
  words: z.record(z.string(), z.string()).exactOptional(),
  time: z.enum(['seconds', 'milliseconds', 'microseconds', 'nanoseconds']).exactOptional(),
  each: z.string().exactOptional(),
  get members() {
    return z.record(z.string(), z.union([z.string(), ruleObject])).exactOptional()
  },
})
const options = z.strictObject({
  map: z.record(z.string(), z.union([z.string(), ruleObject])),
  id: z.union([z.string(), z.array(z.string()).min(1)]).exactOptional(),
  items: z.string().exactOptional(),
})

/**
 * Reads and compiles `options:` of the format `json`, strictly: every field is a declared one, every path and expression
 * is compiled.
 *
 * @throws AuditError `invalid_config` that names the key and the nearest right name.
 */
export function planOf(given: unknown): Plan {
  const { map, id, items } = parseStrict(options, given, 'options of json')
  if (!Object.hasOwn(map, 'event.action')) {
    throw wrong('map', 'event.action is not mapped: say what was done, or { value: … } for always the same')
  }
  const ids = id === undefined ? [] : [id].flat().map((path) => jsonPath(path, 'id'))
  const paths = Object.keys(map)
  const isApart = paths.every((path) => !paths.some((other) => other.startsWith(`${path}.`)))
  return {
    ...(items !== undefined && { items: jsonPath(items, 'items') }),
    ...(ids.length > 0 && { id: (record: JsonObject) => ids.flatMap((select) => select(record)) }),
    members: Object.entries(map).map(([path, rule]) => ({
      ...memberOf(path, rule, `map.${path}`),
      names: isApart ? path.split('.') : [path],
    })),
  }
}

const OURS = /^(?:whodid|event\.(?:id|ingested|original))(?:\.|$)/

function memberOf(path: string, rule: Rule, where: string): Omit<Member, 'names'> {
  if (OURS.test(path)) throw wrong(where, `${path} is set by whodid alone${path === 'event.id' ? ': use id' : ''}`)
  const field = declaredField(path)
  if (field === undefined || field.aliases.includes(path)) {
    const meant = field?.path ?? nearest(path, fieldNames())
    throw wrong(where, `there is no field ${path}${meant === undefined ? '' : `; did you mean ${meant}?`}`)
  }
  if (typeof rule === 'object' && rule.each !== undefined) return { path, value: listOf(path, rule, where) }
  return { path, value: single(field, rule, where) }
}

/** `audit.resource: { each: $.targets[*], members: { type: $.kind, name: $.id } }`: a list of objects. */
function listOf(path: string, rule: RuleObject, where: string): Member['value'] {
  const { each = '', members = {} } = rule
  refuseOthers(rule, ['each', 'members'], where)
  const select = jsonPath(each, `${where}.each`)
  const below = Object.entries(members).map(([name, inner]) => {
    const field = declaredField(`${path}.${name}`)
    if (field === undefined) throw wrong(`${where}.members.${name}`, `there is no field ${path}.${name}`)
    return { name, value: single(field, inner, `${where}.members.${name}`) }
  })
  if (below.length === 0) throw wrong(where, 'each needs members: which part of an item is which field')
  return (record) => {
    const items = select(record).flatMap((item): JsonObject[] => {
      // An item that is no object is one with it as `value`.
      const object = typeof item === 'object' && item !== null && !Array.isArray(item) ? item : { value: item }
      // Neither a list nor null: Array.isArray does not narrow a readonly array away.
      const own = object as JsonObject
      const entries = below
        .map(({ name, value }) => [name, value(own)] as const)
        .filter(([, inner]) => inner !== undefined)
      return entries.length === 0 ? [] : [Object.fromEntries(entries)]
    })
    return items.length === 0 ? undefined : items
  }
}

function single(field: Field, rule: Rule, where: string): Member['value'] {
  const given = typeof rule === 'string' ? { path: rule } : rule
  refuseOthers(given, ['path', 'cel', 'value', 'words', 'time'], where)
  const ways = [given.path, given.cel, given.value].filter((way) => way !== undefined).length
  if (ways !== 1) throw wrong(where, 'say one of path, cel and value')
  if (given.value !== undefined) {
    const constant = given.value
    return () => constant
  }
  if (given.path !== undefined && !given.path.startsWith('$')) {
    throw wrong(where, `${given.path} is no JSONPath, which begins with $; for a constant write { value: … }`)
  }
  const select = given.path === undefined ? cel(given.cel ?? '', where) : jsonPath(given.path, where)
  const words = given.words === undefined ? undefined : new Map(Object.entries(given.words))
  const unit = given.time
  const convert = (value: Json): Json => converted(words === undefined ? value : worded(words, value), field, unit)
  return (record) => {
    const found = select(record).filter((value) => value !== null)
    if (found.length === 0) return undefined
    if (field.array === true) return found.flat().map(convert)
    const [first = null] = found
    return field.open === true || field.path === 'labels' ? first : convert(first)
  }
}

/** `words` translates; `*` is for all others, which without it stay what they are. */
function worded(words: ReadonlyMap<string, string>, value: Json): Json {
  const word = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return words.get(word) ?? words.get('*') ?? value
}

/** JSON's types are few: a number may stand for a text, and a number of seconds for a time. */
function converted(value: Json, field: Field, unit: TimeUnit | undefined): Json {
  if (unit !== undefined) return timeIn(value, unit)
  if (
    (field.type === 'keyword' || field.type === 'text') &&
    (typeof value === 'number' || typeof value === 'boolean')
  ) {
    return String(value)
  }
  if (field.type === 'long' && typeof value === 'string' && /^-?\d{1,15}$/.test(value)) return Number(value)
  return value
}

const LAST_MICROS = 253_402_300_799_000_000

function timeIn(value: Json, unit: TimeUnit): Json {
  const micros = Math.floor(Number(value) * UNITS[unit])
  if ((typeof value === 'number' || typeof value === 'string') && value !== '' && Math.abs(micros) <= LAST_MICROS) {
    return formatTime(micros)
  }
  throw new AuditError('bad_request', `the value is no number of ${unit} since 1970`)
}

function refuseOthers(rule: RuleObject, known: readonly string[], where: string): void {
  const other = Object.keys(rule).find((key) => !known.includes(key))
  if (other !== undefined) throw wrong(`${where}.${other}`, `${other} does not go with ${known[0]} here`)
}

function wrong(where: string, message: string): AuditError {
  const fault: InputFault = { path: where, message }
  return new AuditError('invalid_config', `${where}: ${message}`, { faults: [fault] })
}
