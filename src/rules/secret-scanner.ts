import { ASSIGNMENTS, MAYBE_ASSIGNMENTS } from './default-masks-assignments.ts'
import { COMMANDS } from './default-masks-commands.ts'
import type { DefaultMask, Hit } from './default-masks-names.ts'
import { SHAPES } from './secret-scanner-shapes.ts'
import { type Trigger, createScan } from './secret-scanner-triggers.ts'

/**
 * Secrets in any text: tokens by their look, and what is given to a name that says so (`password=…`). In order, and none
 * inside another. Linear in the text, whatever is in it.
 */
export function secretsInText(text: string, isOff: (rule: DefaultMask) => boolean): readonly Hit[] {
  return CLOSE.all(text, isOff)
}

/**
 * Whether a closer look is worth its time: false only where neither `secretsInText` nor names of keys would find anything.
 * The text may be JSON as it was sent.
 */
export function mayHoldSecrets(text: string): boolean {
  return FIRST.any(text)
}

/** `\u0070assword`: a letter, digit or dash that is written so hides a name. */
function escapedLetter(text: string, at: number, found: Hit[]): void {
  if (text[at - 3] === '\\' && /^(?:[4-7]|2d|3[\da])/i.test(text.slice(at + 1, at + 3)))
    found.push({ start: at, end: at + 1, rule: 'secret/secret' })
}

/** Contents as base64, which only a closer look decodes. */
function encoded(text: string, at: number, found: Hit[]): void {
  if (/(?:data_base64|bytesvalue)\\{0,16}"/i.test(text.slice(Math.max(0, at - 10), at + 24)))
    found.push({ start: at, end: at + 1, rule: 'secret/secret' })
}

const HIDDEN: readonly Trigger[] = [
  ['u99', escapedLetter],
  ['e99', encoded],
  ['esv', encoded],
]
const CLOSE = createScan([...SHAPES, ...COMMANDS, ...ASSIGNMENTS])
const FIRST = createScan([...SHAPES, ...COMMANDS, ...MAYBE_ASSIGNMENTS, ...HIDDEN])
