import { type Certificate, isNamed, parseCertificate, verifyChain } from './certificate.ts'
import { type Der, TAG, inside, integerHex, oidText, readDer, smallInteger, timeOf, valuesIn } from './der.ts'
import { VerifyError } from './errors.ts'
import { equalBytes } from './hash.ts'
import { algorithmOf, hashOf, verifySigned } from './signature.ts'

// RFC 3161 over CMS (RFC 5652), with the certificate named as in RFC 5816.

/** What a time stamp says; nothing in it is checked but its form. */
export interface TimeStamp {
  /** SHA-256 of what is stamped. */
  readonly imprint: Uint8Array
  /** Of the authority: `1.2.3.4.1`. */
  readonly policy: string
  /** Hex. */
  readonly serial: string
  /** Milliseconds since 1970; it was made at that time, give or take `accuracyMs` where the authority says how exact it is. */
  readonly timeMs: number
  readonly accuracyMs?: number
  /** Hex. */
  readonly nonce?: string
  readonly signer: SignerInfo
  /** Those that came along. */
  readonly certificates: readonly Certificate[]
}

interface SignerInfo {
  /** What was signed about: the bytes of TSTInfo, by their hash. */
  readonly content: Uint8Array
  readonly issuer: Uint8Array
  readonly serial: string
  readonly digestAlgorithm: Der
  readonly signedAttributes: Uint8Array
  readonly attributes: ReadonlyMap<string, Der>
  readonly signatureAlgorithm: Der
  readonly signature: Uint8Array
}

export interface TimeStampExpected {
  readonly imprint: Uint8Array
  /** Hex, without leading zeroes. Left out: it need not be that of a question. */
  readonly nonce?: string
  readonly policy?: string
  /** Certificates that need not be believed, to find the way up to those that are. */
  readonly chain: readonly Certificate[]
  /** Left out: the signature is checked, and who the signer is stays open. */
  readonly believed?: readonly Certificate[]
}

/** The request for a time stamp over a SHA-256, wanting the certificate along (RFC 3161 section 2.4.1). */
export function formatTimeStampRequest(imprint: Uint8Array, nonce: Uint8Array, policy?: Uint8Array): Uint8Array {
  if (imprint.length !== 32 || nonce.length !== 8 || (nonce[0] ?? 0) < 0x40 || (nonce[0] ?? 0) > 0x7f)
    throw new RangeError('an imprint has 32 bytes, a nonce 8 of which the first is 0x40 to 0x7f')
  const algorithm = [0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00]
  const asked = [0x30, 0x31, ...algorithm, 0x04, 0x20, ...imprint]
  const named = policy === undefined ? [] : [0x06, policy.length, ...policy]
  const body = [0x02, 0x01, 0x01, ...asked, ...named, 0x02, 0x08, ...nonce, 0x01, 0x01, 0xff]
  return Uint8Array.from([0x30, body.length, ...body])
}

const MAX_RESPONSE_BYTES = 64 * 1024
const SIGNED_DATA = '1.2.840.113549.1.7.2'
const TST_INFO = '1.2.840.113549.1.9.16.1.4'
const CONTENT_TYPE = '1.2.840.113549.1.9.3'
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4'
const SIGNING_CERTIFICATE = '1.2.840.113549.1.9.16.2.12'
const SIGNING_CERTIFICATE_V2 = '1.2.840.113549.1.9.16.2.47'
const SHA256 = '2.16.840.1.101.3.4.2.1'

/** Reads a whole response (`.tsr`). Throws VerifyError: `malformed`, `too_large`, and `not_signed` where it is a refusal. */
export function parseTimeStamp(response: Uint8Array): TimeStamp {
  if (response.length > MAX_RESPONSE_BYTES)
    throw new VerifyError('too_large', `a time stamp of ${response.length} bytes`)
  const [status, token] = inside(readDer(response), TAG.sequence, 'a time stamp')
  refuseRefusal(status)
  if (token === undefined) throw bad('it has no token')
  const [kind, signedData] = inside(token, TAG.sequence, 'a token')
  if (oidText(kind) !== SIGNED_DATA || signedData?.tag !== 0xa0) throw bad('its token is no signed data')
  const parts = inside(readDer(signedData.content), TAG.sequence, 'signed data')
  const content = contentOf(parts[2])
  const certificates = parts.find(({ tag }) => tag === 0xa0)
  const signers = parts.at(-1)
  const [signer, ...others] = signers === undefined ? [] : inside(signers, TAG.set, 'its signers')
  // RFC 3161 section 2.4.2: no other signatures than that of the authority.
  if (signer === undefined || others.length > 0) throw bad('it has not one signer')
  return {
    ...parseInfo(content),
    signer: parseSigner(signer, content),
    certificates:
      certificates === undefined ? [] : valuesIn(certificates.content).map(({ whole }) => parseCertificate(whole)),
  }
}

