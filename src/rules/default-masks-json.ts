import { Buffer } from 'node:buffer'
import { unescapedJson } from '../formats/json-unescape.ts'
import { walkJson } from '../lib/json-walk.ts'
import { isSecretValue, plainName, ruleOfKey } from './default-masks-keys.ts'
import { type DefaultMask, isNoSecret, maskOf } from './default-masks-names.ts'
import { mayHoldSecrets, secretsInText } from './secret-scanner.ts'

/** A secret in a JSON text. */
export interface SecretPlace {
  readonly start: number
  readonly end: number
  /** What goes there instead, as it must stand in that text. */
  readonly replacement: string
  /** Keys down to it, with dots; items of lists have none. */
  readonly path: string
  readonly rule: DefaultMask
  /** The secret itself. */
  readonly secret: string
}

export interface Looking {
  readonly isOff: (rule: DefaultMask) => boolean
  /** What turned out to be secret elsewhere in the record, and must not stand anywhere else. */
  readonly copies: (
    text: string,
    path: string,
  ) => readonly { readonly start: number; readonly end: number; readonly rule: DefaultMask }[]
}

/**
 * Where the secrets of a JSON text are: under names that say so, beside such a name (`{name, value}`, `{path, old, new}`),
 * in texts, and in JSON in texts, four deep. One pass without recursion over its nesting. Text that is no JSON gives places
 * at worst, never an error.
 */
export function secretsInJson(text: string, looking: Looking, depth = 0, outer: Outer = NONE): readonly SecretPlace[] {
  const found: SecretPlace[] = []
  const stack: Frame[] = []
  let frame = createFrame(undefined, false, outer)

  function scalar(start: number, end: number): void {
    const raw = text.slice(start, end)
    const value = raw.startsWith('"') ? textOf(raw) : undefined
    const place = placeOf(frame, start, end, value ?? raw)
    if (value !== undefined) noteWords(frame, value)
    const rule = ruleAt(frame, value ?? raw, value !== undefined)
    if (rule !== undefined && !looking.isOff(rule)) found.push(masked(place, rule, value !== undefined))
    else {
      const inside = value === undefined ? [] : secretsInside(raw, value, place, looking, depth, frame)
      append(found, inside)
      // What was found inside is masked already; only what is whole can become secret by what stands beside it.
      if (inside.length === 0) suspend(frame, place, value !== undefined)
    }
    if (!frame.isObject) frame.before = value
  }

  walkJson(text, {
    key(start, end) {
      frame.key = textOf(text.slice(start, end))
    },
    scalar,
    open(isObject) {
      stack.push(frame)
      frame = createFrame(frame, isObject)
    },
    close() {
      const around = stack.pop() ?? frame
      settle(frame, around, found, looking, stack.length)
      frame = around
    },
  })
  return found
}

/** What is around a JSON text in a text. */
interface Outer {
  readonly path: string
}

const NONE: Outer = { path: '' }

interface Waiting {
  readonly place: Omit<SecretPlace, 'replacement' | 'rule'>
  readonly isText: boolean
}

interface Frame {
  readonly isObject: boolean
  readonly path: string
  /** Of the key that this is the value of: for its items, and for the values of what is in it. */
  readonly rule: DefaultMask | undefined
  /** Name of the key that `rule` is from. */
  readonly ruleKey: string
  readonly isInsideValue: boolean
  readonly isInsideData: boolean
  key: string
  /** What the name beside a value says. */
  named: DefaultMask | undefined
  namedBy: string
  isSecret: boolean
  /** Of a list. */
  before: string | undefined
  first: string | undefined
  /** Secret, if the name beside them says so. */
  values: Waiting[]
  /** Secret, if the object turns out to be a Secret. */
  data: Waiting[]
}

const DEEPEST_STRING = 4
const DEEPEST_FRAME = 64
const LONGEST_PATH = 120
const LONGEST_NAME = 256

const NAMES = new Set([
  'name',
  'key',
  'header',
  'path',
  'field',
  'parameter',
  'param',
  'attribute',
  'property',
  'option',
  'k',
])
const VALUES = new Set([
  'value',
  'values',
  'stringvalue',
  'old',
  'new',
  'before',
  'after',
  'oldvalue',
  'newvalue',
  'raw',
  'v',
])

