import type { PolicyWitness, TlogPolicy } from '../../verify/index.ts'
import { isMet, parseCheckpoint, parseNote } from '../../verify/index.ts'
import type { WitnessAccess } from './witness-client.ts'
import { addCheckpoint, knownSize } from './witness-client.ts'

/** Whether this disk has the newest root log that its witnesses know of. */
export type Comparison =
  | { readonly kind: 'same' }
  /** Too few answered to tell; `reasons` by witness. */
  | { readonly kind: 'untold'; readonly reasons: readonly string[] }
  /** A witness has signed more than this disk has, or something else: the disk is an old copy, or there are two. */
  | { readonly kind: 'behind'; readonly witness: string; readonly size: number }
  | { readonly kind: 'fork'; readonly witness: string; readonly reason: string }

/**
 * Asks all witnesses of a policy, at the start, before anything is signed.
 *
 * @param signed the root log's checkpoint that was signed last on this disk; undefined: there is none.
 */
export async function compareWithWitnesses(
  access: WitnessAccess,
  policy: TlogPolicy,
  origin: string,
  signed: string | undefined,
): Promise<Comparison> {
  const witnesses = policy.witnesses.filter(({ url }) => url !== undefined)
  const told = await Promise.all(witnesses.map((each) => tellOf(access, each, origin, signed)))
  const bad = told.find((each) => typeof each === 'object')
  if (bad !== undefined) return bad
  const reasons = told.flatMap((each, n) => (typeof each === 'string' ? [`${witnesses[n]?.name}: ${each}`] : []))
  if (reasons.length === 0) return { kind: 'same' }
  const same = new Set(witnesses.flatMap(({ name }, n) => (told[n] === true ? [name] : [])))
  return same.size > 0 && isMet(policy, same) ? { kind: 'same' } : { kind: 'untold', reasons }
}

/** True: it knows no more than we have. A string says why it could not tell. */
async function tellOf(
  access: WitnessAccess,
  witness: PolicyWitness,
  origin: string,
  signed: string | undefined,
): Promise<true | string | Comparison> {
  const own = signed === undefined ? 0 : parseCheckpoint(parseNote(signed).text).size
  if (signed === undefined) {
    const size = await knownSize(access, witness, origin)
    if (size === undefined) return 'it could not be asked'
    return size === 0 ? true : { kind: 'behind', witness: witness.name, size }
  }
  // The same again, which only refreshes its signature; whoever knows another size says which.
  const reply = await addCheckpoint(access, witness, { old: own, proof: [], checkpoint: signed })
  if (reply.kind === 'failed') return reply.reason
  if (reply.kind === 'fork') return { kind: 'fork', witness: witness.name, reason: reply.reason }
  if (reply.kind === 'knows' && reply.size > own) return { kind: 'behind', witness: witness.name, size: reply.size }
  return true
}
