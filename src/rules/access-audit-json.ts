import type { Json } from '../domain/event.ts'
import type { AccessAudit } from './access-audit.ts'
import type { Located } from './kubernetes-policy-yaml.ts'

const START = { line: 1, column: 1 } as const
const DEEPEST = 32

/** A parsed JSON value as a document of which only paths are known: what comes through an API has no lines. */
export function locateJson(value: unknown, depth = 0): Located {
  // Deeper there is nothing that any document of ours has: it is refused by its path where it begins.
  if (depth > DEEPEST) return { kind: 'scalar', at: START, value: undefined }
  if (Array.isArray(value)) return { kind: 'list', at: START, items: value.map((each) => locateJson(each, depth + 1)) }
  if (typeof value !== 'object' || value === null) return { kind: 'scalar', at: START, value }
  const entries = Object.entries(value).map(([key, each]: [string, unknown]) => {
    return [key, { at: START, value: locateJson(each, depth + 1) }] as const
  })
  return { kind: 'map', at: START, entries: new Map(entries) }
}

/** An AccessAudit in the form of Universal, without what says nothing. */
export function universalAudit({ name, labels, rules }: AccessAudit): { readonly [key: string]: Json } {
  return {
    type: 'AccessAudit',
    name,
    ...(labels !== undefined && { labels }),
    rules: rules.map(({ types, mesh, access, accessAll }) => ({
      ...(types.length > 0 && { types }),
      ...(mesh !== undefined && { mesh }),
      ...(access.length > 0 && { access }),
      ...(accessAll === true && { accessAll }),
    })),
  }
}
