import { stat } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'

import { AuditError } from '../domain/errors.ts'
import type { RuleOutcome } from '../domain/rule-answers.ts'
import type { RuleDesk } from '../ingest/rule-desk.ts'
import { type Clock, pause } from '../lib/clock.ts'
import { NO_RULES } from '../rules/rule-set.ts'
import type { Config } from './config.ts'
import type { RulesRead } from './rule-files.ts'

export interface ReloadDeps {
  /** As the server was started with it. */
  readonly config: Config
  /** Reads the configuration again, with what the command line said. Throws `invalid_config`. */
  readonly load: () => Config
  readonly desk: Pick<RuleDesk, 'changeFiles' | 'filesFail'>
  readonly clock: Clock
  readonly log: (message: string) => void
}

/** Rules that files change while the server runs. */
export interface Reload {
  /** Reads all files again, whether they changed or not. Resolves with what became of it; undefined: they stay as they were. */
  now(): Promise<RuleOutcome | undefined>
  /** Reads the files, and looks each second whether one changed, until `signal` aborts. */
  watch(signal: AbortSignal): Promise<void>
  /** Keys of the configuration that say something else than what the server runs with. */
  needRestart(): readonly string[]
}

export const NO_FILES: RulesRead = {
  rules: { set: NO_RULES, origins: {}, warnings: [] },
  watched: [],
  policyNames: new Map(),
}

const LOOK_MS = 1000
const MOST_READINGS = 3

export function createReload({ config, load, desk, clock, log }: ReloadDeps): Reload {
  let read = config.rules ?? NO_FILES
  let restart: readonly string[] = []

  async function now(): Promise<RuleOutcome | undefined> {
    try {
      const next = load()
      refuseMissingPolicies(config, next)
      const keys = changedKeys(config, next)
      if (keys.length > 0 && !isDeepStrictEqual(keys, restart))
        log(`of whodid.yaml only rules change while the server runs; ${keys.join(', ')} will after a restart`)
      restart = keys
      read = next.rules ?? NO_FILES
      for (const warning of read.rules.warnings) log(`rules: ${warning}`)
      return await desk.changeFiles(read.rules)
    } catch (error) {
      if (!(error instanceof AuditError)) throw error
      desk.filesFail(error)
      return undefined
    }
  }

  const files = (): readonly string[] => [...(config.file === undefined ? [] : [config.file]), ...read.watched]

  /** What they were before they were read: what changes meanwhile is seen at the next look. */
  async function readAsSeen(): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      const names = files()
      const seen = await fingerprint(names)
      await now()
      // Others are read now: they too must have been looked at before.
      if (attempt === MOST_READINGS || isDeepStrictEqual(files(), names)) return seen
    }
  }

  return {
    now,
    needRestart: () => restart,
    async watch(signal) {
      let seen = await readAsSeen()
      while (!signal.aborted) {
        await pause(clock, LOOK_MS, signal)
        if (signal.aborted) return
        if ((await fingerprint(files())) !== seen) seen = await readAsSeen()
      }
    },
  }
}

/** What changes when a file does. Seconds are too coarse: two edits may fall into one. */
async function fingerprint(files: readonly string[]): Promise<string> {
  const lines: string[] = []
  for (const file of files) {
    const found = await stat(file, { bigint: true }).catch(() => undefined)
    lines.push(`${file} ${found === undefined ? 'gone' : `${found.mtimeNs} ${found.size} ${found.ino}`}`)
  }
  return lines.join('\n')
}

/** Sources run with the policies that they were started with. */
function refuseMissingPolicies({ sources }: Config, next: Config): void {
  const known = Object.keys(next.rules?.rules.set.kubernetesPolicies ?? {})
  const missing = sources.find(({ policy }) => policy !== undefined && !known.includes(policy))
  if (missing === undefined) return
  const hint = 'leave it there until the server was started without it'
  throw new AuditError(
    'invalid_config',
    `source ${missing.name} runs with the policy ${missing.policy}, which is gone`,
    {
      hint,
    },
  )
}

const RELOADED = new Set(['rules', 'file'])

function changedKeys(before: Config, after: Config): readonly string[] {
  const said = (config: Config) => new Map<string, unknown>(Object.entries(config))
  const [old, now] = [said(before), said(after)]
  return [...new Set([...old.keys(), ...now.keys()])].filter(
    (key) => !RELOADED.has(key) && !isDeepStrictEqual(old.get(key), now.get(key)),
  )
}
