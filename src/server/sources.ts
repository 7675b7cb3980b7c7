import { readFileSync } from 'node:fs'
import type { SourceAnswer } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { formatMillis } from '../domain/time.ts'
import type { Books } from '../ingest/books.ts'
import { limitSource } from '../ingest/limit-source.ts'
import type { FormatNow, Refeed } from '../ingest/replay.ts'
import { SourceWatch } from '../ingest/source-watch.ts'
import { superviseSource } from '../ingest/supervise.ts'
import type { SourceInfo, Writer } from '../ingest/writer.ts'
import type { ClientCertificate } from '../lib/client-certificate.ts'
import type { Clock } from '../lib/clock.ts'
import type { RuleScope } from '../rules/family.ts'
import type { SecretRef } from '../sources/config.ts'
import { formatsOf, type SourceConfig, type Started, startSource, streamOf } from '../sources/kinds.ts'
import type { Emit, Receiver } from '../sources/source.ts'

/** The configured sources, at work, and the ways in for what is pushed. */
export interface Sources {
  /** Undefined: a name that nothing can be pushed to. */
  emitFor(name: string): Emit | undefined
  receiver(name: string): Receiver | undefined
  names(): readonly string[]
  /** How they all stand, by name. */
  list(): readonly SourceAnswer[]
  /** How what was rejected of a source is fed again. Undefined: nothing is known of it, so nobody knows what it was. */
  refeed(name: string): Refeed | undefined
  /** Resolves when every follower has stopped; they stop when `signal` aborts. */
  readonly stopped: Promise<void>
}

export interface SourcesDeps {
  readonly configs: readonly SourceConfig[]
  /** Of a forwarder it cannot shed: nothing is accounted for there. */
  readonly writer: Pick<Writer, 'emitFor'> & Partial<Pick<Writer, 'shedFor'>>
  /** Accounts, and the newest cursor that was sealed for a source. */
  readonly books: Pick<Books, 'of' | 'ofWay' | 'lastRecord' | 'replayed' | 'cursor' | 'lastNumber'>
  readonly clock: Clock
  readonly log: (message: string) => void
  readonly signal: AbortSignal
}

/** Where a token without a source of its own writes. */
const BUILT_IN_API: SourceInfo = { name: 'api', stream: 'default', authenticated: true }
const OUR_OWN = new Set(['whodid', '_log'])

export function startSources(deps: SourcesDeps): Sources {
  const { writer, clock, log, signal, books } = deps
  const known = new Map<string, Entry>()
  const receivers = new Map<string, Receiver>()
  const running: Promise<void>[] = []

  function enter(name: string, what: Omit<Entry, 'watch' | 'emit'>, watch = new SourceWatch(clock)): Entry {
    const limits = what.config?.limits
    const unlimited = writer.emitFor(what.info)
    const shed = limits?.overflow === 'shed' ? writer.shedFor?.(what.info) : undefined
    const limited =
      limits === undefined ? unlimited : limitSource(name, unlimited, limits, { clock, log, ...(shed && { shed }) })
    const entry = { ...what, watch, emit: watch.emit(limited) }
    known.set(name, entry)
    return entry
  }

  enter(BUILT_IN_API.name, { info: BUILT_IN_API, kind: 'http', role: 'receiver' })
  for (const config of deps.configs) {
    refuseOurNames(config.name)
    if (writer.shedFor === undefined) refuseServerLimits(config)
    const watch = new SourceWatch(clock)
    const open = (): Started =>
      startSource(config, {
        name: config.name,
        clock,
        cursor: books.cursor(config.name),
        lastNumber: (epoch) => books.lastNumber(config.feeds ?? config.name, epoch),
        log,
        secret: (ref) => secretOf(`source ${config.name}`, ref),
        report: (status) => watch.report(status),
      })
    const info = infoOf(config, deps.configs)
    const started = open()
    const { emit } = enter(config.name, { info, kind: config.kind, role: started.role, config }, watch)
    if (started.role === 'receiver') {
      receivers.set(config.name, watch.receiver(started.receiver))
      continue
    }
    refuseCertificate(config)
    const again = () => {
      const follower = open()
      if (follower.role !== 'follower') throw new AuditError('internal', `source ${config.name} changed its role`)
      return follower.source
    }
    running.push(superviseSource(config.name, again, emit, { clock, log, signal, watch }))
  }
  return {
    emitFor(name) {
      if (OUR_OWN.has(name) || name === '') return undefined
      const entry = known.get(name)
      if (entry?.role === 'follower') return undefined
      // A token that names a source which the configuration does not know makes an HTTP source of that name.
      const unknown = { info: { ...BUILT_IN_API, name }, kind: 'http', role: 'receiver' } as const
      return (entry ?? enter(name, unknown)).emit
    },
    receiver: (name) => receivers.get(name),
    names: () => [...known.keys()].toSorted(),
    list: () => [...known].map(([name, entry]) => answerOf(name, entry, books)).toSorted(byName),
    refeed(name) {
      const entry = known.get(name)
      if (entry === undefined) return undefined
      const emit = writer.emitFor({ ...entry.info, replays: true })
      const { cluster, timezone } = entry.info
      return {
        emit,
        formatNow: (format) => entry.config && formatNow(entry.config, format),
        ...(cluster !== undefined && { cluster }),
        ...(timezone !== undefined && { timezone }),
      }
    },
    stopped: Promise.all(running).then(() => undefined),
  }
}