function createFrame(around: Frame | undefined, isObject: boolean, outer: Outer = NONE): Frame {
  const key = around?.isObject === true ? around.key : ''
  const own = key === '' ? undefined : ruleOfKey(key)
  const isList = around !== undefined && !around.isObject
  return {
    isObject,
    path: around === undefined ? outer.path : pathOf(around),
    rule: own ?? (isList || VALUES.has(key.toLowerCase()) ? around?.rule : undefined),
    ruleKey: own === undefined ? (around?.ruleKey ?? '') : key,
    isInsideValue: around !== undefined && (around.isInsideValue || (around.isObject && VALUES.has(key.toLowerCase()))),
    isInsideData: around !== undefined && (around.isInsideData || (around.isObject && DATA.has(key.toLowerCase()))),
    key: '',
    named: undefined,
    namedBy: '',
    isSecret: false,
    before: undefined,
    first: undefined,
    values: [],
    data: [],
  }
}

const DATA = new Set(['data', 'stringdata'])

function pathOf({ isObject, key, path }: Frame): string {
  if (!isObject || path.length + key.length > LONGEST_PATH) return path
  return path === '' ? key : `${path}.${key}`
}

function placeOf(frame: Frame, start: number, end: number, secret: string): Waiting['place'] {
  return { start, end, path: pathOf(frame), secret }
}

/** What an object says of itself, and a list of the words of a command. */
function noteWords(frame: Frame, value: string): void {
  if (!frame.isObject) {
    frame.first ??= value
    return
  }
  const key = frame.key.toLowerCase()
  if (key === 'kind' && (value === 'Secret' || value === 'SecretList')) frame.isSecret = true
  if (key === '@type' && /[./]Secret(?:List)?$/.test(value)) frame.isSecret = true
  if (!NAMES.has(key) || value.length > LONGEST_NAME) return
  const last = value.slice(Math.max(value.lastIndexOf('/'), value.lastIndexOf('.')) + 1)
  const rule = ruleOfKey(last) ?? ruleOfKey(value)
  if (rule === undefined) return
  frame.named = rule
  frame.namedBy = last
}

/** The rule under which a scalar is a secret as a whole. */
function ruleAt(frame: Frame, value: string, isText: boolean): DefaultMask | undefined {
  if (!isText && !/^-?\d/.test(value)) return undefined
  if (frame.isObject) {
    const own = ruleOfKey(frame.key)
    if (own !== undefined) return isSecretOf(own, frame.key, value, isText) ? own : undefined
    if (frame.rule === undefined || !VALUES.has(frame.key.toLowerCase())) return undefined
    return isSecretOf(frame.rule, frame.ruleKey, value, isText) ? frame.rule : undefined
  }
  const rule = frame.rule ?? ruleOfItem(frame, value)
  return rule !== undefined && isSecretOf(rule, frame.ruleKey, value, isText) ? rule : undefined
}

