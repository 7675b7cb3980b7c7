import type { JsonObject } from '../domain/event.ts'
import { edited } from '../lib/edited-text.ts'
import { secretPlaces } from './kubernetes-secret-places.ts'
import type { Place, SecretKind } from './kubernetes-secret-places.ts'
import { objectIn, stringIn } from './loose.ts'

/** What says that a value was taken out, and which rule did it. */
export const SECRETS_RULE = 'default:kubernetes-secrets'

export interface WithoutSecrets {
  /** The record, byte for byte as it was but for the values that were replaced. */
  readonly text: string
  /** Names of what was masked, by the event's fields: `audit.request.data`. Each once, and not without end. */
  readonly paths: readonly string[]
}

/**
 * Takes the values of Secret objects and of tokens out of a record's text: `data` and `stringData` of Secrets (also in
 * lists, patches, `last-applied-configuration` and JSON inside of strings), the tokens of TokenReview and TokenRequest, and
 * tokens in the query of a URI. Names stay: which keys a Secret has is evidence, what they hold is not. Undefined: there
 * was nothing to take out. The text is not parsed and written again, so all else stays as it was sent.
 *
 * @param record What the text says, as an audit.k8s.io Event.
 */
export function withoutSecrets(text: string, record: JsonObject): WithoutSecrets | undefined {
  const always = secretsOf(record)
  if (!mayHoldSecrets(text, record, always)) return undefined
  const places = secretPlaces(text, always)
  if (places.length === 0) return undefined
  return { text: replaced(text, places), paths: [...new Set(places.map(({ path }) => path))].slice(0, MOST_PATHS) }
}

/** The text with something else at these places; all else is as it was. */
export function replaced(text: string, places: readonly Place[]): string {
  return edited(text, outermost(places))
}

const MOST_PATHS = 64
const TOKEN_RESOURCES = new Set(['tokenreviews', 'serviceaccounts/token', 'tokenrequests'])

/** What is secret wherever it stands in this record: a patch of a Secret does not say that it is one. */
function secretsOf(record: JsonObject): ReadonlySet<SecretKind> {
  const ref = objectIn(record, 'objectRef')
  const subresource = stringIn(ref, 'subresource')
  const resource =
    `${stringIn(ref, 'resource') ?? ''}${subresource === undefined ? '' : `/${subresource}`}`.toLowerCase()
  if (resource === 'secrets' || resource.startsWith('secrets/')) return ONLY_DATA
  return TOKEN_RESOURCES.has(resource) ? ONLY_TOKENS : NOTHING
}

const NOTHING: ReadonlySet<SecretKind> = new Set()
const ONLY_DATA: ReadonlySet<SecretKind> = new Set(['data'])
const ONLY_TOKENS: ReadonlySet<SecretKind> = new Set(['token'])

/** Most records hold none, and looking closely costs more than reading them. */
function mayHoldSecrets(text: string, record: JsonObject, always: ReadonlySet<SecretKind>): boolean {
  if (/token/i.test(stringIn(record, 'requestURI') ?? '')) return true
  const hasBody = Object.hasOwn(record, 'requestObject') || Object.hasOwn(record, 'responseObject')
  if (always.size > 0) return hasBody || text.includes(OLD_EXCERPT)
  return hasBody && WORDS.some((word) => text.includes(word))
}

/** API servers before 1.23 quoted the body in the message of a request that they could not read. */
const OLD_EXCERPT = 'error found in #'
const WORDS = ['Secret"', 'Secret\\', 'SecretList', 'TokenRe']

/** In order, and none inside another. */
function outermost(places: readonly Place[]): readonly Place[] {
  let reached = 0
  return places
    .toSorted((a, b) => a.start - b.start || b.end - a.end)
    .filter(({ start, end }) => {
      if (start < reached) return false
      reached = end
      return true
    })
}