/**
 * Checks a time stamp: what it is over, the nonce and the policy that were asked for, the signature of its authority, and
 * where `believed` is given the way up to it. Resolves with that way, the authority's own certificate first. Throws
 * VerifyError: `mismatch`, `bad_signature`, `not_signed`, `unreadable`.
 */
export async function verifyTimeStamp(stamp: TimeStamp, expected: TimeStampExpected): Promise<readonly Certificate[]> {
  const { signer, certificates } = stamp
  if (!equalBytes(stamp.imprint, expected.imprint))
    throw new VerifyError('mismatch', 'the time stamp is over something else')
  if (expected.nonce !== undefined && stamp.nonce !== expected.nonce)
    throw new VerifyError('mismatch', 'the time stamp answers another question: its nonce is not ours')
  if (expected.policy !== undefined && stamp.policy !== expected.policy)
    throw new VerifyError('mismatch', `the time stamp is under policy ${stamp.policy}, not ${expected.policy}`)
  const all = [...certificates, ...expected.chain]
  const own = all.find((each) => isNamed(each, signer))
  if (own === undefined) throw new VerifyError('not_signed', 'the certificate of the time stamp authority is missing')
  if (!own.isForTimeStamps)
    throw new VerifyError('not_signed', `the certificate of ${own.name} is not for time stamps alone`)
  await verifyAttributes(signer, own)
  await verifySigned(
    own.publicKey,
    signer.signatureAlgorithm,
    signer.digestAlgorithm,
    signer.signedAttributes,
    signer.signature,
    'the time stamp',
  )
  return expected.believed === undefined ? [own] : verifyChain(own, all, expected.believed, stamp.timeMs)
}

/** The signature is over these; they name the content and the certificate by their hashes. */
async function verifyAttributes({ content, attributes, digestAlgorithm }: SignerInfo, own: Certificate): Promise<void> {
  const [type] = valuesOf(attributes, CONTENT_TYPE)
  if (oidText(type) !== TST_INFO)
    throw new VerifyError('mismatch', 'the signature of the time stamp is over another kind of thing')
  const [digest] = valuesOf(attributes, MESSAGE_DIGEST)
  if (digest?.tag !== TAG.octets || !equalBytes(digest.content, await hashOf(digestAlgorithm, content)))
    throw new VerifyError('mismatch', 'the signature of the time stamp is over another content')
  const [named] = [...valuesOf(attributes, SIGNING_CERTIFICATE_V2), ...valuesOf(attributes, SIGNING_CERTIFICATE)]
  const isNew = attributes.has(SIGNING_CERTIFICATE_V2)
  if (named === undefined) throw new VerifyError('malformed', 'the time stamp does not name its certificate')
  const [ids] = inside(named, TAG.sequence, 'the name of its certificate')
  const [first] = ids === undefined ? [] : inside(ids, TAG.sequence, 'the name of its certificate')
  const [algorithm, hash] = algorithmAndHash(first, isNew)
  if (hash?.tag !== TAG.octets || !equalBytes(hash.content, await hashOf(algorithm, own.der)))
    throw new VerifyError('mismatch', 'the time stamp names another certificate')
}

/** ESSCertID is over SHA-1; ESSCertIDv2 names its hash where that is not SHA-256. */
function algorithmAndHash(id: Der | undefined, isNew: boolean): readonly [Der, Der | undefined] {
  const [first, second] = id === undefined ? [] : inside(id, TAG.sequence, 'the name of its certificate')
  if (!isNew) return [derOf('300706052b0e03021a'), first]
  return first?.tag === TAG.sequence ? [first, second] : [derOf('300b0609608648016503040201'), first]
}

function derOf(hex: string): Der {
  return readDer(Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)))
}

