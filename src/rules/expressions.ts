/** A rule in our query language, as the configuration has it: a name, what it matches, and the one thing that it does. */
export interface ExpressionRule {
  readonly name: string
  /** In the query language; timeless. Left out: every event. */
  readonly match?: string
  /** It only counts what it would have done. */
  readonly shadow?: true
}
