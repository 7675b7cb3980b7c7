import type { DefaultMask } from './default-masks-names.ts'
import { isNoSecret } from './default-masks-names.ts'

/**
 * What a key of this name holds, if it is a secret: `authorization`, `DB_PASSWORD`, `client-secret`, `x-api-key`. Upper and
 * lower case, separators and what stands before do not matter; what stands behind does: `secretName`, `token_type` and
 * `password_changed_at` are none.
 */
export function ruleOfKey(key: string): DefaultMask | undefined {
  // A mask of ours that stands where a name could is none.
  if (key.length > LONGEST_KEY || key.startsWith('[masked ')) return undefined
  const known = cached.get(key)
  if (known !== undefined) return known === '' ? undefined : known
  const rule = classified(plainName(key))
  if (cached.size >= MOST_CACHED) cached.clear()
  cached.set(key, rule ?? '')
  return rule
}

/** Whether the value of such a key is a secret, or only a word about one. */
export function isSecretValue(rule: DefaultMask, key: string, value: string): boolean {
  if (isNoSecret(value)) return false
  if (rule === 'secret/authorization') return !/^[A-Za-z-]{1,16}$/.test(value)
  if (rule === 'secret/password') return !(isFolder(value) && WORKING_FOLDER.test(plainName(key)))
  return rule !== 'secret/session' || (value.length >= 20 && !UUID.test(value))
}

/** Also with the letter of an escape before it: `\nPWD=`. */
const WORKING_FOLDER = /^[nrt]?(?:old)?pwd$/
const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i

function isFolder(value: string): boolean {
  return /^(?:[/~]|[A-Za-z]:\\|unknown$)/.test(value)
}

/** A key as it is compared: `X-Api-Key` is `xapikey`. */
export function plainName(key: string): string {
  return key.toLowerCase().replaceAll(/[^a-z\d]/g, '')
}

const LONGEST_KEY = 128
const MOST_CACHED = 4096
const cached = new Map<string, DefaultMask | ''>()

/** What a name ends in, the longer first. */
const ENDINGS: readonly (readonly [ending: string, rule: DefaultMask])[] = [
  ['lastappliedconfiguration', 'secret/last-applied-configuration'],
  ['authorization', 'secret/authorization'],
  ['cookie', 'secret/cookie'],
  ['cookies', 'secret/cookie'],
  ['password', 'secret/password'],
  ['passwords', 'secret/password'],
  ['passwordhash', 'secret/password'],
  ['passwd', 'secret/password'],
  ['pwd', 'secret/password'],
  ['passphrase', 'secret/password'],
  ['sessionid', 'secret/session'],
  ['sessid', 'secret/session'],
  ['connectsid', 'secret/session'],
  ['apikey', 'secret/api-key'],
  ['accountkey', 'secret/api-key'],
  ['sharedaccesskey', 'secret/api-key'],
  ['secretaccesskey', 'secret/api-key'],
  ['secretkey', 'secret/api-key'],
  ['authkey', 'secret/api-key'],
  ['sessionkey', 'secret/session'],
  ['privatekey', 'secret/private-key'],
  ['signingkey', 'secret/private-key'],
  ['encryptionkey', 'secret/private-key'],
  ['secret', 'secret/secret'],
  ['token', 'secret/token'],
  ['jwt', 'secret/token'],
]

/** They end like secrets and are none: places in lists, and counts. */
const HARMLESS = [
  'nexttoken',
  'pagetoken',
  'continuetoken',
  'continuationtoken',
  'paginationtoken',
  'starttoken',
  'synctoken',
  'maxtoken',
  'cancellationtoken',
  'imagepullsecret',
  'chpasswd',
  'etcpasswd',
  'hassecret',
  'haspassword',
  'hastoken',
  'changepassword',
  'resetpassword',
  'forgotpassword',
]

function classified(name: string): DefaultMask | undefined {
  const found = ENDINGS.find(([ending]) => name.endsWith(ending))
  if (found === undefined || HARMLESS.some((harmless) => name.endsWith(harmless))) return undefined
  return found[1]
}
