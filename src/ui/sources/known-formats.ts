/** A format as it can be chosen for a sample. A test holds this list to the formats that there are. */
export interface KnownFormat {
  readonly name: string
  readonly words: string
}

export const KNOWN_FORMATS: readonly KnownFormat[] = [
  { name: 'auth-log', words: 'auth.log of hosts: sshd, sudo, PAM' },
  { name: 'bazel-remote', words: 'bazel-remote access log' },
  { name: 'cef', words: 'CEF, Common Event Format' },
  { name: 'cloudevents', words: 'CloudEvents' },
  { name: 'ecs', words: 'ECS, our own shape' },
  { name: 'flex-audit', words: 'Kpow and Flex audit records' },
  { name: 'json', words: 'any JSON, mapped by options' },
  { name: 'kong-mesh', words: 'Kong Mesh access audit' },
  { name: 'kubernetes-audit', words: 'Kubernetes audit' },
  { name: 'mariadb-audit', words: 'MariaDB and MySQL audit plugin' },
  { name: 'otlp', words: 'OpenTelemetry log records' },
  { name: 'pgaudit', words: 'PostgreSQL with pgAudit' },
]
