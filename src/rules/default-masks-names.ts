/**
 * What is masked unless it is switched off (docs/rules/default-masks.md): by the names of keys, then by where a secret
 * stands, then by how it looks.
 */
export const DEFAULT_MASKS = [
  'secret/authorization',
  'secret/cookie',
  'secret/password',
  'secret/secret',
  'secret/token',
  'secret/api-key',
  'secret/private-key',
  'secret/session',
  'secret/kubernetes-secret',
  'secret/last-applied-configuration',
  'secret/sql',
  'secret/command-line',
  'secret/url',
  'secret/aws-key',
  'secret/google-key',
  'secret/azure-key',
  'secret/github-token',
  'secret/gitlab-token',
  'secret/slack-token',
  'secret/stripe-key',
  'secret/npm-token',
  'secret/pypi-token',
  'secret/jwt',
  'secret/pem',
  'secret/age-key',
  'secret/bootstrap-token',
  'secret/whodid-token',
] as const

export type DefaultMask = (typeof DEFAULT_MASKS)[number]

/** A piece of a text that is secret: end exclusive. */
export interface Hit {
  readonly start: number
  readonly end: number
  readonly rule: DefaultMask
}

/** Says nothing of what was there, not even how long it was, and needs no escape in JSON, however deep. */
export function maskOf(rule: DefaultMask): string {
  return `[masked ${rule}]`
}

/** Whether a text is what somebody put in place of a secret, or only names one that is elsewhere. */
export function isNoSecret(value: string): boolean {
  return value === '' || WORDS.has(value.toLowerCase()) || /^(?:[*x•]+|\$\d+|%s|\?)$/i.test(value) || isReference(value)
}

const WORDS = new Set([
  'true',
  'false',
  'yes',
  'no',
  'null',
  'nil',
  'none',
  'undefined',
  'default',
  '[masked]',
  'redacted',
  '[redacted]',
  '<redacted>',
  '(redacted)',
  '[filtered]',
  '<secret>',
  '<hidden>',
  // What a blank cuts off a mask of ours.
  '[masked',
])

/** `${NAME}`, `$(NAME)`, and what we put there ourselves. */
function isReference(value: string): boolean {
  return /^(?:\$\{[A-Za-z_]\w{0,100}\}|\$\([A-Za-z_]\w{0,100}\)|\[masked [a-z/:-]{1,60}\])$/.test(value)
}
