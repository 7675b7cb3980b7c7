import { walkJson } from '../lib/json-walk.ts'
import { unescapedJson } from './json-unescape.ts'

/** `data`: values of a Secret. `token`: what signs somebody in. */
export type SecretKind = 'data' | 'token'

/** A piece of a text and what stands there instead, both as they are in the text. */
export interface Place {
  readonly start: number
  readonly end: number
  readonly path: string
  readonly replacement: string
}

/**
 * Where the secret values of a JSON text are. One pass without recursion over its nesting, at most four strings deep into
 * JSON inside of JSON; text that is no JSON gives places at worst, never an error.
 *
 * @param always What is secret wherever it stands. Without it an object says so by its `kind` (or Google's `@type`),
 * which may come behind its values.
 */
export function secretPlaces(text: string, always: ReadonlySet<SecretKind>, depth = 0): readonly Place[] {
  const found: Place[] = []
  /** Values that are secret if the object around them turns out to be one. */
  const pending: Record<Class, Place[]> = { data: [], token: [], value: [] }
  const stack: Frame[] = []
  let frame = createFrame(undefined, pending, depth)

  function scalar(start: number, end: number): void {
    const raw = text.slice(start, end)
    const key = frame.key.toLowerCase()
    const isText = raw.startsWith('"')
    if (isText) noteWords(frame, key, raw)
    if (isText && depth === 0 && stack.length === 1 && key === 'requesturi')
      append(found, tokensOfUri(text, start, end))
    if (raw === 'null') return
    const classes = classesAt(frame, key)
    const mayHoldMore = isText && raw.length >= SHORTEST
    if (classes.length === 0 && !mayHoldMore) return
    const place = { start, end, path: frame.secretPath ?? pathOf(frame, depth), replacement: MASKED }
    for (const each of classes) (each !== 'value' && always.has(each) ? found : pending[each]).push(place)
    if (!mayHoldMore) return
    if (always.size > 0 && raw.includes('error found in #')) found.push(place)
    else append(found, placesInside(raw, place, always, depth))
  }

  walkJson(text, {
    key(start, end) {
      frame.key = plainText(text.slice(start, end))
      frame.isNamed = true
    },
    scalar,
    open(isObject) {
      stack.push(frame)
      frame = createFrame(frame, pending, depth, isObject)
    },
    close() {
      settle(frame, pending, found, always)
      frame = stack.pop() ?? frame
    },
  })
  return found
}

/** `value` is what a JSON patch sets: secret when its path is. */
type Class = SecretKind | 'value'

interface Frame {
  readonly isObject: boolean
  /** The event's name of what this is. */
  readonly base: string
  /** What the values inside of this are part of. */
  readonly inside: readonly Class[]
  /** Where the outermost of these begins: one name for all that is masked in it. */
  readonly secretPath: string | undefined
  /** How many were pending when it began. */
  readonly begun: Readonly<Record<Class, number>>
  /** Its first key was read. */
  isNamed: boolean
  key: string
  is: SecretKind | undefined
  setsSecret: boolean
}

const MASKED = '"[masked]"'
/** Of a JSON text in quotes that can hold anything. */
const SHORTEST = 12
const DEEPEST_STRING = 4
const LONGEST_PATH = 120

function createFrame(
  around: Frame | undefined,
  pending: Readonly<Record<Class, readonly Place[]>>,
  depth: number,
  isObject = false,
): Frame {
  const begun = { data: pending.data.length, token: pending.token.length, value: pending.value.length }
  const base = around === undefined ? '' : pathOf(around, depth)
  const inside = around === undefined ? [] : classesAt(around, around.key.toLowerCase())
  const secretPath = around?.secretPath ?? (inside.length > 0 ? base : undefined)
  return {
    isObject,
    base,
    inside,
    secretPath,
    begun,
    isNamed: false,
    key: '',
    is: undefined,
    setsSecret: false,
  }
}

function classesAt(frame: Frame, key: string): readonly Class[] {
  const own = frame.isObject ? CLASS_OF_KEY.get(key) : undefined
  if (own === undefined || frame.inside.includes(own)) return frame.inside
  return [...frame.inside, own]
}

