import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { AuditError } from '../domain/errors.ts'
import type { createWriterLink } from '../ingest/forward-link.ts'
import type { SecretRef } from '../sources/config.ts'
import { hostName } from '../sources/forward-batch.ts'
import type { Config } from './config.ts'
import { checkForwardTo, type ForwardToConfig } from './forward-config.ts'
import { secretOf } from './sources.ts'

/** Throws `invalid_config` for a configuration that is no forwarder's. */
export function forwardOf(config: Config): ForwardToConfig {
  const { forward, sources } = config
  if (forward === undefined) {
    const hint = 'forward: { to: https://HOST:PORT/in/NAME, token: { file: PATH } } names the writer'
    throw new AuditError('invalid_config', 'the configuration has no forward', { hint })
  }
  checkForwardTo(forward)
  const foreign = [
    config.install !== undefined && 'install',
    config.streams.length > 0 && 'streams',
    config.store.url !== undefined && 'store',
    config.ledger.public !== 'none' && 'ledger',
  ].find((each) => each !== false)
  if (foreign !== undefined) {
    const hint = `leave ${foreign} out here: it belongs into the writer's configuration`
    throw new AuditError('invalid_config', `a forwarder has no ${foreign}`, { hint })
  }
  const chained = sources.find(({ kind }) => kind === 'forward')
  if (chained !== undefined) {
    const hint = 'let the other forwarder send to the writer itself'
    throw new AuditError('invalid_config', `source ${chained.name}: a forwarder takes nothing from forwarders`, {
      hint,
    })
  }
  if (sources.length > 0) return forward
  const hint = 'name at least one under sources: what it should follow or receive'
  throw new AuditError('invalid_config', 'a forwarder without sources has nothing to do', { hint })
}

/** How the writer is reached. Throws `invalid_config` that names what cannot be read. */
export function linkOptions({ to, token, ca, cert, key }: ForwardToConfig): Parameters<typeof createWriterLink>[0] {
  return {
    to,
    ...(token !== undefined && { token: tokenOf(token) }),
    ...(ca !== undefined && { ca: pem(ca) }),
    ...(cert !== undefined && { cert: pem(cert) }),
    ...(key !== undefined && { key: pem(key) }),
  }
}

function tokenOf(ref: SecretRef): string {
  const token = secretOf('forward', ref)
  if (/^\S+$/.test(token)) return token
  const hint = 'the writer prints it on one line: whodid token create --scope ingest --source NAME'
  throw new AuditError('invalid_config', 'the token of forward is empty or has spaces in it', { hint })
}

function pem(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    const hint = 'forward takes PEM files that this user can read'
    throw new AuditError('invalid_config', `forward: cannot read ${path}`, { cause, hint })
  }
}

/** What this machine is called. Throws `invalid_config` where its host name will not do. */
export function hostOf({ host }: ForwardToConfig): string {
  const name = host ?? hostname()
  if (hostName.safeParse(name).success) return name
  const hint = 'forward: { host: NAME }, of letters, digits, dots, - and _'
  throw new AuditError('invalid_config', `this machine's host name ${name} cannot be used`, { hint })
}
