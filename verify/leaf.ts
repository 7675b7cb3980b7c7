import { VerifyError } from './errors.ts'

/** Header of an event: all that the log says in clear. Nothing in it is free text, so nothing in it is personal. */
export interface Leaf {
  /** When it happened: RFC 3339, UTC, milliseconds. */
  readonly t: string
  /** When it was received: never backwards within a log. */
  readonly r: string
  /** Source, a configured name; `_log` for what the log says of itself. */
  readonly s: string
  /** Epoch and sequence within (source, epoch); both or neither. */
  readonly e?: number
  readonly n?: number
  /** Dataset. */
  readonly d: string
  /** Action. */
  readonly y: string
  readonly o: 'success' | 'failure' | 'unknown'
  /** Event id: 16 bytes, base64url. */
  readonly id: string
  /** Commitment to the blocks: 32 bytes, base64url. */
  readonly c: string
}

export const MAX_LEAF_BYTES = 8192

const WORD = /^[a-z0-9][a-z0-9._:-]{0,63}$/
const SOURCE = /^(?:_log|[a-z0-9][a-z0-9._-]{0,62})$/
const TIME =
  /^(?:19[7-9]\d|20\d\d|21\d\d)-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/
// The last character holds two (of 16 bytes) and four (of 32) bits; the others must be zero, so one value has one text.
const ID = /^[\w-]{21}[AQgw]$/
const COMMITMENT = /^[\w-]{42}[AEIMQUYcgkosw048]$/
const LINE =
  /^\{"v":1,"t":"([^"\\]{24})","r":"([^"\\]{24})","s":"([^"\\]{1,63})"(?:,"e":(0|[1-9]\d{0,15}),"n":(0|[1-9]\d{0,15}))?,"d":"([^"\\]{1,64})","y":"([^"\\]{1,64})","o":"(success|failure|unknown)","id":"([\w-]{22})","c":"([\w-]{43})"\}$/

/** Whether a text may stand as dataset or action; what may not is `other`, and stands in the body in full. */
export function isLeafWord(text: string): boolean {
  return WORD.test(text)
}

/** Whether a text may stand as `t` or `r`: a real moment of 1970 to 2199, with milliseconds, in UTC. */
export function isLeafTime(text: string): boolean {
  if (!TIME.test(text)) return false
  // Days 29 to 31 are the only ones that a month may lack.
  return text.charCodeAt(8) < 0x33 && !(text.startsWith('29', 8) && text.startsWith('02', 5))
    ? true
    : new Date(Date.parse(text)).toISOString() === text
}

/** The leaf line of version 1, byte for byte. Throws VerifyError `malformed` for a value outside its grammar. */
export function formatLeaf(leaf: Leaf): string {
  check(leaf)
  const sequence = leaf.e === undefined ? '' : `,"e":${leaf.e},"n":${leaf.n}`
  return `{"v":1,"t":"${leaf.t}","r":"${leaf.r}","s":"${leaf.s}"${sequence},"d":"${leaf.d}","y":"${leaf.y}","o":"${leaf.o}","id":"${leaf.id}","c":"${leaf.c}"}`
}

/** Reads a leaf line strictly: exactly the known keys in their order. Throws VerifyError `malformed` for anything else. */
export function parseLeaf(line: string): Leaf {
  const match = LINE.exec(line)
  if (match === null) throw new VerifyError('malformed', 'no leaf of version 1')
  const [, t, r, s, e, n, d, y, o, id, c] = match
  const sequence = e === undefined ? {} : { e: Number(e), n: Number(n) }
  // The expression matched, so all groups but the sequence are there, and `o` is one of its three words.
  const leaf = { t, r, s, ...sequence, d, y, o, id, c } as Leaf
  check(leaf)
  return leaf
}

function check(leaf: Leaf): void {
  if (!isLeafTime(leaf.t)) throw malformed('t')
  if (leaf.r !== leaf.t && !isLeafTime(leaf.r)) throw malformed('r')
  if (!SOURCE.test(leaf.s)) throw malformed('s')
  if ((leaf.e === undefined) !== (leaf.n === undefined)) throw malformed('e')
  if (leaf.e !== undefined && !(isCount(leaf.e) && isCount(leaf.n!))) throw malformed('n')
  if (!WORD.test(leaf.d)) throw malformed('d')
  if (!WORD.test(leaf.y)) throw malformed('y')
  if (!ID.test(leaf.id)) throw malformed('id')
  if (!COMMITMENT.test(leaf.c)) throw malformed('c')
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function malformed(key: keyof Leaf): VerifyError {
  return new VerifyError('malformed', `leaf with a wrong "${key}"`)
}
