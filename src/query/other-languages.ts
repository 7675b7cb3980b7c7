import type { Span } from './ast.ts'
import { fault } from './fault.ts'
import type { HiddenFields } from './resolve.ts'
import { resolveField } from './resolve.ts'

/** Throws `invalid_query` for what people know from other languages and would here search as words, with what to write. */
export function refuseOtherLanguages(text: string, span: Span, hidden: HiddenFields): void {
  if (/^(?:and|or|not)$/.test(text)) {
    const hint = 'To search for the word, put it in quotes'
    throw fault(`${text} is written in capitals`, span, { suggestion: text.toUpperCase(), hint })
  }
  if (text === '&&' || text === '||')
    throw fault(`Write ${text === '||' ? 'OR' : 'AND'}`, span, { suggestion: text === '||' ? 'OR' : 'AND' })
  if (text.startsWith('|'))
    throw fault('Pipes are not there yet', span, { hint: 'To search for the text, put it in quotes' })
  if (/^\/.+\/[a-z]*$/.test(text)) {
    const hint = 'Free text finds whole words, and * stands for letters and digits in them'
    throw fault('Regular expressions are not there yet', span, { hint, suggestion: `"${text}"` })
  }
  if (text.startsWith(':')) throw fault('A field is missing before the colon', span)
  const compared = COMPARISON.exec(text)
  if (compared === null) return
  const [, name = '', op = '', value = ''] = compared
  if (resolveField(name, hidden) === undefined) return
  throw fault('A colon stands between a field and its value', span, {
    suggestion: `${name}:${op === '=' ? '' : op}${value}`,
  })
}

const COMPARISON = /^([\p{L}@_][\p{L}\p{N}_.@-]*)(>=|<=|=|>|<)(.+)$/u
