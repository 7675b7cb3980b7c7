import { AuditError } from '../domain/errors.ts'
import { nearest } from '../domain/nearest.ts'
import { authLog } from './auth-log.ts'
import { bazelRemote } from './bazel-remote.ts'
import { cef } from './cef.ts'
import { createCloudEvents } from './cloudevents.ts'
import { ecs } from './ecs.ts'
import { flexAudit } from './flex-audit.ts'
import type { Format } from './format.ts'
import { json } from './json.ts'
import { kongMesh } from './kong-mesh.ts'
import { kubernetesAudit } from './kubernetes-audit.ts'
import { mariadbAudit } from './mariadb-audit.ts'
import { createOtlp } from './otlp.ts'
import { pgaudit } from './pgaudit.ts'

/** Every foreign shape that is understood. To add one: a file, a word here, a page in docs/formats. */
const FORMATS: readonly Format[] = [
  authLog,
  bazelRemote,
  cef,
  createCloudEvents(configuredFormat),
  ecs,
  flexAudit,
  json,
  kongMesh,
  kubernetesAudit,
  mariadbAudit,
  createOtlp(configuredFormat),
  pgaudit,
]

export const FORMAT_NAMES: readonly string[] = FORMATS.map((format) => format.name)

/** `name@version` of each, as `whodid.parser` says it. */
export const PARSERS: readonly string[] = FORMATS.map(({ name, version }) => `${name}@${version}`)

const BY_NAME = new Map(FORMATS.map((format) => [format.name, format]))

/** Throws `invalid_config` with the nearest name for one that is not known. */
export function formatNamed(name: string): Format {
  const found = BY_NAME.get(name)
  if (found !== undefined) return found
  throw new AuditError('invalid_config', `there is no format ${name}`, { hint: formatHint(name) })
}

/**
 * A format under a source's `options:`.
 *
 * @throws AuditError `invalid_config` for options that it does not have.
 */
export function configuredFormat(name: string, options: unknown): Format {
  const format = formatNamed(name)
  if (options === undefined) return format
  if (format.configure !== undefined) return format.configure(options)
  throw new AuditError('invalid_config', `format ${name} has no options`, { hint: 'leave options out' })
}

export function formatHint(name: string): string {
  const near = nearest(name, FORMAT_NAMES)
  return near === undefined ? `known formats: ${FORMAT_NAMES.join(', ')}` : `did you mean ${near}?`
}
