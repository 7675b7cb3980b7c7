import type { WriteMask } from '../domain/mask.ts'
import type { Query } from './ast.ts'

/** `hide`: the field does not exist for this reader. A mask shows in results what it leaves, and counts as hidden in search. */
export type FieldRule = 'hide' | { readonly mask: WriteMask }

declare const judged: unique symbol

/**
 * What a reader may see, answered by the one judgement in `auth/`. Every read of the store takes one; it cannot be made
 * by writing an object, so a read without a judgement does not compile.
 */
export interface Visibility {
  readonly [judged]: true
  /** Only events that match are there for this reader. Undefined: all. */
  readonly rowFilter: Query | undefined
  /** Paths (query/path-pattern.ts) with what happens to them and everything below. Empty: all is shown. */
  readonly fields: ReadonlyMap<string, FieldRule>
}

/** Only `auth/` calls this: the architecture test holds it. */
export function judgedVisibility(rowFilter: Query | undefined, fields: ReadonlyMap<string, FieldRule>): Visibility {
  const visibility: Omit<Visibility, typeof judged> = { rowFilter, fields }
  // The brand exists for the compiler only: it says that auth/ made this.
  return visibility as Visibility
}
