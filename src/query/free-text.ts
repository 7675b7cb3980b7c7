import { cutEvent } from '../domain/blocks.ts'
import type { AuditEvent } from '../domain/event.ts'
import { blockOf } from '../domain/fields.ts'
import { BLOCK_NAMES } from '../domain/sealed.ts'
import type { TextTerm } from './ast.ts'
import { textOf } from './event-values.ts'
import type { HiddenFields } from './resolve.ts'
import { visibleBlocks } from './resolve.ts'
import { fold, wordPattern, wordsOf } from './words.ts'

/** Says whether an event has the words of a text term, one behind the other, in one value of a visible block. */
export function textFinder(term: TextTerm, hidden: HiddenFields): (event: AuditEvent) => boolean {
  const words = new RegExp(wordPattern(wordsOf(term.text, term.quoted)), 'u')
  const visible = visibleBlocks(hidden)
  return (event) => {
    const found = (value: unknown): boolean => {
      if (typeof value === 'object' && value !== null) return Object.values(value).some(found)
      const text = typeof value === 'boolean' ? undefined : textOf(value)
      return text !== undefined && words.test(fold(text))
    }
    if (visible.has('header') && headerTexts(event).some(found)) return true
    return blocksOf(event).some((block, at) => {
      const name = BLOCK_NAMES[at]
      return name !== undefined && block !== undefined && visible.has(name) && found(JSON.parse(block))
    })
  }
}

/** What free text finds of the header: the words in it, not its ids and times. */
export const HEADER_TEXTS = [
  'event.action',
  'event.dataset',
  'event.outcome',
  'whodid.source',
  'whodid.stream',
] as const

function headerTexts({ event, whodid }: AuditEvent): readonly unknown[] {
  return [event.action, event.dataset, event.outcome ?? 'unknown', whodid?.source, whodid?.stream]
}

/** The blocks as they were sealed: what stands in the leaf or was learnt from the log is in none of them. */
function blocksOf(event: AuditEvent): readonly (string | undefined)[] {
  const sealed = Object.entries(event.whodid ?? {}).filter(([name]) => blockOf(`whodid.${name}`) !== 'header')
  const whodid = Object.fromEntries(sealed)
  return cutEvent({ ...event, whodid }, event.event.ingested ?? event['@timestamp']).blocks
}
