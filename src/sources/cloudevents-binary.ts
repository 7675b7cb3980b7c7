import { AuditError } from '../domain/errors.ts'

const PREFIX = 'ce-'
/** CloudEvents 1.0, 3.1: names are lower-case letters and digits. */
const NAME = /^[a-z0-9]{1,64}$/

/**
 * A request in binary mode (HTTP protocol binding of CloudEvents 1.0, 3.1) as the structured event that says the same:
 * attributes from `ce-…` headers, the body as it is as `data` where its type is JSON, else as `data_base64`. Undefined
 * for a request in another mode.
 *
 * @throws AuditError `bad_request` for a header value that is no percent-encoded text.
 */
export function structuredEvent(headers: ReadonlyMap<string, string>, body: Uint8Array): Uint8Array | undefined {
  if (!headers.has('ce-specversion')) return undefined
  const attributes = new Map<string, string>()
  for (const [header, value] of headers) {
    const name = header.slice(PREFIX.length)
    if (header.startsWith(PREFIX) && NAME.test(name)) attributes.set(name, decoded(header, value))
  }
  const type = headers.get('content-type')
  if (type !== undefined) attributes.set('datacontenttype', type)
  const head = JSON.stringify(Object.fromEntries(attributes)).slice(0, -1)
  if (body.length === 0) return Buffer.from(`${head}}`)
  if (type !== undefined && !isJson(type)) {
    return Buffer.from(`${head},"data_base64":"${Buffer.from(body).toString('base64')}"}`)
  }
  // As it was sent: what is broken in it is the format's to refuse.
  return Buffer.concat([Buffer.from(`${head},"data":`), body, Buffer.from('}')])
}

function isJson(contentType: string): boolean {
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  return type.endsWith('/json') || (type.includes('/') && type.endsWith('+json'))
}

function decoded(header: string, value: string): string {
  try {
    return decodeURIComponent(value)
  } catch (cause) {
    throw new AuditError('bad_request', `header ${header} is not percent-encoded UTF-8`, { cause })
  }
}
