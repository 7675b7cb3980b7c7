import { join } from 'node:path'

import type { EvidenceDeps } from '../api/deps.ts'
import { createJobs } from '../api/jobs.ts'
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
  readonly clock: Clock
  readonly logError: (error: unknown, id: string) => void
}

/** What evidence packs need of this server. Packs of an earlier run are removed: nobody knows any more whose they were. */
export async function openEvidence(parts: EvidenceParts, closers: Closers): Promise<EvidenceDeps> {
  const { files, data, uiFolder, state, clock, logError } = parts
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
    policy: () => undefined,
    approvals: 'single',
  }
}
