import { DEFAULT_FROM } from '../text/range.ts'

export const TABS = ['summary', 'fields', 'raw', 'proof'] as const
export type Tab = (typeof TABS)[number]

/** What the address of Search says. All of it optional, defaults left out, written to be read and typed by people. */
export interface SearchUrl {
  /** The query as typed. Absent is the first query, empty is all events. */
  readonly q?: string
  readonly from?: string
  readonly to?: string
  /** The open event. */
  readonly id?: string
  readonly tab?: Tab
  readonly live?: true
}

/** A first look leaves our own trail out, visibly: whoever wants it deletes the words. */
export const FIRST_QUERY = '-stream:whodid'

export function queryOf(url: SearchUrl): string {
  return url.q ?? FIRST_QUERY
}

export function fromOf(url: SearchUrl): string {
  return url.from ?? DEFAULT_FROM
}

/** Plain strings, `+` for a space: no JSON, no quotes. Unknown parameters are left alone. */
export function parseSearch(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text))
}

export function stringifySearch(search: Record<string, unknown>): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(search)) {
    if (typeof value === 'string') params.set(name, value)
    else if (value === true) params.set(name, '1')
  }
  // These are safe in a query part, and people read them.
  const text = params
    .toString()
    .replaceAll('%3A', ':')
    .replaceAll('%2F', '/')
    .replaceAll('%2C', ',')
    .replaceAll('%28', '(')
    .replaceAll('%29', ')')
    .replaceAll('%2A', '*')
    .replaceAll('%40', '@')
  return text === '' ? '' : `?${text}`
}

/** Reads what the address says; a parameter that cannot be used falls back to its default. */
export function searchUrlOf(search: Record<string, unknown>): SearchUrl {
  const text = (name: string): string | undefined => {
    const value = search[name]
    return typeof value === 'string' ? value : undefined
  }
  const q = text('q')
  const from = text('from')
  const to = text('to')
  const id = text('id')
  const tab = TABS.find((each) => each === text('tab'))
  return {
    ...(q !== undefined && q !== FIRST_QUERY && { q }),
    ...(from !== undefined && from !== '' && from !== DEFAULT_FROM && { from }),
    ...(to !== undefined && to !== '' && to !== 'now' && { to }),
    ...(id !== undefined && id !== '' && { id }),
    ...(tab !== undefined && tab !== 'summary' && { tab }),
    ...((search['live'] === '1' || search['live'] === true) && { live: true }),
  }
}

/** "What I see now": the address with both ends of the range fixed. */
export function absoluteLink(range: { from: string; to: string }): string {
  const link = new URL(location.href)
  link.searchParams.set('from', range.from)
  link.searchParams.set('to', range.to)
  link.searchParams.delete('live')
  return link.href
}