/** Where a name beside the record chose the format, it is known again by that format alone. */
function formatNow(config: SourceConfig, format: string): FormatNow | undefined {
  const all = formatsOf(config)
  const found = all.length === 1 ? all[0] : all.find((each) => each.format === format)
  if (found === undefined) return undefined
  return { format: found.format, ...(found.options !== undefined && { options: found.options }) }
}

interface Entry {
  readonly info: SourceInfo
  readonly kind: string
  readonly role: SourceAnswer['role']
  /** Absent: nothing but a token names it. */
  readonly config?: SourceConfig
  readonly watch: SourceWatch
  readonly emit: Emit
}

const LONGEST_CURSOR = 1000

function answerOf(name: string, { info, kind, role, config, watch }: Entry, books: SourcesDeps['books']): SourceAnswer {
  const { state, sinceMs, reason, status, refused } = watch.standing
  const listens = status.listens ?? (role === 'receiver' && config !== undefined ? `/in/${name}` : undefined)
  const lastRecord = books.lastRecord(name)
  const cursor = books.cursor(name)
  return {
    name,
    kind,
    stream: info.stream,
    ...(info.name !== name && { feeds: info.name }),
    role,
    state: state === 'working' && (role === 'receiver' || listens !== undefined) ? 'listening' : state,
    since: formatMillis(sinceMs),
    ...(reason !== undefined && { reason }),
    ...(listens !== undefined && { listens }),
    ...(lastRecord !== undefined && { lastRecord: formatMillis(lastRecord) }),
    accounting: info.name === name ? books.of(name) : books.ofWay(name),
    replayed: books.replayed(name),
    ...(status.lag !== undefined && { lag: status.lag }),
    ...(status.connections !== undefined && { connections: status.connections }),
    refused,
    ...(cursor !== undefined && { cursor: cursor.slice(0, LONGEST_CURSOR) }),
  }
}

function byName(a: SourceAnswer, b: SourceAnswer): number {
  return a.name < b.name ? -1 : 1
}

/** Configured secrets of receivers, by source name. Throws `invalid_config` for one that is not where it is said to be. */
export function receiverSecrets(configs: readonly SourceConfig[]): ReadonlyMap<string, string> {
  const secrets = new Map<string, string>()
  for (const config of configs) {
    if ('token' in config && config.token !== undefined)
      secrets.set(config.name, secretOf(`source ${config.name}`, config.token))
  }
  return secrets
}

/**
 * Configured certificates of receivers, by source name.
 *
 * @param asksForThem Whether the listener of receivers has a `clientCa`. Throws `invalid_config` where it has none.
 */
export function receiverCertificates(
  configs: readonly SourceConfig[],
  asksForThem: boolean,
): ReadonlyMap<string, ClientCertificate> {
  const certificates = new Map<string, ClientCertificate>()
  for (const { name, clientCertificate } of configs) {
    if (clientCertificate !== undefined) certificates.set(name, clientCertificate)
  }
  const [first] = certificates.keys()
  if (first === undefined || asksForThem) return certificates
  const hint = 'give the server tls: { cert, key, clientCa }: only what an authority of clientCa signed is believed'
  throw new AuditError('invalid_config', `source ${first} wants a certificate, and nobody is asked for one`, { hint })
}

/** A listener of its own has an authority of its own; what follows files is connected to by nobody. */
function refuseCertificate({ name, kind, clientCertificate }: SourceConfig): void {
  if (clientCertificate === undefined) return
  const hint = 'clientCertificate is for what is pushed to at /in/NAME; a listener of its own takes tls: { clientCa }'
  throw new AuditError('invalid_config', `source ${name} of kind ${kind} cannot want a clientCertificate`, { hint })
}

