/** Character positions in the query text, end exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** A query, read. Fields are named as they were typed; `declaredField` of `domain/fields.ts` says what a name means. */
export type Query = All | And | Or | Not | FieldTerm | HasTerm | TextTerm | TimeTerm

/** Matches every event: the empty query. */
interface All extends Span {
  readonly kind: 'all'
}

/** At least two parts, none of them an `and`. */
export interface And extends Span {
  readonly kind: 'and'
  readonly parts: readonly Query[]
}

/** At least two parts, none of them an `or`. */
export interface Or extends Span {
  readonly kind: 'or'
  readonly parts: readonly Query[]
}

interface Not extends Span {
  readonly kind: 'not'
  readonly part: Query
}

/** `field:value`, `field:a,b`: some value of the field passes at least one of the tests. */
export interface FieldTerm extends Span {
  readonly kind: 'field'
  readonly field: string
  readonly tests: readonly Test[]
}

/** `has:field`; `missing:field` is its negation. */
export interface HasTerm extends Span {
  readonly kind: 'has'
  readonly field: string
}

/** Free text: these words, one behind the other, within one value. `*` in a word stands for letters and digits. */
export interface TextTerm extends Span {
  readonly kind: 'text'
  /** As typed: `"two words"` without its quotes. */
  readonly text: string
  /** It was quoted: `*` is no wildcard. */
  readonly quoted: boolean
}

/** `since:` (at or after) and `until:` (before). */
interface TimeTerm extends Span {
  readonly kind: 'time'
  readonly edge: 'since' | 'until'
  /** Milliseconds since 1970. */
  readonly atMs: number
  readonly written: string
  /** It was said from now on: such a query is not timeless. */
  readonly relative: boolean
}

/** One test of a value. What kind of test a text becomes depends on the type of the field. */
export type Test = TextTest | PatternTest | NumberTest | DateTest | AddressTest

/** The whole value, case-folded (fields with `exact`: as it is). */
interface TextTest extends Span {
  readonly kind: 'text'
  readonly value: string
}

/** The whole value: these pieces, with anything between them. At least two pieces; an empty first one is a leading `*`. */
export interface PatternTest extends Span {
  readonly kind: 'pattern'
  readonly pieces: readonly string[]
}

/** How a comparison was written, so that it can be printed again. */
export type Written =
  | { readonly op: '=' | '>' | '>=' | '<' | '<='; readonly value: string }
  | { readonly op: '..'; readonly low: string; readonly high: string }

/** Bounds that are absent are open. */
export interface NumberTest extends Span {
  readonly kind: 'number'
  readonly written: Written
  readonly min?: number
  readonly minOpen?: true
  readonly max?: number
  readonly maxOpen?: true
}

/** At or after `from`, before `to`: microseconds since 1970. A date stands for the whole day. */
export interface DateTest extends Span {
  readonly kind: 'date'
  readonly written: Written
  readonly from?: number
  readonly to?: number
  readonly relative: boolean
}

/** From first to last address, both included, as 32 hexadecimal digits of an IPv6 address (IPv4 is mapped). */
export interface AddressTest extends Span {
  readonly kind: 'address'
  readonly written: string
  readonly first: string
  readonly last: string
}
