import { fromBase64, toHex } from './base64.ts'
import { type Der, TAG, inside, integerHex, oidText, readDer, timeOf, valuesIn } from './der.ts'
import { VerifyError } from './errors.ts'
import { equalBytes } from './hash.ts'
import { verifySigned } from './signature.ts'

// X.509 version 3 (RFC 5280), as much of it as a chain of a time stamp authority needs.

export interface Certificate {
  readonly der: Uint8Array
  /** What its issuer signed. */
  readonly signed: Uint8Array
  readonly signatureAlgorithm: Der
  readonly signature: Uint8Array
  readonly serial: string
  /** DER of names: two are the same when their bytes are. */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  /** Common name, else organisation, for people. */
  readonly name: string
  /** Milliseconds since 1970. */
  readonly from: number
  readonly until: number
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  readonly isAuthority: boolean
  /** It may sign time stamps and nothing else, and says so where it must be understood (RFC 3161 section 2.3). */
  readonly isForTimeStamps: boolean
  /** An extension that must be understood and is not. */
  readonly foreign: string | undefined
}

const MOST_CERTIFICATES = 16
const LONGEST_CHAIN = 8

/** Throws VerifyError `malformed`. */
export function parseCertificate(der: Uint8Array): Certificate {
  const [body, signatureAlgorithm, signature] = inside(readDer(der), TAG.sequence, 'a certificate')
  if (body === undefined || signatureAlgorithm === undefined || signature?.tag !== TAG.bits)
    throw bad('parts are missing')
  const fields = inside(body, TAG.sequence, 'a certificate')
  // The version comes first where it is not 1.
  const [serial, , issuer, validity, subject, publicKey, ...optional] =
    fields[0]?.tag === 0xa0 ? fields.slice(1) : fields
  if (issuer === undefined || validity === undefined || subject === undefined || publicKey === undefined)
    throw bad('parts are missing')
  const [from, until] = inside(validity, TAG.sequence, 'its validity')
  const list = optional.find(({ tag }) => tag === 0xa3)
  const extensions =
    list === undefined ? [] : inside(readDer(list.content), TAG.sequence, 'its extensions').map(parseExtension)
  return {
    der,
    signed: body.whole,
    signatureAlgorithm,
    signature: signature.content.subarray(1),
    serial: integerHex(serial),
    issuer: issuer.whole,
    subject: subject.whole,
    name: nameOf(subject),
    from: timeOf(from),
    until: timeOf(until),
    publicKey: publicKey.whole,
    isAuthority: extensions.some((each) => each.oid === BASIC_CONSTRAINTS && saysAuthority(each.value)),
    isForTimeStamps: extensions.some(({ oid, isCritical, value }) => {
      if (oid !== KEY_PURPOSES || !isCritical) return false
      const purposes = inside(readDer(value), TAG.sequence, 'its purposes').map(oidText)
      return purposes.length === 1 && purposes[0] === TIME_STAMPING
    }),
    foreign: extensions.find(({ oid, isCritical }) => isCritical && !UNDERSTOOD.includes(oid))?.oid,
  }
}

/** Certificates of a text in PEM (RFC 7468). Throws VerifyError `malformed`, `too_large`. */
export function parsePem(text: string): readonly Certificate[] {
  const parts = text.split('-----BEGIN CERTIFICATE-----').slice(1)
  if (parts.length > MOST_CERTIFICATES)
    throw new VerifyError('too_large', `more than ${MOST_CERTIFICATES} certificates`)
  return parts.map((part) => {
    const [body = '', ...rest] = part.split('-----END CERTIFICATE-----')
    if (rest.length === 0) throw bad('a certificate in PEM has no end')
    return parseCertificate(fromBase64(body.replaceAll(/\s/g, '')))
  })
}

/**
 * The way from a certificate up to one that is believed, each signed by the next and all of them valid at that time.
 * Throws VerifyError `not_signed` where there is none, `bad_signature`. Nobody is asked whether one was revoked.
 */