/**
 * A secret, from where the configuration says that it is.
 *
 * @param owner Names it in the message: `source bastion`. Throws `invalid_config` when it is not there, or is empty.
 */
export function secretOf(owner: string, ref: SecretRef): string {
  const secret = readSecret(owner, ref)
  if (secret !== '') return secret
  const where = 'env' in ref ? ref.env : ref.file
  const hint = 'who shows none at all would be let in: write the secret there'
  throw new AuditError('invalid_config', `a secret of ${owner}: ${where} is empty`, { hint })
}

function readSecret(owner: string, ref: SecretRef): string {
  if ('env' in ref) {
    const value = process.env[ref.env]
    if (value !== undefined) return value
    const hint = `set ${ref.env} before the server starts`
    throw new AuditError('invalid_config', `a secret of ${owner}: ${ref.env} is not in the environment`, {
      hint,
    })
  }
  try {
    return readFileSync(ref.file, 'utf8').trimEnd()
  } catch (cause) {
    throw new AuditError('invalid_config', `a secret of ${owner}: cannot read ${ref.file}`, { cause })
  }
}

/** How rules are asked about events of a source. One that the configuration does not know is asked about by its name alone. */
export function ruleScopes(configs: readonly SourceConfig[]): (source: string, stream: string) => RuleScope {
  const known = new Map(
    configs.filter(({ feeds }) => feeds === undefined).map((each) => [each.name, infoOf(each, configs)]),
  )
  return (source, stored) => {
    const { stream = stored, kubernetesPolicy, accessAudit } = known.get(source) ?? {}
    return {
      source,
      stream,
      ...(kubernetesPolicy !== undefined && { kubernetesPolicy }),
      ...(accessAudit !== undefined && { accessAudit }),
    }
  }
}

/** What feeds another source writes as that one; its cursor and its time zone stay its own. */
function infoOf(config: SourceConfig, all: readonly SourceConfig[]): SourceInfo {
  const into = config.feeds === undefined ? config : fedBy(config, all)
  const timezone = config.timezone ?? into.timezone
  return {
    name: into.name,
    ...(into !== config && { way: config.name }),
    stream: streamOf(into),
    authenticated: true,
    ...(into.cluster !== undefined && { cluster: into.cluster }),
    ...(timezone !== undefined && { timezone }),
    ...(into.policy !== undefined && { kubernetesPolicy: into.policy }),
    ...(into.rules?.includes('access-audit') === true && { accessAudit: true }),
    ...limitsOf(config),
  }
}

/** Those that the write path holds it to. */
function limitsOf({ limits }: SourceConfig): Pick<SourceInfo, 'sheds' | 'journalShare' | 'recordBytes'> {
  const { overflow, journalShare, recordBytes } = limits ?? {}
  return {
    ...(overflow === 'shed' && { sheds: true }),
    ...(journalShare !== undefined && { journalShare }),
    ...(recordBytes !== undefined && { recordBytes }),
  }
}

/** Throws `invalid_config` for a limit that a forwarder would not keep to. */
function refuseServerLimits({ name, limits = {} }: SourceConfig): void {
  const { overflow, journalShare, recordBytes } = limits
  if (overflow !== 'shed' && journalShare === undefined && recordBytes === undefined) return
  const hint = 'a forwarder keeps recordsPerSecond, bytesPerSecond and connections; set the others at the server'
  const message = `source ${name}: overflow: shed, journalShare and recordBytes are limits of a server`
  throw new AuditError('invalid_config', message, { hint })
}

function fedBy(config: SourceConfig, all: readonly SourceConfig[]): SourceConfig {
  const into = all.find((each) => each.name === config.feeds)
  if (into === undefined || into.feeds !== undefined) {
    const hint = 'feeds names another entry of sources, which feeds none itself'
    throw new AuditError('invalid_config', `source ${config.name} feeds ${config.feeds}, which is no source`, { hint })
  }
  const { stream, cluster, policy, rules } = config
  if ([stream, cluster, policy, rules].every((each) => each === undefined)) return into
  const hint = `leave stream, cluster, policy and rules out: they are those of ${into.name}`
  throw new AuditError('invalid_config', `source ${config.name} feeds ${into.name}, so it has none of its own`, {
    hint,
  })
}

function refuseOurNames(name: string): void {
  if (!OUR_OWN.has(name) && name !== BUILT_IN_API.name) return
  throw new AuditError('invalid_config', `a source cannot be called ${name}`, {
    hint: 'that name is whodid\u2019s own',
  })
}
