/** A field of an event with one value: a list gives a line for each member. */
export interface FieldLine {
  readonly path: string
  readonly text: string
  readonly kind: 'string' | 'number' | 'boolean' | 'null' | 'empty'
}

const MAX_LINES = 20_000
const MAX_DEPTH = 64

/** All fields of an event with their paths, in the event's own order. `event.original` is left out: it has its own tab. */
export function flatten(event: object): readonly FieldLine[] {
  const lines: FieldLine[] = []
  // A stack of our own: a record may be nested deeper than calls can go.
  const waiting: { path: string; value: unknown; depth: number }[] = [{ path: '', value: event, depth: 0 }]
  while (waiting.length > 0 && lines.length < MAX_LINES) {
    const { path, value, depth } = waiting.pop() ?? { path: '', value: null, depth: 0 }
    if (path === 'event.original') continue
    if (typeof value === 'object' && value !== null) {
      const entries: readonly (readonly [string, unknown])[] = Array.isArray(value)
        ? value.map((each): readonly [string, unknown] => [path, each])
        : Object.entries(value).map(([name, each]) => [path === '' ? name : `${path}.${name}`, each])
      if (entries.length === 0) lines.push({ path, text: Array.isArray(value) ? '[]' : '{}', kind: 'empty' })
      else if (depth >= MAX_DEPTH) lines.push({ path, text: JSON.stringify(value), kind: 'string' })
      else for (const [name, each] of entries.toReversed()) waiting.push({ path: name, value: each, depth: depth + 1 })
      continue
    }
    if (value !== undefined)
      lines.push({ path, text: typeof value === 'string' ? value : JSON.stringify(value), kind: kindOf(value) })
  }
  return lines
}

function kindOf(value: unknown): FieldLine['kind'] {
  if (value === null) return 'null'
  if (typeof value === 'number') return 'number'
  return typeof value === 'boolean' ? 'boolean' : 'string'
}
