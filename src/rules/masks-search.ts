import type { Query, Test } from '../query/ast.ts'
import { covers } from '../query/path-pattern.ts'
import { resolveField } from '../query/resolve.ts'
import { createMaskHash, type MaskHash, type RuleKeys } from './masks-hash.ts'
import type { RuleSet } from './rule-set.ts'

/**
 * A query that finds what it asks for also where a rule in force has stored the hash of it: `user.email:ada@example.com`
 * then stands for the address or its hash. Undefined: no rule hashes.
 */
export function hashedSearch({ expressions }: RuleSet, keys: RuleKeys): ((query: Query) => Query) | undefined {
  const paths = expressions.flatMap((rule) =>
    'mask' in rule && rule.mask.how === 'hash' && rule.mask.at === 'intake' ? rule.mask.paths : [],
  )
  if (paths.length === 0 || keys.hash === undefined) return undefined
  const hash = createMaskHash(keys)
  return (query) => widened(query, paths, hash)
}

function widened(query: Query, paths: readonly string[], hash: MaskHash): Query {
  switch (query.kind) {
    case 'and':
    case 'or':
      return { ...query, parts: query.parts.map((part) => widened(part, paths, hash)) }
    case 'not':
      return { ...query, part: widened(query.part, paths, hash) }
    case 'field': {
      const places = resolveField(query.field, new Map())?.paths ?? []
      if (!places.some((place) => paths.some((path) => covers(path, place)))) return query
      return { ...query, tests: [...query.tests, ...query.tests.flatMap((test) => hashOf(test, hash))] }
    }
    case 'all':
    case 'has':
    case 'text':
    case 'time':
      return query
  }
}

/** Only a whole value has a hash. */
function hashOf(test: Test, hash: MaskHash): readonly Test[] {
  return test.kind === 'text' ? [{ ...test, value: hash(test.value) }] : []
}