/** Numbers are secret only where people type them. */
function isSecretOf(rule: DefaultMask, key: string, value: string, isText: boolean): boolean {
  // What stands in it is looked at; only what cannot be read is masked as a whole.
  if (rule === 'secret/last-applied-configuration') return !/^\s*[{[]/.test(value)
  if (!isText) return rule === 'secret/password' || rule === 'secret/secret'
  return isSecretValue(rule, key, value)
}

/** Lists of headers and of a command's words: `["Authorization", "Bearer …"]`, `["--password", "…"]`. */
function ruleOfItem({ before, first }: Frame, value: string): DefaultMask | undefined {
  if (before === undefined || before.length > LONGEST_NAME) return undefined
  const rule = ruleOfKey(before)
  if (rule === undefined)
    return before === '-p' && /(?:^|\/)sshpass$/.test(first ?? '') ? 'secret/command-line' : undefined
  if (before.startsWith('-')) return value.startsWith('-') ? undefined : rule
  return rule === 'secret/authorization' || rule === 'secret/cookie' ? rule : undefined
}

function masked(place: Waiting['place'], rule: DefaultMask, isText: boolean): SecretPlace {
  const { start, end } = place
  return isText
    ? { ...place, start: start + 1, end: end - 1, replacement: maskOf(rule), rule }
    : { ...place, start, end, replacement: `"${maskOf(rule)}"`, rule }
}

/** What may become secret by what stands beside it or around it. */
function suspend(frame: Frame, place: Waiting['place'], isText: boolean): void {
  const key = frame.key.toLowerCase()
  if (frame.isInsideValue || (frame.isObject && VALUES.has(key))) frame.values.push({ place, isText })
  if (frame.isInsideData || (frame.isObject && DATA.has(key))) frame.data.push({ place, isText })
}

/** Every waiting place moves out by one object at a time, and not without end. */
function settle(frame: Frame, around: Frame, found: SecretPlace[], looking: Looking, depth: number): void {
  const { named, namedBy, values, data } = frame
  if (named !== undefined && !looking.isOff(named)) {
    for (const { place, isText } of values)
      if ((isText || /^-?\d/.test(place.secret)) && isSecretOf(named, namedBy, place.secret, isText))
        found.push(masked(place, named, isText))
  } else if (frame.isInsideValue && depth < DEEPEST_FRAME) move(values, around.values)
  if (frame.isSecret && !looking.isOff('secret/kubernetes-secret')) {
    for (const { place, isText } of data)
      if (!isNoSecret(place.secret)) found.push(masked(place, 'secret/kubernetes-secret', isText))
  } else if (depth < DEEPEST_FRAME) move(data, around.data)
}

function move(from: Waiting[], to: Waiting[]): void {
  for (const each of from) to.push(each)
}

function append(found: SecretPlace[], places: readonly SecretPlace[]): void {
  for (const place of places) found.push(place)
}

function secretsInside(
  raw: string,
  value: string,
  place: Waiting['place'],
  looking: Looking,
  depth: number,
  frame: Frame,
): readonly SecretPlace[] {
  const copies = looking.copies(value, place.path)
  const command = ofCommand(frame, value)
  if (copies.length + command.length === 0 && !mayHoldSecrets(value) && !isBase64Of(frame, value)) return []
  if (depth < DEEPEST_STRING && isJson(value)) {
    const { offsets } = unescapedJson(raw.slice(1, -1))
    return secretsInJson(value, looking, depth + 1, { path: place.path }).map((each) => ({
      ...each,
      start: place.start + 1 + (offsets[each.start] ?? 0),
      end: place.start + 1 + (offsets[each.end] ?? 0),
      replacement: JSON.stringify(each.replacement).slice(1, -1),
    }))
  }
  const encoded = isBase64Of(frame, value) ? ruleInBase64(value, looking) : undefined
  if (encoded !== undefined) return [masked(place, encoded, true)]
  const hits = [...secretsInText(value, looking.isOff), ...copies, ...command]
  if (hits.length === 0 || isNamedKey(frame, hits, value)) return []
  const { offsets } = unescapedJson(raw.slice(1, -1))
  return hits
    .filter(({ rule }) => !looking.isOff(rule))
    .map(({ start, end, rule }) => ({
      ...place,
      start: place.start + 1 + (offsets[start] ?? 0),
      end: place.start + 1 + (offsets[end] ?? 0),
      replacement: maskOf(rule),
      rule,
      secret: value.slice(start, end),
    }))
}

function isJson(value: string): boolean {
  if (!/^\s*[{[]/.test(value)) return false
  try {
    JSON.parse(value)
    return true
  } catch {
    return false
  }
}

/** CloudEvents (section 3.1.1 of its JSON format) puts contents that are no JSON there. */
function isBase64Of(frame: Frame, value: string): boolean {
  return frame.isObject && value.length >= 8 && /^(?:data_base64|bytesvalue)$/i.test(frame.key)
}

function ruleInBase64(value: string, looking: Looking): DefaultMask | undefined {
  const text = Buffer.from(value, 'base64').toString('latin1')
  if (looking.copies(text, '').length > 0) return looking.copies(text, '')[0]?.rule
  const places = isJson(text) ? secretsInJson(text, looking, DEEPEST_STRING) : secretsInText(text, looking.isOff)
  return places[0]?.rule
}

/** `["mysql", "-psecret"]` */
function ofCommand(
  { isObject, first }: Frame,
  value: string,
): readonly { start: number; end: number; rule: DefaultMask }[] {
  const isMysql = !isObject && /(?:^|\/)(?:mysql|mariadb)[\w-]{0,20}$/.test(first ?? '')
  if (!isMysql || !/^-p./.test(value)) return []
  return [{ start: 2, end: value.length, rule: 'secret/command-line' }]
}

/** The id of a key under a name that says that it is one: who acted, not with what. */
function isNamedKey(
  { isObject, key }: Frame,
  hits: readonly { start: number; end: number; rule: string }[],
  value: string,
) {
  const [hit] = hits
  if (!isObject || hits.length !== 1 || hit?.rule !== 'secret/aws-key') return false
  return hit.end - hit.start === value.length && /(?:keyid|credentialid)$/.test(plainName(key))
}

function textOf(raw: string): string {
  const inner = raw.slice(1, -1)
  return inner.includes('\\') ? unescapedJson(inner).text : inner
}
