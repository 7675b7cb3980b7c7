import { z } from 'zod'

import { AuditError } from '../domain/errors.ts'
import type { Clock } from '../lib/clock.ts'
import { type ApiServer, inClusterServer, readKubeconfig } from '../lib/kubeconfig.ts'
import { watchResources } from '../lib/kubernetes-watch.ts'
import { accessAuditName } from '../rules/access-audit-family.ts'
import { locateJson } from '../rules/access-audit-json.ts'
import { type AccessAudit, parseAccessAudit } from '../rules/access-audit.ts'
import type { FileRules } from '../rules/rule-layers.ts'

/** `accessAudits` of the configuration. */
export interface AccessAuditsConfig {
  readonly watch: { readonly kubeconfig: string; readonly context?: string } | { readonly inCluster: true }
}

export const accessAuditsConfig: z.ZodType<AccessAuditsConfig> = z.strictObject({
  watch: z.union(
    [
      z.strictObject({ kubeconfig: z.string().min(1), context: z.string().min(1).exactOptional() }),
      z.strictObject({ inCluster: z.literal(true) }),
    ],
    'a watch is { kubeconfig: FILE, context: NAME } or { inCluster: true }',
  ),
})

/** The AccessAudits of a cluster, as its API server has them. */
export interface AccessAuditWatch {
  /**
   * The rules of the files with those of the cluster. Before these were ever listed it is those that were in force.
   * Throws `invalid_config` where a file has one of the same name.
   */
  withThem(files: FileRules, inForce: FileRules): FileRules
  /** What is not as it should be, in words for an operator. */
  trouble(): string | undefined
  /** Works until `signal` aborts. `onChange` is called when they are others than before. */
  run(onChange: () => void, signal: AbortSignal): Promise<void>
}

export interface AccessAuditWatchDeps {
  readonly config: AccessAuditsConfig
  readonly clock: Clock
  readonly log: (message: string) => void
}

const PATH = '/apis/kuma.io/v1alpha1/accessaudits'
const ORIGIN = 'kubernetes'

/** Reads the kubeconfig at once. Throws `invalid_config`. */
export function createAccessAuditWatch({ config, clock, log }: AccessAuditWatchDeps): AccessAuditWatch {
  const server = serverOf(config)
  const origin = `${ORIGIN} ${server.url}`
  let audits: readonly AccessAudit[] | undefined
  let unreachable: string | undefined
  let misunderstood: string | undefined

  const tell = (before: string | undefined, now: string | undefined): void => {
    if (before === now) return
    log(now === undefined ? `AccessAudits of ${server.url} are followed again` : `AccessAudits: ${now}`)
  }

  return {
    withThem(files, inForce) {
      const theirs = audits ?? inForce.set.accessAudits.filter((audit) => isTheirs(inForce, audit))
      const twice = theirs.find(({ name }) => files.set.accessAudits.some((each) => each.name === name))
      if (twice !== undefined) {
        const where = originOf(files, twice) ?? 'a file'
        const message = `AccessAudit ${twice.name} is in ${where} and in the cluster`
        throw new AuditError('invalid_config', message, { hint: 'give one of them another name' })
      }
      return {
        ...files,
        set: { ...files.set, accessAudits: [...files.set.accessAudits, ...theirs] },
        origins: { ...files.origins, ...Object.fromEntries(theirs.map((each) => [accessAuditName(each), origin])) },
      }
    },
    trouble: () => unreachable ?? misunderstood,
    run(onChange, signal) {
      return watchResources(
        {
          server,
          path: PATH,
          clock,
          onItems(items) {
            const read = readAll(items)
            const before = misunderstood
            misunderstood = read.kind === 'refused' ? read.reason : undefined
            tell(before, misunderstood)
            // All or nothing: with one that is not understood, those of before stay.
            if (read.kind === 'refused') return
            audits = read.audits
            onChange()
          },
          onTrouble(reason) {
            const before = unreachable
            unreachable = reason === undefined ? undefined : `those of ${server.url} are as before: ${reason}`
            tell(before, unreachable)
          },
        },
        signal,
      )
    },
  }
}

function serverOf({ watch }: AccessAuditsConfig): ApiServer {
  return 'kubeconfig' in watch ? readKubeconfig(watch.kubeconfig, watch.context) : inClusterServer()
}

function isTheirs(files: FileRules, audit: AccessAudit): boolean {
  return originOf(files, audit)?.startsWith(`${ORIGIN} `) === true
}

function originOf({ origins }: FileRules, audit: AccessAudit): string | undefined {
  const name = accessAuditName(audit)
  return Object.hasOwn(origins, name) ? origins[name] : undefined
}

type Read =
  | { readonly kind: 'read'; readonly audits: readonly AccessAudit[] }
  | { readonly kind: 'refused'; readonly reason: string }

function readAll(items: readonly unknown[]): Read {
  try {
    const audits = items.map((item) => parseAccessAudit(locateJson(withKind(item)), 'the cluster').audit)
    return { kind: 'read', audits: audits.toSorted((a, b) => (a.name < b.name ? -1 : 1)) }
  } catch (error) {
    if (!(error instanceof AuditError)) throw error
    return {
      kind: 'refused',
      reason: `those of the cluster are not understood, those of before stay: ${error.message}`,
    }
  }
}

/** In a list of built-in resources items do not say what they are; of custom ones they do. */
function withKind(item: unknown): unknown {
  return typeof item === 'object' && item !== null
    ? { apiVersion: 'kuma.io/v1alpha1', kind: 'AccessAudit', ...item }
    : item
}
