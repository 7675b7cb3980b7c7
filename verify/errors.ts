/** What can be wrong, as a closed list: adding a code is an API change. */
export type VerifyErrorCode =
  /** Bytes that do not follow their format. */
  | 'malformed'
  /** What could not be had: a path that a log does not answer. */
  | 'unreadable'
  /** Input beyond the bounds of this package. */
  | 'too_large'
  /** A known key whose signature does not fit. */
  | 'bad_signature'
  /** No signature by a key that we were told to believe. */
  | 'not_signed'
  /** A checkpoint of another log. */
  | 'wrong_origin'
  /** A proof that does not lead to the root. */
  | 'bad_proof'
  /** Two things that should be equal are not. */
  | 'mismatch'

/** The one error of this package. The message names the thing that is wrong. */
export class VerifyError extends Error {
  readonly code: VerifyErrorCode

  constructor(code: VerifyErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.name = 'VerifyError'
    this.code = code
  }
}
