import { hash, timingSafeEqual } from 'node:crypto'
import type { sendUnaryData, ServerInterceptor, ServerUnaryCall } from '@grpc/grpc-js'
import { Metadata, Server, ServerCredentials, ServerInterceptingCall, status } from '@grpc/grpc-js'
import { z } from 'zod'
import { AuditError } from '../domain/errors.ts'
import type { TlsFiles } from '../lib/tls.ts'
import type { SecretRef, SourceBase } from './config.ts'
import { formatConfig, secret, sourceBase, tls } from './config.ts'
import { connectionLimits, listenAddress, listenUntil } from './listener.ts'
import { CODE, exportResponse, statusMessage } from './otlp-answers.ts'
import { exportLogs } from './otlp-export.ts'
import type { Emit, Source, SourceDeps, SourceRecord } from './source.ts'

export interface OtlpGrpcConfig extends SourceBase {
  readonly kind: 'otlp-grpc'
  /** HOST:PORT; OpenTelemetry's own is port 4317. */
  readonly listen: string
  readonly tls?: TlsFiles
  /** What senders have in the metadata `authorization`, behind `Bearer`. */
  readonly token?: SecretRef
  /** Of format otlp. */
  readonly options?: SourceRecord['options']
}

export const otlpGrpcConfig: z.ZodType<OtlpGrpcConfig> = z
  .strictObject({
    ...sourceBase,
    kind: z.literal('otlp-grpc'),
    listen: listenAddress,
    tls: tls.exactOptional(),
    token: secret.exactOptional(),
    options: formatConfig.options,
  })
  .refine((config) => config.token !== undefined || config.tls?.clientCa !== undefined, {
    path: ['token'],
    message: 'say how senders are known: token, or clientCa in tls',
  })

const MAX_CONNECTIONS = 256
const MAX_STREAMS = 32
/** Calls over all connections whose requests are read or worked on: beyond it senders are told to come again. */
const MAX_CALLS = 32
/** As for a request over HTTP (docs/architecture.md, Intake), after inflation. */
const MAX_REQUEST_BYTES = 32 << 20
const RETRY_MS = 1000

/** OTLP over gRPC: `opentelemetry.proto.collector.logs.v1.LogsService/Export`, on a port of its own. */
export function createOtlpGrpc(config: OtlpGrpcConfig, deps: SourceDeps): Source {
  const token = config.token === undefined ? undefined : hash('sha256', deps.secret(config.token), 'buffer')
  return {
    async run(emit, signal) {
      const strangers = new Map<string, () => void>()
      const server = new Server({
        'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
        'grpc.max_concurrent_streams': MAX_STREAMS,
        interceptors: [doorkeeper(token, (peer) => strangers.get(peer)?.())],
      })
      server.addService(LOGS_SERVICE, { Export: exporter(config.options, emit, signal) })
      // The sockets are ours, so that TLS, its renewal and its clients are those of all listeners.
      const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
      const listener = { ...config, connections: connectionLimits(config.limits, MAX_CONNECTIONS), alpn: 'h2' }
      try {
        await listenUntil(listener, deps, signal, (socket, _refusals, welcome) => {
          // As gRPC calls it.
          const peer = `${socket.remoteAddress}:${socket.remotePort}`
          strangers.set(peer, welcome)
          socket.once('close', () => strangers.delete(peer))
          injector.injectConnection(socket)
        })
      } finally {
        server.forceShutdown()
      }
    },
  }
}

/** Messages stay bytes here: their parts are kept as they were sent. */
const LOGS_SERVICE = {
  Export: {
    path: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
    requestStream: false,
    responseStream: false,
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  },
} as const

/** Stands before the request is read: who is not known, and who comes when there is no room, takes no memory. */
function doorkeeper(token: Buffer | undefined, welcome: (peer: string) => void): ServerInterceptor {
  let calls = 0
  return (_method, call) => {
    let isIn = false
    const leave = (): void => {
      if (isIn) calls--
      isIn = false
    }
    return new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, letIn) {
            if (token !== undefined && !isToken(metadata, token)) {
              call.sendStatus(UNKNOWN)
              return
            }
            welcome(call.getPeer())
            if (calls >= MAX_CALLS) call.sendStatus(full())
            else {
              isIn = true
              calls++
              letIn(metadata)
            }
          },
          // Comes at the end of every call, also of one that was answered.
          onCancel: leave,
        })
      },
      sendStatus(said, next) {
        leave()
        next(said)
      },
    })
  }
}

const UNKNOWN = {
  code: status.UNAUTHENTICATED,
  details: 'send the token of this source as authorization: Bearer',
}

function full() {
  const refused = withRetry(CODE.resourceExhausted, 'more requests arrive than memory allows', RETRY_MS)
  return { ...refused, code: status.RESOURCE_EXHAUSTED }
}

function exporter(
  options: SourceRecord['options'],
  emit: Emit,
  signal: AbortSignal,
): (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => void {
  const how = { emit, signal, ...(options !== undefined && { options }) }
  return (call, answer) => {
    exportLogs(call.request, 'protobuf', how).then(
      (exported) => answer(null, Buffer.from(exportResponse(exported))),
      (error: unknown) => answer(refusal(error)),
    )
  }
}

function isToken(metadata: Metadata, token: Buffer): boolean {
  const said = metadata.get('authorization').at(0)
  const bearer = typeof said === 'string' ? (/^Bearer +(\S+) *$/i.exec(said)?.[1] ?? '') : ''
  return timingSafeEqual(hash('sha256', bearer, 'buffer'), token)
}

/** RESOURCE_EXHAUSTED is only tried again where a RetryInfo comes with it; other than what a sender did wrong may pass. */
function refusal(error: unknown): { code: number; details: string; metadata: Metadata } {
  const metadata = new Metadata()
  if (!(error instanceof AuditError)) return withRetry(CODE.unavailable, 'not now', RETRY_MS)
  const { hint, retryAfterMs = RETRY_MS } = error.details
  const details = hint === undefined ? error.message : `${error.message}: ${hint}`
  if (error.code === 'busy') return withRetry(CODE.resourceExhausted, details, retryAfterMs)
  if (error.code === 'bad_request' || error.code === 'too_large') {
    return { code: CODE.invalidArgument, details, metadata }
  }
  return withRetry(CODE.unavailable, 'not now', retryAfterMs)
}

function withRetry(code: number, details: string, retryAfterMs: number) {
  const metadata = new Metadata()
  metadata.set('grpc-status-details-bin', Buffer.from(statusMessage(code, details, retryAfterMs)))
  return { code, details, metadata }
}
