import { Buffer } from 'node:buffer'
import type { DefaultMask, Hit } from './default-masks-names.ts'
import {
  BASE64_MARKS,
  DASH,
  DIGIT,
  DOT,
  EQUALS,
  LETTERS_AND_DIGITS,
  LOWER,
  UNDERSCORE,
  UPPER,
  beginsWord,
  runEnd,
  runStart,
} from './secret-scanner-characters.ts'
import type { Detector, Trigger } from './secret-scanner-triggers.ts'

const BASE64URL = LETTERS_AND_DIGITS | UNDERSCORE | DASH

/** Secrets that are known by how they look, wherever they stand. */
export const SHAPES: readonly Trigger[] = [
  ['aki', awsKey('AKIA')],
  ['asi', awsKey('ASIA')],
  ...shape('secret/google-key', 'AIza', 'aiz', LETTERS_AND_DIGITS | UNDERSCORE | DASH, 35),
  ...shape('secret/google-key', 'GOCSPX-', 'csp', BASE64URL, 20),
  ...shape('secret/google-key', 'ya29.', 'a29', BASE64URL | DOT, 30),
  ['sig', sharedAccessSignature],
  ...['ghp_', 'gho_', 'ghs_', 'ghu_', 'ghr_'].flatMap((prefix) =>
    shape('secret/github-token', prefix, prefix.slice(1), LETTERS_AND_DIGITS | UNDERSCORE, 36),
  ),
  ...shape('secret/github-token', 'github_pat_', 'hub', LETTERS_AND_DIGITS | UNDERSCORE, 40),
  ...['glpat-', 'gldt-', 'glrt-', 'glptt-'].flatMap((prefix) =>
    shape('secret/gitlab-token', prefix, prefix.slice(0, 3), BASE64URL | DOT, 20),
  ),
  ...['xoxa-', 'xoxb-', 'xoxe-', 'xoxp-', 'xoxr-', 'xoxs-'].flatMap((prefix) =>
    shape('secret/slack-token', prefix, prefix.slice(1, 4), LETTERS_AND_DIGITS | DASH, 10),
  ),
  ...shape('secret/slack-token', 'xapp-', 'xap', LETTERS_AND_DIGITS | DASH, 20),
  ['sla', slackHook],
  ...['sk_live_', 'rk_live_'].flatMap((prefix) => shape('secret/stripe-key', prefix, 'k_l', LETTERS_AND_DIGITS, 16)),
  ...shape('secret/npm-token', 'npm_', 'npm', LETTERS_AND_DIGITS, 36),
  ...shape('secret/pypi-token', 'pypi-', 'pi-', BASE64URL, 50),
  ['eyj', jsonWebToken],
  ['---', privateKey],
  ...shape('secret/age-key', 'AGE-SECRET-KEY-', 'ey-', UPPER | DIGIT | DASH, 50),
  ...shape('secret/whodid-token', 'wd_', 'wd_', BASE64URL, 56),
  ['bea', bearer],
  ...bootstrapTriggers(),
]

/** A prefix, and at least so many characters of a kind behind it. */
function shape(rule: DefaultMask, prefix: string, three: string, kind: number, least: number): readonly Trigger[] {
  const behind = prefix.toLowerCase().replaceAll(/\d/g, '9').indexOf(three.replaceAll(/\d/g, '9')) + 2
  const detector: Detector = (text, at, found) => {
    const start = at - behind
    if (!text.startsWith(prefix, start) || !beginsWord(text, start)) return
    const end = runEnd(text, start + prefix.length, kind)
    if (end - start - prefix.length >= least) found.push({ start, end, rule })
  }
  return [[three, detector]]
}

/** The id of a key has 20 characters; its secret has 40 and stands near by. */
function awsKey(prefix: string): Detector {
  return (text, at, found) => {
    const start = at - 2
    if (!text.startsWith(prefix, start) || !beginsWord(text, start)) return
    const end = runEnd(text, start, UPPER | DIGIT, 21)
    if (end - start !== 20 || runEnd(text, end, LETTERS_AND_DIGITS, 1) > end) return
    found.push({ start, end, rule: 'secret/aws-key' }, ...awsSecrets(text, start - NEAR, start))
    found.push(...awsSecrets(text, end, end + NEAR))
  }
}

const NEAR = 160

function awsSecrets(text: string, from: number, to: number): readonly Hit[] {
  const kind = LETTERS_AND_DIGITS | BASE64_MARKS
  const hits: Hit[] = []
  // Not from the middle of a run.
  let at = from <= 0 ? 0 : runEnd(text, from, kind, NEAR)
  const limit = Math.min(to, text.length)
  while (at < limit) {
    const end = runEnd(text, at, kind, 41)
    if (end - at === 40 && isMixed(text.slice(at, end))) hits.push({ start: at, end, rule: 'secret/aws-key' })
    at = end > at ? runEnd(text, end, kind, NEAR) : at + 1
  }
  return hits
}

function isMixed(text: string): boolean {
  return /[a-z]/.test(text) && /[A-Z]/.test(text) && /\d/.test(text)
}

