import { type DecodedEvent, type Truncation } from '../formats/format.ts'
import { LABELS_LIMIT } from '../formats/limits.ts'
import type { Noted } from './family.ts'

interface LabelRule {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

/**
 * The event with the labels of rules: what the first of them says of a label stands, also against the source's own. What
 * has no place among 64 labels is left out and said so.
 */
export function withLabels(decoded: DecodedEvent, rules: readonly LabelRule[], noted: Noted): DecodedEvent {
  if (rules.length === 0) return decoded
  const labels = new Map(Object.entries(decoded.event.labels ?? {}))
  const set = new Set<string>()
  const truncated: Truncation[] = []
  for (const rule of rules) {
    noted(rule.name, 'change')
    for (const [label, value] of Object.entries(rule.labels)) {
      if (set.has(label)) continue
      set.add(label)
      if (labels.has(label) || labels.size < LABELS_LIMIT) labels.set(label, value)
      else truncated.push({ path: `labels.${label}`, bytes: Buffer.byteLength(value), reason: 'labels_limit' })
    }
  }
  return {
    ...decoded,
    // fromEntries defines own properties: a label may be called __proto__.
    event: { ...decoded.event, labels: Object.fromEntries(labels) },
    ...(truncated.length > 0 && { truncated: [...(decoded.truncated ?? []), ...truncated] }),
  }
}
