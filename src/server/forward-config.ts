import { z } from 'zod'
import { AuditError } from '../domain/errors.ts'
import { type SecretRef, secret } from '../sources/config.ts'
import { hostName } from '../sources/forward-batch.ts'

/** `forward:` of `whodid.yaml`: where `whodid forward` brings its records. Paths are absolute here. */
export interface ForwardToConfig {
  /** `https://HOST:PORT/in/NAME` of the writer. */
  readonly to: string
  readonly token?: SecretRef
  /** PEM file: who may sign the writer's certificate. Left out: whom Node trusts. */
  readonly ca?: string
  /** PEM files: the certificate that is shown to the writer, and its key. */
  readonly cert?: string
  readonly key?: string
  /** What this machine is called in the trail. Left out: its host name. */
  readonly host?: string
}

export const forwardTo: z.ZodType<ForwardToConfig> = z.strictObject({
  to: z.string().superRefine((text, context) => {
    const fault = faultOf(text)
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault })
  }),
  token: secret.exactOptional(),
  ca: z.string().min(1).exactOptional(),
  cert: z.string().min(1).exactOptional(),
  key: z.string().min(1).exactOptional(),
  host: hostName.exactOptional(),
})

/** Throws `invalid_config` for what is wrong although each key is right. */
export function checkForwardTo({ token, cert, key }: ForwardToConfig): void {
  if ((cert === undefined) !== (key === undefined)) {
    throw new AuditError('invalid_config', 'forward: cert and key belong together', {
      hint: 'give both, or leave both out',
    })
  }
  if (token !== undefined || cert !== undefined) return
  const hint = 'on the writer: whodid token create --scope ingest --source NAME'
  throw new AuditError('invalid_config', 'forward has neither token nor cert: the writer would refuse it', { hint })
}

function faultOf(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPath = url !== undefined && /^\/(?:.*\/)?in\/[a-z0-9][a-z0-9-]{0,62}$/.test(url.pathname)
  if (!isPath || `${url.search}${url.hash}${url.username}` !== '' || !/^https?:$/.test(url.protocol)) {
    return 'the address of a source of kind forward: https://HOST:PORT/in/NAME'
  }
  if (url.protocol === 'https:' || isLoopback(url.hostname)) return undefined
  return 'plain http goes to loopback only: use https'
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
}
