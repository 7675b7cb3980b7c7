import { TLSSocket } from 'node:tls'

/** How a configuration names a client's certificate. */
export type ClientCertificate =
  | {
      /** Of the certificate itself: `SHA256:` and 64 hex digits, with or without colons. */
      readonly fingerprint: string
    }
  | {
      /** Attributes that its subject has, once each: `CN=prod-1` or `CN=prod-1, O=acme`. */
      readonly subject: string
    }

/** A certificate that its bearer has proved to hold, signed by an authority of `clientCa`. */
export interface ShownCertificate {
  /** SHA-256, 64 hex digits in lower case. */
  readonly fingerprint: string
  /** A subject may repeat an attribute: then all its values. */
  readonly subject: ReadonlyMap<string, readonly string[]>
}

/**
 * The certificate that a connection showed. Undefined for none, for one that nobody of `clientCa` signed, and for one that
 * is not valid at `now` (milliseconds since 1970): a connection may outlive it.
 */
export function shownCertificate(socket: unknown, now: number): ShownCertificate | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined
  const found = socket.getPeerX509Certificate()
  if (found === undefined || now < found.validFromDate.getTime() || now > found.validToDate.getTime()) return undefined
  return { fingerprint: digits(found.fingerprint256), subject: attributesOf(found.subject) }
}

export function fitsCertificate(shown: ShownCertificate, wanted: ClientCertificate): boolean {
  if ('fingerprint' in wanted) return digits(wanted.fingerprint.slice(PREFIX.length)) === shown.fingerprint
  return parseSubject(wanted.subject).every(([name, value]) => {
    const values = shown.subject.get(name) ?? []
    return values.length === 1 && values[0] === value
  })
}

export function isFingerprint(text: string): boolean {
  return text.startsWith(PREFIX) && /^[0-9a-f]{64}$/.test(digits(text.slice(PREFIX.length)))
}

export function isSubject(text: string): boolean {
  return parseSubject(text).every(([name, value]) => /^[A-Za-z][A-Za-z0-9.]*$/.test(name) && value !== '')
}

const PREFIX = 'SHA256:'

function digits(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase()
}

function parseSubject(text: string): readonly (readonly [name: string, value: string])[] {
  return text.split(',').map((part) => {
    const [name = '', ...value] = part.split('=')
    return [name.trim(), value.join('=').trim()]
  })
}

/** A line each, `CN=prod-1`; what could pass for a second line is escaped there. */
function attributesOf(subject: string): ReadonlyMap<string, readonly string[]> {
  const attributes = new Map<string, readonly string[]>()
  for (const line of subject.split('\n')) {
    const [name = '', ...value] = line.split('=')
    attributes.set(name, [...(attributes.get(name) ?? []), value.join('=')])
  }
  return attributes
}
