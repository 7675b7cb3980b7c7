/**
 * Why a statement may not run for a reader, or undefined. `readonly=1` in the session refuses writing, settings and table
 * functions; it lets through what is refused here by name: `INTO OUTFILE` writes files, the scalar function `file` reads
 * them, `KILL` ends other people's queries. Values are bound, never written into statements, so this only ever sees ours:
 * it is the second lock on that door.
 */
export function refusedToReaders(sql: string): string | undefined {
  const words = significantWords(sql)
  if (words[0] !== 'select' && words[0] !== 'with') return 'readers may only SELECT'
  for (const [at, word] of words.entries()) {
    const following = words[at + 1]
    if (word === ';' && following !== undefined) return 'one statement at a time'
    if (word === 'into' && following === 'outfile') return 'INTO OUTFILE is refused'
    if (REFUSED_FUNCTIONS.has(word) && following === '(') return `the function ${word} is refused`
  }
  return undefined
}

const REFUSED_FUNCTIONS = new Set(['file', 'catboostevaluate'])

// Comments, strings, quoted identifiers, words, and every other character by itself. An unclosed string or comment runs
// to the end, as it does for the engine.
const TOKEN =
  /--[^\n]*|#![^\n]*|#\s[^\n]*|\/\*[^]*?(?:\*\/|$)|'(?:[^'\\]|\\[^]|'')*'?|"(?:[^"\\]|\\[^]|"")*"?|`(?:[^`\\]|\\[^]|``)*`?|\w+|[^\s\w]/g

function significantWords(sql: string): readonly string[] {
  const words: string[] = []
  for (const [token] of sql.matchAll(TOKEN)) {
    if (isComment(token)) continue
    if (token.startsWith('"') || token.startsWith('`')) words.push(token.slice(1, -1).toLowerCase())
    else words.push(token.startsWith("'") ? "'" : token.toLowerCase())
  }
  return words
}

function isComment(token: string): boolean {
  return token.startsWith('--') || token.startsWith('/*') || (token.startsWith('#') && token.length > 1)
}
