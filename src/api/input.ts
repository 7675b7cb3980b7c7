import type { FastifyRequest } from 'fastify'
import { parse as parseJson } from 'secure-json-parse'
import type { z } from 'zod'

import { AuditError, type InputFault } from '../domain/errors.ts'
import { inflateBounded } from '../lib/inflate.ts'
import { nearest } from '../domain/nearest.ts'
import type { Limits } from './deps.ts'

/** Query parameters, strictly: an unknown one is refused with the nearest name. Throws `bad_request` with all faults. */
export function parseParams<T>(schema: z.ZodType<T> & Shaped, input: unknown): T {
  return parseStrictly(schema, input, 'the query parameters are not understood')
}

/** The body as bytes, inflated within the limits. Throws `too_large`, `unsupported`, `bad_request`. */
export async function bodyOf(request: FastifyRequest, limits: Limits): Promise<Uint8Array> {
  const encoding = request.headers['content-encoding'] ?? 'identity'
  return inflateBounded(rawBody(request), encoding, { maxBytes: limits.requestBytes, maxRatio: limits.inflateRatio })
}

/** A small JSON body, strictly. Throws `bad_request` with all faults. */
export function parseBody<T>(schema: z.ZodType<T> & Shaped, request: FastifyRequest): T {
  const bytes = rawBody(request)
  if (bytes.byteLength > MAX_JSON_BYTES) throw new AuditError('too_large', `the body is larger than 64 KiB`)
  let parsed: unknown
  try {
    parsed = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new AuditError('bad_request', 'the body is no JSON', { cause, hint: 'send a JSON object in UTF-8' })
  }
  return parseStrictly(schema, parsed, 'the body is not understood')
}

/** zod's strict objects name their keys. */
interface Shaped {
  readonly shape: Readonly<Record<string, unknown>>
}

function rawBody(request: FastifyRequest): Uint8Array {
  return request.body instanceof Uint8Array ? request.body : new Uint8Array()
}

const MAX_JSON_BYTES = 64 * 1024

function parseStrictly<T>(schema: z.ZodType<T> & Shaped, input: unknown, message: string): T {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const names = Object.keys(schema.shape)
  const faults = result.error.issues.flatMap((issue) => faultsOf(issue, names))
  const first = faults[0]
  const detail = first === undefined ? message : `${message}: ${first.path ? `${first.path}: ` : ''}${first.message}`
  throw new AuditError('bad_request', detail, { faults, hint: `known names: ${names.join(', ')}` })
}

function faultsOf(issue: z.core.$ZodIssue, names: readonly string[]): readonly InputFault[] {
  if (issue.code !== 'unrecognized_keys') return [{ path: issue.path.join('.'), message: issue.message }]
  return issue.keys.map((key) => {
    const meant = nearest(key, names)
    return { path: key, message: meant === undefined ? 'is not known' : `is not known; did you mean ${meant}?` }
  })
}
