import { Buffer } from 'node:buffer'
import type { AuditEvent } from '../domain/event.ts'
import type { DecodedEvent } from '../formats/format.ts'
import { edited } from '../lib/edited-text.ts'
import { type Copies, copiesOf } from './default-masks-copies.ts'
import { type Looking, type SecretPlace, secretsInJson } from './default-masks-json.ts'
import { type DefaultMask, type Hit, maskOf } from './default-masks-names.ts'
import type { Family } from './family.ts'
import type { RuleSet } from './rule-set.ts'
import { outermost } from './secret-scanner-triggers.ts'
import { mayHoldSecrets, secretsInText } from './secret-scanner.ts'

/**
 * Takes secrets out of every event but those of our own trail, and out of its original (docs/rules/default-masks.md). All
 * else of the original stays byte for byte. What was secret under its name may stand nowhere else either: copies of it go
 * too. An event without secrets costs one pass over its text.
 */
export function compileDefaultMasks({ defaultMasksOff }: Pick<RuleSet, 'defaultMasksOff'>): Family {
  const off: ReadonlySet<string> = new Set(defaultMasksOff)
  const isOff = (rule: DefaultMask): boolean => off.has(rule)
  return {
    judge(decoded, _scope, _id, noted) {
      if (decoded.event.event.dataset?.startsWith('whodid.') === true) return undefined
      const parts = partsOf(decoded)
      if (!parts.some(({ text }) => mayHoldSecrets(text))) return undefined
      const masked = withoutSecrets(parts, isOff)
      if (masked.length === 0) return undefined
      for (const rule of new Set(masked.map((each) => each.rule))) noted(rule, 'change')
      return { kind: 'keep', decoded: { ...together(decoded, parts), masked: listed(decoded, masked) } }
    },
  }
}

/** A text of an event, as it is now. */
interface Part {
  readonly kind: 'event' | 'original' | 'base64'
  text: string
}

const ORIGINAL = 'event.original'
const BASE64 = 'whodid.original_base64'
const MOST_LISTED = 64

/** The event without its original as JSON, the original, and its bytes where they are no text. */
function partsOf({ event, originalBase64 }: DecodedEvent): readonly Part[] {
  const { original } = event.event
  const bare = original === undefined ? event : { ...event, event: { ...event.event, original: undefined } }
  const parts: Part[] = [{ kind: 'event', text: JSON.stringify(bare) }]
  if (original !== undefined) parts.push({ kind: 'original', text: original })
  if (originalBase64 !== undefined)
    parts.push({ kind: 'base64', text: Buffer.from(originalBase64, 'base64').toString('latin1') })
  return parts
}

interface Masked {
  readonly path: string
  readonly rule: DefaultMask
}

/** Twice where something was found: what one part calls a secret may stand in another without its name. */
function withoutSecrets(parts: readonly Part[], isOff: Looking['isOff']): readonly Masked[] {
  const places = parts.flatMap((part) => maskPart(part, { isOff, copies: () => [] }))
  if (places.length === 0) return places
  const copies = copiesOf(places)
  if (copies === undefined) return places
  return [...places, ...parts.flatMap((part) => maskPart(part, { isOff, copies: copiesFor(part, copies) }))]
}

function copiesFor(part: Part, copies: Copies): Looking['copies'] {
  if (part.kind === 'event') return (text, path) => copies.in(text, path)
  return (text) => copies.in(text)
}

function maskPart(part: Part, looking: Looking): readonly (Masked & { readonly secret: string })[] {
  const places =
    part.kind === 'event' || isJson(part.text) ? secretsInJson(part.text, looking) : hitsIn(part.text, looking)
  if (places.length === 0) return []
  part.text = edited(part.text, outermost(places))
  if (part.kind === 'event') return places
  return places.map(({ rule, secret }) => ({ path: part.kind === 'original' ? ORIGINAL : BASE64, rule, secret }))
}

function hitsIn(text: string, looking: Looking): readonly SecretPlace[] {
  const hits: readonly Hit[] = [...secretsInText(text, looking.isOff), ...looking.copies(text, ORIGINAL)]
  return hits.map(({ start, end, rule }) => {
    return { start, end, rule, replacement: maskOf(rule), path: ORIGINAL, secret: text.slice(start, end) }
  })
}

function isJson(text: string): boolean {
  if (!/^\s*[{["]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function together(decoded: DecodedEvent, parts: readonly Part[]): DecodedEvent {
  const textOf = (kind: Part['kind']): string | undefined => parts.find((part) => part.kind === kind)?.text
  const original = textOf('original')
  const bytes = textOf('base64')
  // It was an event before, and only texts and numbers in it are others now.
  const event = JSON.parse(textOf('event') ?? '{}') as AuditEvent
  return {
    ...decoded,
    event: original === undefined ? event : { ...event, event: { ...event.event, original } },
    ...(bytes !== undefined && { originalBase64: Buffer.from(bytes, 'latin1').toString('base64') }),
  }
}

/** Beside what its format masked; each once. */
function listed({ masked = [] }: DecodedEvent, found: readonly Masked[]): DecodedEvent['masked'] & {} {
  const all = [...masked, ...found.map(({ path, rule }) => ({ path, rule }))]
  const byName = new Map(all.map((each) => [`${each.path}\n${each.rule}`, each]))
  return [...byName.values()].slice(0, MOST_LISTED)
}