function valuesOf(attributes: ReadonlyMap<string, Der>, oid: string): readonly Der[] {
  const set = attributes.get(oid)
  return set === undefined ? [] : inside(set, TAG.set, 'an attribute')
}

/** 0 granted, 1 granted with changes; all else is a refusal (RFC 3161 section 2.4.2). */
function refuseRefusal(status: Der | undefined): void {
  const [code, text] = status === undefined ? [] : inside(status, TAG.sequence, 'a status')
  const number = smallInteger(code)
  if (number <= 1) return
  const words =
    text?.tag === TAG.sequence
      ? valuesIn(text.content).map(({ content }) => new TextDecoder().decode(content.subarray(0, 200)))
      : []
  throw new VerifyError(
    'not_signed',
    `the authority gives no time stamp (status ${number})${words.length > 0 ? `: ${words.join(', ')}` : ''}`,
  )
}

function contentOf(value: Der | undefined): Uint8Array {
  const [kind, explicit] = value === undefined ? [] : inside(value, TAG.sequence, 'its content')
  if (oidText(kind) !== TST_INFO || explicit?.tag !== 0xa0) throw bad('its content is no time')
  const octets = readDer(explicit.content)
  if (octets.tag !== TAG.octets) throw bad('its content is no time')
  return octets.content
}

function parseInfo(content: Uint8Array): Omit<TimeStamp, 'signer' | 'certificates'> {
  const [version, policy, imprint, serial, time, ...optional] = inside(readDer(content), TAG.sequence, 'its content')
  if (smallInteger(version) !== 1 || imprint === undefined) throw bad('its content is of another version')
  const [algorithm, hash] = inside(imprint, TAG.sequence, 'its imprint')
  if (
    algorithm === undefined ||
    hash?.tag !== TAG.octets ||
    algorithmOf(algorithm) !== SHA256 ||
    hash.content.length !== 32
  )
    throw bad('it is not over a SHA-256')
  const accuracy = optional.find(({ tag }) => tag === TAG.sequence)
  const nonce = optional.find(({ tag }) => tag === TAG.integer)
  return {
    imprint: hash.content,
    policy: oidText(policy),
    serial: integerHex(serial),
    timeMs: timeOf(time),
    ...(accuracy !== undefined && { accuracyMs: accuracyOf(accuracy) }),
    ...(nonce !== undefined && { nonce: integerHex(nonce) }),
  }
}

/** Seconds, milliseconds and microseconds, each of which may be missing. Rounded up. */
function accuracyOf(value: Der): number {
  const parts = valuesIn(value.content)
  const part = (tag: number): number => {
    const found = parts.find((each) => each.tag === tag)
    return found === undefined ? 0 : smallInteger(found, tag)
  }
  return part(TAG.integer) * 1000 + part(0x80) + Math.ceil(part(0x81) / 1000)
}

function parseSigner(value: Der, content: Uint8Array): SignerInfo {
  const [, id, digestAlgorithm, attributes, signatureAlgorithm, signature] = inside(value, TAG.sequence, 'a signer')
  if (
    id === undefined ||
    digestAlgorithm === undefined ||
    signatureAlgorithm === undefined ||
    signature?.tag !== TAG.octets
  )
    throw bad('its signer lacks something')
  if (attributes?.tag !== 0xa0) throw bad('its signature is over nothing that names it')
  const [issuer, serial] = inside(id, TAG.sequence, 'the name of its signer')
  if (issuer === undefined) throw bad('its signer has no name')
  // RFC 5652 section 5.4: signed as the SET that they are, not under the tag of the field.
  const signedAttributes = Uint8Array.from(attributes.whole)
  signedAttributes[0] = TAG.set
  const pairs = valuesIn(attributes.content).map((each) => {
    const [oid, values] = inside(each, TAG.sequence, 'an attribute')
    if (values === undefined) throw bad('an attribute has no values')
    return [oidText(oid), values] as const
  })
  return {
    content,
    issuer: issuer.whole,
    serial: integerHex(serial),
    digestAlgorithm,
    signedAttributes,
    attributes: new Map(pairs),
    signatureAlgorithm,
    signature: signature.content,
  }
}

function bad(why: string): VerifyError {
  return new VerifyError('malformed', `it is no time stamp: ${why}`)
}
