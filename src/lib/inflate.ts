import { promisify } from 'node:util'
import { constants, gunzip, zstdDecompress } from 'node:zlib'
import { AuditError } from '../domain/errors.ts'

export interface InflateLimits {
  /** Bytes of the inflated content. */
  readonly maxBytes: number
  /** Inflated bytes for each compressed byte. */
  readonly maxRatio: number
}

/**
 * The content of a request by its `Content-Encoding` (gzip, zstd, identity). Never inflates more than the limits allow:
 * a bomb costs what the limit costs. Throws AuditError `too_large` naming the limit, `unsupported` for another encoding,
 * `bad_request` for bytes that are broken, cut short, or followed by what would silently be left out.
 */
export async function inflateBounded(bytes: Uint8Array, encoding: string, limits: InflateLimits): Promise<Uint8Array> {
  const maxByRatio = bytes.length * limits.maxRatio
  const maxOutputLength = Math.max(1, Math.min(limits.maxBytes, maxByRatio))
  const name = encoding.trim().toLowerCase()
  try {
    if (name === 'gzip' || name === 'x-gzip') return await inflateGzip(bytes, { maxOutputLength })
    if (name === 'zstd') {
      const params = { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX }
      return await inflateZstd(bytes, { maxOutputLength, params, rejectGarbageAfterEnd: true })
    }
  } catch (cause) {
    if (codeOf(cause) !== 'ERR_BUFFER_TOO_LARGE') throw broken(name, cause)
    throw maxByRatio < limits.maxBytes ? tooDense(limits.maxRatio, cause) : tooLarge(limits.maxBytes, cause)
  }
  if (name !== 'identity' && name !== '') {
    const hint = 'send gzip, zstd, or no content-encoding'
    throw new AuditError('unsupported', `content-encoding ${JSON.stringify(encoding)} is not known`, { hint })
  }
  if (bytes.length > limits.maxBytes) throw tooLarge(limits.maxBytes)
  return bytes
}

/** RFC 8878 section 3.1.1.1.2: decoders support windows up to 8 MiB and may refuse larger ones, which cost memory. */
const WINDOW_LOG_MAX = 23

const inflateGzip = promisify(gunzip)
const inflateZstd = promisify(zstdDecompress)

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : ''
}

function broken(encoding: string, cause: unknown): AuditError {
  const said = cause instanceof Error ? cause.message : String(cause)
  const hint = 'send one whole compressed stream; content-encoding must say how the body is compressed'
  return new AuditError('bad_request', `the body is no valid ${encoding}: ${said}`, { hint, cause })
}

function tooDense(maxRatio: number, cause: unknown): AuditError {
  const hint = 'send it less compressed, or in smaller batches'
  return new AuditError('too_large', `the body inflates to more than ${maxRatio} times its size`, { hint, cause })
}

function tooLarge(maxBytes: number, cause?: unknown): AuditError {
  const hint = 'send smaller batches'
  return new AuditError('too_large', `the body is larger than ${maxBytes} bytes, inflated`, { hint, cause })
}
