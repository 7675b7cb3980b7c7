import { Buffer } from 'node:buffer'
import { DEFAULT_MASKS, type DefaultMask, type Hit, maskOf } from './default-masks-names.ts'

/** Where secrets of a record stand a second time, without the name that told that they are some. */
export interface Copies {
  /** @param path Of the event. Left out: of an original. */
  in(text: string, path?: string): readonly Hit[]
}

const SHORTEST = 6
const MOST = 32
const LONGEST = 4096

/**
 * Looks for secrets again: as they are, as JSON in text has them, and as URLs do. Not in the parts of an event that say who
 * did what to what: somebody who takes their own name for a password must not vanish from the log by it.
 *
 * @returns Undefined where none of them is long enough to be told from a word.
 */
export function copiesOf(
  places: readonly { readonly secret: string; readonly rule: DefaultMask }[],
): Copies | undefined {
  const forms = new Map<string, DefaultMask>()
  for (const { secret, rule } of places) {
    if (secret.length < SHORTEST || secret.length > LONGEST || MASKS.some((mask) => mask.includes(secret))) continue
    for (const form of formsOf(secret)) if (!forms.has(form)) forms.set(form, rule)
    if (forms.size >= MOST) break
  }
  if (forms.size === 0) return undefined
  const all = [...forms]
  return {
    in(text, path = '') {
      if (text.length < SHORTEST || TELLING.some((each) => path === each || path.startsWith(`${each}.`))) return []
      return all.flatMap(([form, rule]) => occurrences(text, form, rule))
    },
  }
}

/** Whoever takes `secret` or `password` for a password has words of masks for one. */
const MASKS = DEFAULT_MASKS.map(maskOf)

const TELLING = [
  '@timestamp',
  'user',
  'source',
  'client',
  'host',
  'orchestrator',
  'service',
  'ecs',
  'tags',
  'event.action',
  'event.category',
  'event.type',
  'event.outcome',
  'event.dataset',
  'event.module',
  'event.provider',
  'event.kind',
  'event.code',
  'audit.resource',
  'audit.authz',
  'audit.authn',
  'audit.delegation',
  'whodid',
]

function formsOf(secret: string): readonly string[] {
  const escaped = JSON.stringify(secret).slice(1, -1)
  const twice = JSON.stringify(escaped).slice(1, -1)
  // Latin-1 is how an original that is no text is looked through.
  const bytes = Buffer.from(secret).toString('latin1')
  return [...new Set([secret, escaped, twice, encoded(secret), bytes])]
}

/** A half of a surrogate pair cannot be written in a URL. */
function encoded(secret: string): string {
  return secret.isWellFormed() ? encodeURIComponent(secret) : secret
}

function occurrences(text: string, form: string, rule: DefaultMask): readonly Hit[] {
  const hits: Hit[] = []
  for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + form.length))
    hits.push({ start: at, end: at + form.length, rule })
  return hits
}