export async function verifyChain(
  first: Certificate,
  others: readonly Certificate[],
  believed: readonly Certificate[],
  timeMs: number,
): Promise<readonly Certificate[]> {
  const chain = [first]
  for (let last = first; ;) {
    if (timeMs < last.from || timeMs > last.until)
      throw new VerifyError('not_signed', `the certificate of ${last.name} was not valid then`)
    if (last.foreign !== undefined)
      throw new VerifyError(
        'not_signed',
        `the certificate of ${last.name} asks for ${last.foreign}, which is not understood here`,
      )
    if (believed.some(({ der }) => equalBytes(der, last.der))) return chain
    const issuer = [...believed, ...others].find(
      (each) => each.isAuthority && equalBytes(each.subject, last.issuer) && !chain.includes(each),
    )
    if (issuer === undefined || chain.length === LONGEST_CHAIN)
      throw new VerifyError('not_signed', `the certificate of ${last.name} leads to nobody that is believed`)
    await verifySigned(
      issuer.publicKey,
      last.signatureAlgorithm,
      undefined,
      last.signed,
      last.signature,
      `the certificate of ${last.name}`,
    )
    chain.push(issuer)
    last = issuer
  }
}

/** Those that are their own issuers: what a chain can end in. */
export function rootsOf(certificates: readonly Certificate[]): readonly Certificate[] {
  return certificates.filter(({ issuer, subject, isAuthority }) => isAuthority && equalBytes(issuer, subject))
}

const BASIC_CONSTRAINTS = '2.5.29.19'
const KEY_PURPOSES = '2.5.29.37'
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8'
/** Also key usage, key identifiers, alternative names, and policies, none of which takes anything away. */
const UNDERSTOOD = [BASIC_CONSTRAINTS, KEY_PURPOSES, '2.5.29.15', '2.5.29.14', '2.5.29.35', '2.5.29.17', '2.5.29.32']

interface Extension {
  readonly oid: string
  readonly isCritical: boolean
  readonly value: Uint8Array
}

function parseExtension(extension: Der): Extension {
  const [oid, ...rest] = inside(extension, TAG.sequence, 'an extension')
  const value = rest.at(-1)
  if (value?.tag !== TAG.octets) throw bad('an extension has no value')
  return {
    oid: oidText(oid),
    isCritical: rest[0]?.tag === TAG.boolean && rest[0].content[0] === 0xff,
    value: value.content,
  }
}

function saysAuthority(value: Uint8Array): boolean {
  const [first] = inside(readDer(value), TAG.sequence, 'its constraints')
  return first?.tag === TAG.boolean && first.content[0] === 0xff
}

const COMMON_NAME = '2.5.4.3'
const ORGANISATION = '2.5.4.10'

function nameOf(subject: Der): string {
  const parts = new Map<string, string>()
  for (const set of inside(subject, TAG.sequence, 'a name')) {
    for (const pair of valuesIn(set.content)) {
      const [oid, value] = inside(pair, TAG.sequence, 'a name')
      if (value !== undefined) parts.set(oidText(oid), new TextDecoder().decode(value.content.subarray(0, 200)))
    }
  }
  return parts.get(COMMON_NAME) ?? parts.get(ORGANISATION) ?? `a certificate without a name`
}

/** SHA-256 of a certificate as people compare it, hex. */
export function fingerprint(sha256: (bytes: Uint8Array) => Uint8Array, { der }: Certificate): string {
  return toHex(sha256(der))
}

/** Whether it has this issuer and serial number. */
export function isNamed(
  { issuer, serial }: Certificate,
  by: { readonly issuer: Uint8Array; readonly serial: string },
): boolean {
  return serial === by.serial && equalBytes(issuer, by.issuer)
}

function bad(why: string): VerifyError {
  return new VerifyError('malformed', `it is no certificate: ${why}`)
}
