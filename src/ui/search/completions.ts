import type { Facet } from '../../domain/answers.ts'
import { printValue } from '../../query/print.ts'
import { suggest } from '../../query/suggest.ts'
import { countText } from '../text/time.ts'

export interface Choice {
  readonly text: string
  readonly description: string
  /** The query with it, and where the caret then is. */
  readonly query: string
  readonly caret: number
}

const MOST = 40

/** What may stand at the caret: the language's own words first, and values that the last answer counted. */
export function choicesAt(text: string, caret: number, facets: readonly Facet[]): readonly Choice[] {
  const { start, end, typed, field, items } = suggest(text, caret)
  const counted = field === undefined ? [] : countedValues(field, typed, facets)
  // Each once, and nothing that is there already.
  const known = new Set([text.slice(start, end)])
  const isNew = (item: { text: string }): boolean => !known.has(item.text) && known.add(item.text).has(item.text)
  const offered = [...counted, ...items].filter(isNew).slice(0, MOST)
  return offered.map((item) => {
    const after = text.slice(end)
    const space = item.text.endsWith(':') || after.startsWith(' ') ? '' : ' '
    const query = text.slice(0, start) + item.text + space + after
    return { text: item.text, description: item.description, query, caret: start + item.text.length + space.length }
  })
}

function countedValues(
  field: string,
  typed: string,
  facets: readonly Facet[],
): readonly { text: string; description: string }[] {
  const values = facets.find((facet) => facet.field === field)?.values ?? []
  return values
    .filter(({ value }) => value.toLowerCase().startsWith(typed.toLowerCase()))
    .map(({ value, count }) => ({ text: printValue(value), description: countText(count) }))
}
