import { join } from 'node:path'

import type { TlogPolicy } from '../../verify/policy.ts'
import type { EvidenceDeps } from '../api/deps.ts'
import { createJobs } from '../api/jobs.ts'
import { createErasureProofs } from '../ingest/erasure-proofs.ts'
import type { Clock } from '../lib/clock.ts'
import type { Files } from '../lib/files.ts'
import type { State } from '../state/state.ts'
import type { Closers } from './closers.ts'

interface EvidenceParts {
  readonly files: Files
  /** The data folder. */
  readonly data: string
  /** Folder with the built UI, beside which `verify.html` lies. */
  readonly uiFolder: string | undefined
  readonly state: State
  /** Which witnesses the root log has; undefined: none. */
  readonly policy: TlogPolicy | undefined
  readonly clock: Clock
  readonly logError: (error: unknown, id: string) => void
}

/** What evidence packs need of this server. Packs of an earlier run are removed: nobody knows any more whose they were. */
export async function openEvidence(parts: EvidenceParts, closers: Closers): Promise<EvidenceDeps> {
  const { files, data, uiFolder, state, policy, clock, logError } = parts
  const jobs = createJobs({ files, folder: join(data, 'jobs'), clock, logError })
  await jobs.open()
  closers.push(() => jobs.stop())
  return {
    jobs,
    page: async () => (uiFolder === undefined ? undefined : files.read(join(uiFolder, '..', 'verify.html'))),
    rules: (hash) => {
      const rules = state.ruleVersions.find(hash)
      return rules === undefined ? undefined : `${JSON.stringify(rules, undefined, 1)}\n`
    },
    policy: () => (policy === undefined ? undefined : policyText(policy)),
    erasures: createErasureProofs(state.erasures),
    approvals: 'single',
  }
}

/** Witnesses, groups and quorum, without the addresses, which are nobody else's business. */
function policyText({ witnesses, groups, quorum }: TlogPolicy): string {
  const lines = [
    ...witnesses.map(({ name, vkey }) => `witness ${name} ${vkey}`),
    ...groups.map(({ name, need, members }) => `group ${name} ${need} ${members.join(' ')}`),
    `quorum ${quorum ?? 'none'}`,
  ]
  return `${lines.join('\n')}\n`
}
