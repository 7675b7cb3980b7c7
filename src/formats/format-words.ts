import { FORMAT_NAMES } from './formats.ts'

/** A format as it can be chosen, with what it reads. */
export interface FormatInWords {
  readonly name: string
  readonly words: string
}

const WORDS: ReadonlyMap<string, string> = new Map([
  ['auth-log', 'auth.log of hosts: sshd, sudo, PAM'],
  ['bazel-remote', 'bazel-remote access log'],
  ['cef', 'CEF, Common Event Format'],
  ['cloudevents', 'CloudEvents'],
  ['ecs', 'ECS, our own shape'],
  ['flex-audit', 'Kpow and Flex audit records'],
  ['json', 'any JSON, mapped by options'],
  ['kong-mesh', 'Kong Mesh access audit'],
  ['kubernetes-audit', 'Kubernetes audit'],
  ['mariadb-audit', 'MariaDB and MySQL audit plugin'],
  ['otlp', 'OpenTelemetry log records'],
  ['pgaudit', 'PostgreSQL with pgAudit'],
])

/** Every format there is. */
export const FORMATS_IN_WORDS: readonly FormatInWords[] = FORMAT_NAMES.map((name) => {
  return { name, words: WORDS.get(name) ?? name }
})
