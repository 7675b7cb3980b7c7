import { formatProof } from '../../verify/proof.ts'
import type { Receipt, RecordResult } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { pause } from '../lib/clock.ts'
import type { ApiDeps } from './deps.ts'

/** A receipt whose results hold the proof of what they tell of: `tlog-proof@v1`, or that it was not there in time. */
export interface ProvenReceipt extends Omit<Receipt, 'results'> {
  readonly results: readonly (RecordResult & { readonly proof?: string })[]
}

type WaitForProofs = (receipt: Receipt, signal: AbortSignal) => Promise<ProvenReceipt>

/** Writers that wait hold their connection: so many at a time. */
const MOST_WAITING = 100
const LONGEST_MS = 30_000
const LOOK_MS = 200
/** Stands instead of a proof that was not there in time. The event is durable; its proof can be asked for later. */
const PENDING = 'pending'

/**
 * `POST /v1/events?wait=proof`: the answer waits until a checkpoint covers every event of the batch, and holds the proofs
 * (docs/ledger.md, Write path). Where witnesses are configured that checkpoint stands in a root log that one of them has
 * signed. Whoever wrote an event may have its proof: it holds hashes and a checkpoint, nothing of other events.
 *
 * @throws `busy` when too many wait already: before anything was taken if asked by `room`.
 */
export function createProofWait(deps: Pick<ApiDeps, 'ledger' | 'evidence' | 'clock'>) {
  let waiting = 0
  const look = async (result: RecordResult): Promise<string | undefined> => {
    if (!('log' in result)) return undefined
    const { log, index } = result
    if (deps.evidence.policy() !== undefined && !isWitnessed(await deps.ledger.rootProof?.(log, index)))
      return undefined
    const found = await deps.ledger.proof(log, index)
    return found && formatProof({ index, path: found.hashes, checkpoint: found.checkpoint })
  }
  const wait: WaitForProofs = async (receipt, signal) => {
    waiting += 1
    try {
      const proofs = new Map<RecordResult, string>()
      const wanted = receipt.results.filter((result) => 'log' in result)
      const until = deps.clock.now() + LONGEST_MS
      for (;;) {
        for (const result of wanted) {
          if (proofs.has(result)) continue
          const proof = await look(result)
          // Logs grow in order: what comes behind it in the same one is not covered either, and is asked again.
          if (proof === undefined) break
          proofs.set(result, proof)
        }
        if (proofs.size === wanted.length || deps.clock.now() >= until || signal.aborted) break
        await pause(deps.clock, LOOK_MS, signal)
      }
      const results = receipt.results.map((result) =>
        'log' in result ? { ...result, proof: proofs.get(result) ?? PENDING } : result,
      )
      return { ...receipt, results }
    } finally {
      waiting -= 1
    }
  }
  return {
    wait,
    /** Throws when no more can wait now. */
    room(): void {
      if (waiting < MOST_WAITING) return
      const hint =
        'send it again after the time in Retry-After, or without wait=proof: the proof can be asked for later'
      throw new AuditError('busy', `${MOST_WAITING} batches wait for their proofs already`, {
        hint,
        retryAfterMs: 1000,
      })
    },
  }
}

/** The log's own signature is the first line; every other one is a witness's. */
function isWitnessed(found: { readonly rootNote: string } | undefined): boolean {
  return found !== undefined && found.rootNote.split('\n\u2014 ').length > 2
}
