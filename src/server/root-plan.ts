import { readFileSync } from 'node:fs'
import { parsePolicy, type TlogPolicy } from '../../verify/policy.ts'
import { VerifyError } from '../../verify/errors.ts'
import { parseCheckpoint } from '../../verify/checkpoint.ts'
import { parseNote } from '../../verify/note.ts'
import { AuditError } from '../domain/errors.ts'
import { rootOrigin } from '../domain/sealed.ts'
import { sha256 } from '../ledger/sha256.ts'
import { type Comparison, compareWithWitnesses } from '../ledger/witness-compare.ts'
import { knownSize, type WitnessAccess } from '../ledger/witness-client.ts'
import type { Clock } from '../lib/clock.ts'
import type { Install } from '../state/install.ts'
import type { State } from '../state/state.ts'

/** Which root log this start goes on with, and whether it may sign already (docs/decisions/recovery.md). */
export interface RootPlan {
  readonly install: Install
  readonly origin: string
  /** Too few witnesses answered to tell whether this disk is an old copy: nothing is signed until they have. */
  readonly held: boolean
  /** Undefined: no witness is configured. */
  readonly policy: TlogPolicy | undefined
  /** Asks again; `same` once it may sign. */
  compare(signal: AbortSignal): Promise<Comparison>
}

export interface RootPlanDeps {
  readonly state: Pick<State, 'install' | 'checkpoints' | 'recover' | 'restored'>
  /** Path of a tlog-policy with the addresses of witnesses. */
  readonly witnesses: string | undefined
  readonly clock: Clock
  readonly log: (message: string) => void
  /** An old copy is gone on with, as new logs. */
  readonly recover: boolean
}

const START_MS = 3000
const MOST_GENERATIONS = 100

/** Throws `conflict` when the witnesses have seen more than this disk has, and that was not to be recovered from. */
export async function planRoot(deps: RootPlanDeps): Promise<RootPlan> {
  const { state, log } = deps
  const policy = deps.witnesses === undefined ? undefined : readPolicy(deps.witnesses)
  const asked = policy?.witnesses.some(({ url }) => url !== undefined) === true ? policy : undefined
  const own = ownRoot(state, state.install)
  const compare = async (signal: AbortSignal): Promise<Comparison> => {
    if (asked === undefined) return { kind: 'same' }
    return compareWithWitnesses(access(deps, signal), asked, own.origin, own.note)
  }
  const found = await compare(new AbortController().signal)
  const plan = { install: state.install, origin: own.origin, policy: asked, compare, held: false }
  // Whoever restores a backup may have the old disk still running, so it is never gone on with, whatever witnesses say.
  const isRestored = state.restored !== undefined
  if (found.kind === 'untold') {
    if (deps.recover || isRestored) throw cannotTell(found.reasons)
    log(`nothing is signed until the witnesses have said what they know (${found.reasons.join('; ')})`)
    return { ...plan, held: true }
  }
  if (found.kind === 'same' && !deps.recover && !isRestored) return plan
  if (found.kind === 'same' && asked !== undefined && !isRestored) {
    log('--recover: the witnesses know nothing that is not here, so there is nothing to recover from')
    return plan
  }
  if (!deps.recover && !isRestored) throw oldCopy(own, found)
  const install = await nextGeneration(deps, asked, own, found)
  const origin = originOf(install, install.generation)
  log(`recovery: new logs go on as generation ${install.generation}; the root log is ${origin}`)
  return { ...plan, install, origin, compare: () => Promise.resolve({ kind: 'same' }) }
}

/** What a comparison that came later than the start found; undefined: it may go on. */
export function refusalOf(plan: RootPlan, state: RootPlanDeps['state'], found: Comparison): AuditError | undefined {
  return found.kind === 'same' || found.kind === 'untold' ? undefined : oldCopy(ownRoot(state, plan.install), found)
}

function originOf({ name, node }: Install, generation: number): string {
  return rootOrigin({ install: name, node }, generation)
}

interface OwnRoot {
  readonly origin: string
  readonly size: number
  readonly note: string | undefined
}

function ownRoot({ checkpoints }: RootPlanDeps['state'], install: Install): OwnRoot {
  const origin = originOf(install, install.generation)
  const note = checkpoints.last(origin)?.note
  return { origin, note, size: note === undefined ? 0 : parseCheckpoint(parseNote(note).text).size }
}

function access({ clock }: RootPlanDeps, signal: AbortSignal): WitnessAccess {
  return { fetch, now: () => clock.now(), timeoutMs: START_MS, signal }
}

/** The first generation of which no witness has heard: an earlier recovery may be what the old copy does not know of. */
async function nextGeneration(
  deps: RootPlanDeps,
  policy: TlogPolicy | undefined,
  own: OwnRoot,
  found: Comparison,
): Promise<Install> {
  const { state } = deps
  const signal = new AbortController().signal
  const witnesses = policy?.witnesses.filter(({ url }) => url !== undefined) ?? []
  for (let next = state.install.generation + 1; next < state.install.generation + MOST_GENERATIONS; next++) {
    const origin = originOf(state.install, next)
    const sizes = await Promise.all(witnesses.map((each) => knownSize(access(deps, signal), each, origin)))
    if (sizes.some((size) => size !== undefined && size > 0)) continue
    const seen = found.kind === 'behind' ? { witnessed: found.size } : { witnessed: own.size }
    const by = found.kind === 'behind' || found.kind === 'fork' ? { witness: found.witness } : {}
    const { restored } = state
    const from = restored === undefined ? {} : { backup: restored.backup }
    return state.recover(next, { root: own.origin, held: own.size, ...seen, ...by, ...from })
  }
  throw new AuditError('conflict', `the witnesses know ${MOST_GENERATIONS} later root logs of this node`)
}

/** Reads a tlog-policy. Throws `invalid_config` with the line that is wrong. */
function readPolicy(path: string): TlogPolicy {
  try {
    const policy = parsePolicy(sha256, readFileSync(path, 'utf8'))
    const wrong = policy.witnesses.find(({ url }) => url !== undefined && !/^https?:\/\/[^\s?#]+$/.test(url))
    if (wrong === undefined) return policy
    throw new VerifyError('malformed', `policy: the address of witness ${wrong.name} is no URL`)
  } catch (cause) {
    const hint = 'ledger.witnesses names a tlog-policy: docs/witness.md shows one'
    const why = cause instanceof VerifyError ? cause.message : 'it cannot be read'
    throw new AuditError('invalid_config', `${path}: ${why}`, { hint, cause })
  }
}

function cannotTell(reasons: readonly string[]): AuditError {
  const hint = 'recover when enough of them answer, or take them out of the policy'
  return new AuditError('conflict', `the witnesses do not say what they know: ${reasons.join('; ')}`, { hint })
}

function oldCopy(own: OwnRoot, found: Comparison): AuditError {
  const hint =
    'put the newest copy of the data folder back; if there is none, whodid serve --recover goes on with new logs and says so in them'
  if (found.kind === 'behind') {
    const message = `witness ${found.witness} has signed ${found.size} entries of ${own.origin}, this disk has ${own.size}: it is an old copy`
    return new AuditError('conflict', message, { hint })
  }
  const reason = found.kind === 'fork' ? ` (witness ${found.witness}: ${found.reason})` : ''
  const message = `${own.origin} on this disk, ${own.size} entries, is not what its witnesses have signed${reason}`
  return new AuditError('conflict', message, { hint })
}
