import { createReceiverApi } from '../api/api.ts'
import { DEFAULT_LIMITS } from '../api/deps.ts'
import { createAuth } from '../auth/auth.ts'
import type { Clock } from '../lib/clock.ts'
import { tlsServerOptions } from '../lib/tls.ts'
import type { State } from '../state/state.ts'
import type { Admission } from './admission.ts'
import type { Closers } from './closers.ts'
import type { Config } from './config.ts'
import { listen } from './listen.ts'
import { receiverCertificates, receiverSecrets, type Sources } from './sources.ts'

/** Where there are receivers: at `/in/NAME`, each for its own secret or certificate, as on a server. */
export async function serveReceivers(
  { config, sources, state, admission, clock, log, signal }: ServingParts,
  closers: Closers,
): Promise<string | undefined> {
  const receivers = config.sources.filter(({ name }) => sources.receiver(name) !== undefined)
  if (receivers.length === 0) return undefined
  const auth = createAuth({
    state,
    clock,
    receiverSecrets: receiverSecrets(receivers),
    receiverCertificates: receiverCertificates(receivers, config.tls?.clientCa !== undefined),
  })
  const app = createReceiverApi({
    auth,
    clock,
    limits: DEFAULT_LIMITS,
    emitFor: (name) => sources.emitFor(name),
    receiver: (name) => sources.receiver(name),
    readiness: () => {
      const refusal = admission.refusal()
      return { ready: refusal === undefined, reasons: refusal === undefined ? [] : [refusal.message] }
    },
    logError: (error, id) =>
      log(`error ${id}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
    ...(config.publicUrl !== undefined && { publicUrl: config.publicUrl }),
    ...(config.tls !== undefined && { tls: tlsServerOptions(config.tls, 'optional') }),
  })
  const url = await listen(app, config.listen, config.tls, { clock, log, signal })
  closers.push(() => app.close())
  return url
}

interface ServingParts {
  readonly config: Config
  readonly sources: Sources
  readonly state: State
  readonly admission: Admission
  readonly clock: Clock
  readonly log: (message: string) => void
  readonly signal: AbortSignal
}
