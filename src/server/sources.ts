import { readFileSync } from 'node:fs'
import { AuditError } from '../domain/errors.ts'
import type { SourceInfo, Writer } from '../ingest/writer.ts'
import { superviseSource } from '../ingest/supervise.ts'
import type { Clock } from '../lib/clock.ts'
import type { SecretRef } from '../sources/config.ts'
import { type SourceConfig, startSource, streamOf } from '../sources/kinds.ts'
import type { Emit, Receiver } from '../sources/source.ts'

/** The configured sources, at work, and the ways in for what is pushed. */
export interface Sources {
  /** Undefined: a name that nothing can be pushed to. */
  emitFor(name: string): Emit | undefined
  receiver(name: string): Receiver | undefined
  names(): readonly string[]
  /** Resolves when every follower has stopped; they stop when `signal` aborts. */
  readonly stopped: Promise<void>
}

export interface SourcesDeps {
  readonly configs: readonly SourceConfig[]
  readonly writer: Writer
  /** The newest cursor that was sealed for a source. */
  readonly cursor: (name: string) => string | undefined
  /** The highest number in an epoch of a source that was taken; 0 where there is none. */
  readonly lastNumber: (name: string, epoch: number) => number
  readonly clock: Clock
  readonly log: (message: string) => void
  readonly signal: AbortSignal
}

/** Where a token without a source of its own writes. */
const BUILT_IN_API: SourceInfo = { name: 'api', stream: 'default', authenticated: true }
const OUR_OWN = new Set(['whodid', '_log'])

export function startSources(deps: SourcesDeps): Sources {
  const { writer, clock, log, signal } = deps
  const receivers = new Map<string, Receiver>()
  const ways = new Map<string, Emit>([[BUILT_IN_API.name, writer.emitFor(BUILT_IN_API)]])
  const running: Promise<void>[] = []
  for (const config of deps.configs) {
    refuseOurNames(config.name)
    const emit = writer.emitFor(infoOf(config, deps.configs))
    const open = () =>
      startSource(config, {
        name: config.name,
        clock,
        cursor: deps.cursor(config.name),
        lastNumber: (epoch) => deps.lastNumber(config.feeds ?? config.name, epoch),
        log,
        secret: (ref) => secretOf(config.name, ref),
        report: () => undefined,
      })
    const started = open()
    if (started.role === 'receiver') {
      receivers.set(config.name, started.receiver)
      ways.set(config.name, emit)
      continue
    }
    const again = () => {
      const follower = open()
      if (follower.role !== 'follower') throw new AuditError('internal', `source ${config.name} changed its role`)
      return follower.source
    }
    running.push(superviseSource(config.name, again, emit, { clock, log, signal }))
  }
  const followers = new Set(deps.configs.map((config) => config.name).filter((name) => !receivers.has(name)))
  return {
    emitFor(name) {
      if (followers.has(name) || OUR_OWN.has(name) || name === '') return undefined
      const known = ways.get(name)
      if (known !== undefined) return known
      // A token that names a source which the configuration does not know makes an HTTP source of that name.
      const emit = writer.emitFor({ ...BUILT_IN_API, name })
      ways.set(name, emit)
      return emit
    },
    receiver: (name) => receivers.get(name),
    names: () => [...new Set([...ways.keys(), ...deps.configs.map((config) => config.name)])].toSorted(),
    stopped: Promise.all(running).then(() => undefined),
  }
}

/** Configured secrets of receivers, by source name. Throws `invalid_config` for one that is not where it is said to be. */
export function receiverSecrets(configs: readonly SourceConfig[]): ReadonlyMap<string, string> {
  const secrets = new Map<string, string>()
  for (const config of configs) {
    if ('token' in config && config.token !== undefined) secrets.set(config.name, secretOf(config.name, config.token))
  }
  return secrets
}

function secretOf(name: string, ref: SecretRef): string {
  if ('env' in ref) {
    const value = process.env[ref.env]
    if (value !== undefined) return value
    const hint = `set ${ref.env} before the server starts`
    throw new AuditError('invalid_config', `a secret of source ${name}: ${ref.env} is not in the environment`, {
      hint,
    })
  }
  try {
    return readFileSync(ref.file, 'utf8').trimEnd()
  } catch (cause) {
    throw new AuditError('invalid_config', `a secret of source ${name}: cannot read ${ref.file}`, { cause })
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
  }
}

function fedBy(config: SourceConfig, all: readonly SourceConfig[]): SourceConfig {
  const into = all.find((each) => each.name === config.feeds)
  if (into === undefined || into.feeds !== undefined) {
    const hint = 'feeds names another entry of sources, which feeds none itself'
    throw new AuditError('invalid_config', `source ${config.name} feeds ${config.feeds}, which is no source`, { hint })
  }
  if (config.stream === undefined && config.cluster === undefined) return into
  const hint = `leave stream and cluster out: they are those of ${into.name}`
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
