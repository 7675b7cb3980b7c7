import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { BaseOptions, SASLOptions } from '@platformatic/kafka'
import { compressionsAlgorithms, findErrorBy } from '@platformatic/kafka'
import type { ErrorCode } from '../domain/errors.ts'
import { AuditError } from '../domain/errors.ts'
import type { KafkaConfig, KafkaSasl, KafkaTls } from './kafka-config.ts'
import type { SourceDeps } from './source.ts'

/** How brokers are reached. Throws AuditError `invalid_config` for a file or secret that is not there. */
export function clientOptions(config: KafkaConfig, deps: SourceDeps): BaseOptions {
  return {
    clientId: 'whodid',
    bootstrapBrokers: [...config.brokers],
    connectTimeout: 5000,
    timeout: 5000,
    requestTimeout: 15_000,
    retries: 3,
    retryDelay: 300,
    ...(config.tls !== undefined && { tls: tlsOptions(config.tls), tlsServerName: config.brokers.every(hasName) }),
    ...(config.sasl !== undefined && { sasl: saslOptions(config.sasl, deps) }),
  }
}

/** TLS has no way to ask for an address by name: then none is asked for. */
function hasName(broker: string): boolean {
  return isIP(broker.slice(0, broker.lastIndexOf(':')).replaceAll(/[[\]]/g, '')) === 0
}

function tlsOptions({ ca, cert, key }: KafkaTls) {
  return {
    minVersion: 'TLSv1.2' as const,
    ...(ca !== undefined && { ca: [read(ca)] }),
    ...(cert !== undefined && { cert: read(cert) }),
    ...(key !== undefined && { key: read(key) }),
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error'
    const hint = 'tls names PEM files that the user of the server may read'
    throw new AuditError('invalid_config', `cannot read ${path}: ${code}`, { hint, cause })
  }
}

const MECHANISMS = { plain: 'PLAIN', 'scram-sha-256': 'SCRAM-SHA-256', 'scram-sha-512': 'SCRAM-SHA-512' } as const

function saslOptions({ mechanism, username, password }: KafkaSasl, deps: SourceDeps): SASLOptions {
  return { mechanism: MECHANISMS[mechanism], username, password: deps.secret(password) }
}

/** Of one batch of records as a producer packed it; a broker's own limit is 1 MB packed. */
const UNPACKED_LIMIT_BYTES = 64 << 20

/**
 * Whoever may write to the topic packs its batches, and the client unpacks them without a bound. Its table of algorithms
 * is the one place where a bound can be set: a batch beyond it fails the fetch by name instead of taking all memory.
 * Snappy and LZ4 cannot grow by more than a few hundred times.
 */
export function boundUnpacking(): void {
  const bound = { maxOutputLength: UNPACKED_LIMIT_BYTES }
  Object.assign(compressionsAlgorithms.gzip, { decompressSync: (data: Buffer) => gunzipSync(data, bound) })
  Object.assign(compressionsAlgorithms.zstd, { decompressSync: (data: Buffer) => zstdDecompressSync(data, bound) })
}

interface Known {
  readonly by: readonly [property: string, value: string]
  readonly code: ErrorCode
  readonly says: string
  readonly hint: string
}

const KNOWN: readonly Known[] = [
  {
    by: ['code', 'PLT_KFK_AUTHENTICATION'],
    code: 'unauthenticated',
    says: 'the broker refused the sign-in',
    hint: 'look at mechanism, username and password in sasl',
  },
  {
    by: ['apiId', 'SASL_AUTHENTICATION_FAILED'],
    code: 'unauthenticated',
    says: 'the broker refused the sign-in',
    hint: 'look at mechanism, username and password in sasl',
  },
  {
    by: ['apiId', 'TOPIC_AUTHORIZATION_FAILED'],
    code: 'forbidden',
    says: 'the broker does not let this user read a topic',
    hint: 'grant READ and DESCRIBE on the topics',
  },
  {
    by: ['apiId', 'GROUP_AUTHORIZATION_FAILED'],
    code: 'forbidden',
    says: 'the broker does not let this user be in the group',
    hint: 'grant READ on the group',
  },
  {
    by: ['apiId', 'UNKNOWN_TOPIC_OR_PARTITION'],
    code: 'not_found',
    says: 'a topic is not there, or this user may not see it',
    hint: 'look at topics; brokers hide what a user may not describe',
  },
  {
    by: ['code', 'ERR_BUFFER_TOO_LARGE'],
    code: 'too_large',
    says: `a batch unpacks to more than ${UNPACKED_LIMIT_BYTES} bytes`,
    hint: 'move the group behind it with kafka-consumer-groups --reset-offsets',
  },
  {
    by: ['code', 'PLT_KFK_TIMEOUT'],
    code: 'timeout',
    says: 'the broker did not answer in time',
    hint: 'look at brokers, and whether they want tls',
  },
  {
    by: ['code', 'PLT_KFK_NETWORK'],
    code: 'io_failed',
    says: 'no broker can be reached',
    hint: 'look at brokers, and whether they want tls',
  },
]

/** What went wrong between us and a broker, for an operator. Errors that are ours already stay what they are. */
export function kafkaError(error: unknown): AuditError {
  if (error instanceof AuditError) return error
  const cause = error instanceof Error ? error : new Error(String(error))
  // The library says so itself, in words only.
  const isUnknown = cause.message.startsWith('Unknown topic ')
  const known = KNOWN.find(({ by: [property, value] }) => {
    return isUnknown ? value === 'UNKNOWN_TOPIC_OR_PARTITION' : isIn(cause, property, value)
  })
  if (known !== undefined) return new AuditError(known.code, known.says, { hint: known.hint, cause })
  return new AuditError('io_failed', `the broker's answer was not understood: ${cause.message}`, { cause })
}

/** In the error, in what caused it, or in one of the several that it stands for. */
function isIn(error: Error, property: string, value: string, depth = 0): boolean {
  if (findErrorBy(error, property, value) !== null || Reflect.get(error, property) === value) return true
  if (depth > 8) return false
  const below = error instanceof AggregateError ? error.errors : [error.cause]
  return below.some((each: unknown) => each instanceof Error && isIn(each, property, value, depth + 1))
}