/** The signature of a URL to Azure's storage. */
function sharedAccessSignature(text: string, at: number, found: Hit[]): void {
  if (text[at + 1] !== '=' || !beginsWord(text, at - 2)) return
  const start = at + 2
  let end = start
  for (;;) {
    end = runEnd(text, end, BASE64URL | BASE64_MARKS | EQUALS)
    if (text[end] !== '%') break
    end++
  }
  if (end - start >= 30) found.push({ start, end, rule: 'secret/azure-key' })
}

/** Whoever knows the URL may post. */
function slackHook(text: string, at: number, found: Hit[]): void {
  const host = 'hooks.slack.com/'
  const start = at - 8
  if (!text.startsWith(host, start)) return
  const from = start + host.length
  const end = runEnd(text, from, LETTERS_AND_DIGITS | BASE64_MARKS)
  const path = text.slice(from, Math.min(end, from + 12))
  if (end - from >= 30 && /^(?:services|workflows|triggers)\//.test(path))
    found.push({ start: from + path.indexOf('/') + 1, end, rule: 'secret/slack-token' })
}

/** RFC 7519: three parts of base64url, of which the first is a JSON object; five where it is encrypted. */
function jsonWebToken(text: string, at: number, found: Hit[]): void {
  const start = at - 2
  if (!text.startsWith('eyJ', start) || !beginsWord(text, start, BASE64URL)) return
  let end = runEnd(text, start, BASE64URL)
  const header = end
  let parts = 1
  while (parts < 5 && text[end] === '.') {
    const next = runEnd(text, end + 1, BASE64URL)
    // The key of an encrypted one may be left out.
    if (next === end + 1 && parts !== 1) break
    end = next
    parts++
  }
  if (parts < 3 || header - start > 8192 || !isJoseHeader(text.slice(start, header))) return
  found.push({ start, end, rule: 'secret/jwt' })
}

function isJoseHeader(part: string): boolean {
  return /"(?:alg|typ|enc|kid)"\s{0,8}:/.test(Buffer.from(part, 'base64url').toString())
}

/** RFC 7468, also where its line ends are written as `\n`. Without an end it goes to the end of the text. */
function privateKey(text: string, at: number, found: Hit[]): void {
  const start = at - 2
  if (!text.startsWith('-----BEGIN ', start)) return
  const label = text.slice(start + 11, start + 80)
  const labelEnd = label.indexOf('-----')
  if (labelEnd < 0 || !label.slice(0, labelEnd).includes('PRIVATE KEY')) return
  const from = start + 11 + labelEnd + 5
  const closing = `-----END ${label.slice(0, labelEnd)}-----`
  const ends = text.indexOf(closing, from)
  found.push({ start, end: ends < 0 ? text.length : ends + closing.length, rule: 'secret/pem' })
}

/** RFC 6750: `Bearer` and a token. Words that follow in a sentence are none. */
function bearer(text: string, at: number, found: Hit[]): void {
  const behind = at + 4
  if (text.slice(at - 2, behind).toLowerCase() !== 'bearer' || !beginsWord(text, at - 2)) return
  const blank = /^(?: {1,4}|%20|\+)/.exec(text.slice(behind, behind + 4))?.[0] ?? ''
  if (blank === '') return
  const start = behind + blank.length
  const end = runEnd(text, runEnd(text, start, BASE64URL | BASE64_MARKS | DOT), EQUALS, 2)
  if (text[end - 1] === '=' && runEnd(text, end, BASE64URL, 1) > end) return
  const length = end - start
  if (length >= 24 || (length >= 8 && /\d/.test(text.slice(start, end))))
    found.push({ start, end, rule: 'secret/authorization' })
}

/** Of Kubernetes, `abcdef.0123456789abcdef`: an id of six and a secret of sixteen characters. */
function bootstrapToken(text: string, at: number, found: Hit[]): void {
  const dot = at - 1
  const kind = LOWER | DIGIT
  const around = LETTERS_AND_DIGITS | UNDERSCORE | DASH | DOT | BASE64_MARKS
  if (runEnd(text, dot + 1, kind, 17) !== dot + 17) return
  const start = dot - 6
  if (start < 0 || runStart(text, dot, kind, 6) !== start || !beginsWord(text, start, around)) return
  const after = dot + 17
  // A full stop may end the sentence, but then nothing goes on behind it.
  const next = text[after] === '.' ? after + 1 : after
  if (runEnd(text, next, around, 1) > next) return
  const secret = text.slice(dot + 1, after)
  // Events of Kubernetes are named so, after the time in hexadecimal nanoseconds: `node01.17d2f3e4a5b6c7d8`.
  if (!/\d/.test(secret) || !/[a-z]/.test(secret) || /^1[5-9a-f][\da-f]{14}$/.test(secret)) return
  found.push({ start, end: after, rule: 'secret/bootstrap-token' })
}

/** Any letter or digit, a dot, any letter or digit. */
function bootstrapTriggers(): readonly Trigger[] {
  const characters = 'abcdefghijklmnopqrstuvwxyz9'.split('')
  return characters.flatMap((before) => characters.map((after): Trigger => [`${before}.${after}`, bootstrapToken]))
}
