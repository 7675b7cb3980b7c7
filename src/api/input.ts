import type { FastifyRequest } from 'fastify'
import { parse as parseJson } from 'secure-json-parse'
import { z } from 'zod'

import { AuditError } from '../domain/errors.ts'
import { inflateBounded } from '../lib/inflate.ts'
import { parseStrict } from '../lib/strict.ts'
import type { Limits } from './deps.ts'

/** Query parameters, strictly: an unknown one is refused with the nearest name. Throws `bad_request` with all faults. */
export function parseParams<T>(schema: z.ZodType<T>, input: unknown): T {
  return strictly(schema, input, 'query parameters')
}

/** The body as bytes, inflated within the limits. Throws `too_large`, `unsupported`, `bad_request`. */
export async function bodyOf(request: FastifyRequest, limits: Limits): Promise<Uint8Array> {
  const encoding = request.headers['content-encoding'] ?? 'identity'
  return inflateBounded(rawBody(request), encoding, { maxBytes: limits.requestBytes, maxRatio: limits.inflateRatio })
}

/** A small JSON body, strictly. Throws `bad_request` with all faults. */
export function parseBody<T>(schema: z.ZodType<T>, request: FastifyRequest): T {
  const bytes = rawBody(request)
  let parsed: unknown
  try {
    parsed = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new AuditError('bad_request', 'the body is no JSON', { cause, hint: 'send a JSON object in UTF-8' })
  }
  return strictly(schema, parsed, 'the body')
}

/** What a body may be where no records are taken. */
export const SMALL_BODY_BYTES = 64 * 1024

/** A whole number in a query parameter, as digits. */
export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER) {
  const message = `is no whole number from ${min} to ${max}`
  return z
    .string()
    .regex(/^\d{1,16}$/, message)
    .transform(Number)
    .refine((number) => number >= min && number <= max, message)
}

function rawBody(request: FastifyRequest): Uint8Array {
  return request.body instanceof Uint8Array ? request.body : new Uint8Array()
}

function strictly<T>(schema: z.ZodType<T>, input: unknown, what: string): T {
  try {
    return parseStrict(schema, input, what)
  } catch (error) {
    if (error instanceof AuditError)
      throw new AuditError('bad_request', error.message, { ...error.details, cause: error })
    throw error
  }
}
