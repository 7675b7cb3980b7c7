/** Fields of one CSV record (RFC 4180): quotes are doubled, line breaks stand inside quotes. */
export interface CsvFields {
  readonly fields: readonly string[]
  /** It ends within quotes: something is missing. */
  readonly isOpen: boolean
}

/**
 * Reads at most `most` fields; the rest stays in the last one. Linear, and nothing is refused: what stands behind a
 * closing quote belongs to its field.
 */
export function csvFields(text: string, most = Infinity): CsvFields {
  const fields: string[] = []
  let at = 0
  for (;;) {
    if (fields.length === most - 1) return { fields: [...fields, unquoted(text.slice(at))], isOpen: false }
    const isQuoted = text.charCodeAt(at) === QUOTE
    const close = isQuoted ? closingQuote(text, at + 1) : at
    if (close < 0) return { fields: [...fields, text.slice(at + 1).replaceAll('""', '"')], isOpen: true }
    const comma = text.indexOf(',', close)
    const end = comma < 0 ? text.length : comma
    fields.push(isQuoted ? quotedField(text, at, close, end) : text.slice(at, end))
    if (comma < 0) return { fields, isOpen: false }
    at = comma + 1
  }
}

const QUOTE = 0x22

function closingQuote(text: string, from: number): number {
  let quote = text.indexOf('"', from)
  while (quote >= 0 && text.charCodeAt(quote + 1) === QUOTE) quote = text.indexOf('"', quote + 2)
  return quote
}

function quotedField(text: string, at: number, close: number, end: number): string {
  const inside = text.slice(at + 1, close)
  return (inside.includes('"') ? inside.replaceAll('""', '"') : inside) + text.slice(close + 1, end)
}

function unquoted(text: string): string {
  return text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text
}
