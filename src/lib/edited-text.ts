/** What is taken out of a text, or what stands there instead. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly replacement: string
}

/** The text after edits that do not overlap, in any order. */
export function edited(text: string, edits: readonly Edit[]): string {
  const pieces: string[] = []
  let from = 0
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    pieces.push(text.slice(from, edit.start), edit.replacement)
    from = edit.end
  }
  pieces.push(text.slice(from))
  return pieces.join('')
}
