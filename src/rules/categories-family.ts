import type { DecodedEvent } from '../formats/format.ts'
import { CATEGORIES, type Category } from './categories.ts'
import type { Family } from './family.ts'
import type { RuleSet } from './rule-set.ts'

/**
 * EngFlow's excluded categories (docs/rules/categories.md). Scope: everything but our own trail. No match: kept. Union: an
 * event goes when any category that it has is excluded.
 */
export function compileExcludedCategories({ excludedCategories }: RuleSet): Family | undefined {
  const excluded = new Set(excludedCategories)
  if (excluded.size === 0) return undefined
  return {
    judge(decoded, _scope, _id, noted) {
      if (decoded.event.event.dataset?.startsWith('whodid.') === true) return undefined
      const category = categoriesOf(decoded).find((each) => excluded.has(each))
      if (category === undefined) return undefined
      const rule = `category/${category}`
      noted(rule, 'drop')
      return { kind: 'drop', rule }
    },
  }
}

/** What its format says of it, in EngFlow's words; where it says nothing, what ECS calls the same. */
function categoriesOf({ category, event }: DecodedEvent): readonly string[] {
  if (category !== undefined) return category
  const words = event.event.category ?? []
  return CATEGORIES.filter((each) => words.includes(ECS_WORDS[each]))
}

const ECS_WORDS: Readonly<Record<Category, string>> = { auth: 'authentication', iam: 'iam', file: 'file' }