const CLASS_OF_KEY: ReadonlyMap<string, Class> = new Map([
  ['data', 'data'],
  ['stringdata', 'data'],
  ['token', 'token'],
  ['value', 'value'],
])

/** What an object says of itself. */
function noteWords(frame: Frame, key: string, raw: string): void {
  if (!frame.isObject) return
  if (key === 'kind' || key === '@type') frame.is = KINDS.get(plainText(raw).replace(/^.{0,200}[./]/, '')) ?? frame.is
  if (key === 'path') frame.setsSecret = /^\/(?:data|stringdata)(?:\/|$)/i.test(plainText(raw))
}

const KINDS: ReadonlyMap<string, SecretKind> = new Map([
  ['Secret', 'data'],
  ['SecretList', 'data'],
  ['TokenReview', 'token'],
  ['TokenRequest', 'token'],
])

/** Every pending place is moved once, so nested objects cost no more than flat ones. */
function settle(
  frame: Frame,
  pending: Readonly<Record<Class, Place[]>>,
  found: Place[],
  always: ReadonlySet<SecretKind>,
): void {
  if (!frame.isObject) return
  if (frame.is !== undefined) append(found, pending[frame.is].splice(frame.begun[frame.is]))
  // The outermost object with a value is the operation of a patch; what lies in the value waits for its path.
  if (frame.inside.includes('value')) return
  const values = pending.value.splice(frame.begun.value)
  if (frame.setsSecret && always.has('data')) append(found, values)
}

/** Not `push(...places)`: so many arguments no call takes. */
function append(found: Place[], places: readonly Place[]): void {
  for (const place of places) found.push(place)
}

/** JSON inside of a string, as `kubectl.kubernetes.io/last-applied-configuration` has it. */
function placesInside(raw: string, whole: Place, always: ReadonlySet<SecretKind>, depth: number): readonly Place[] {
  if (!/[{]|\\u007b/i.test(raw) || (always.size === 0 && !/Secret|TokenRe|\\u00/.test(raw))) return []
  if (depth === DEEPEST_STRING) return [whole]
  const { text, offsets } = unescapedJson(raw.slice(1, -1))
  return secretPlaces(text, always, depth + 1).map((place) => ({
    start: whole.start + 1 + (offsets[place.start] ?? 0),
    end: whole.start + 1 + (offsets[place.end] ?? 0),
    path: place.path === '' ? whole.path : `${whole.path}.${place.path}`.slice(0, LONGEST_PATH),
    replacement: JSON.stringify(place.replacement).slice(1, -1),
  }))
}

/** Parameters whose name ends in `token`: programs behind the API server's proxy are signed in to so. */
function tokensOfUri(text: string, start: number, end: number): readonly Place[] {
  const { text: uri, offsets } = unescapedJson(text.slice(start + 1, end - 1))
  const places: Place[] = []
  for (let at = uri.indexOf('?') + 1; at > 0 && at < uri.length;) {
    const ampersand = uri.indexOf('&', at)
    const stop = ampersand < 0 ? uri.length : ampersand
    const equals = uri.indexOf('=', at)
    if (equals > 0 && equals + 1 < stop && /token$/i.test(uri.slice(at, equals))) {
      const [from = 0, to = 0] = [offsets[equals + 1], offsets[stop]]
      places.push({ start: start + 1 + from, end: start + 1 + to, path: 'url.query', replacement: '[masked]' })
    }
    at = stop + 1
  }
  return places
}

/** The names that the event has for parts of a record. */
const EVENT_NAMES: ReadonlyMap<string, string> = new Map([
  ['requestObject', 'audit.request'],
  ['responseObject', 'audit.response'],
  ['protoPayload.request', 'audit.request'],
  ['protoPayload.response', 'audit.response'],
])

/** The event's name of the value that comes next; an object's own name before its first key, and of items of a list. */
function pathOf({ base, key, isObject, isNamed }: Frame, depth: number): string {
  if (!isObject || !isNamed) return base
  if (base.length + key.length > LONGEST_PATH) return base
  const path = base === '' ? key : `${base}.${key}`
  return depth > 0 ? path : (EVENT_NAMES.get(path) ?? path)
}

function plainText(raw: string): string {
  const inner = raw.slice(1, -1)
  return inner.includes('\\') ? unescapedJson(inner).text : inner
}
