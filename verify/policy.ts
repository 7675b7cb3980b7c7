import { VerifyError } from './errors.ts'
import { equalBytes } from './hash.ts'
import type { Sha256 } from './hash.ts'
import type { Signer, VerifierKey } from './note.ts'
import { parseVerifierKey } from './note.ts'

/** C2SP tlog-policy (C2SP/C2SP@5ba5ee8): which logs are believed, and which witnesses must have seen a checkpoint. */
export interface TlogPolicy {
  readonly logs: readonly PolicyLog[]
  readonly witnesses: readonly PolicyWitness[]
  readonly groups: readonly PolicyGroup[]
  /** A witness or a group; undefined: none is needed. */
  readonly quorum: string | undefined
}

export interface PolicyLog {
  readonly key: VerifierKey
  readonly vkey: string
  readonly url?: string
}

export interface PolicyWitness {
  /** What the policy calls it; its key has a name of its own. */
  readonly name: string
  readonly key: VerifierKey
  readonly vkey: string
  /** Its submission prefix. */
  readonly url?: string
}

export interface PolicyGroup {
  readonly name: string
  /** How many of the members must have signed. */
  readonly need: number
  readonly members: readonly string[]
}

/** Far above what anyone writes; the format asks for 32 of each. */
const MOST = 256
const MAX_POLICY_CHARS = 256 * 1024

/** Throws VerifyError `malformed` that names the line, or `too_large`. */
export function parsePolicy(sha256: Sha256, text: string): TlogPolicy {
  if (text.length > MAX_POLICY_CHARS) throw new VerifyError('too_large', `a policy of ${text.length} characters`)
  const policy: Draft = { logs: [], witnesses: [], groups: [], names: new Set(), members: new Set() }
  for (const [n, line] of text.split('\n').entries()) {
    try {
      addLine(sha256, policy, line)
    } catch (error) {
      if (!(error instanceof VerifyError)) throw error
      throw new VerifyError(error.code, `policy, line ${n + 1}: ${error.message}`, error)
    }
  }
  if (policy.quorum === undefined) throw bad('policy: it has no quorum line')
  const { logs, witnesses, groups, quorum } = policy
  return { logs, witnesses, groups, quorum: quorum === NONE ? undefined : quorum }
}

/** Whether those who signed a checkpoint are enough, and which witnesses of the policy are among them. */
export interface QuorumJudgement {
  readonly met: boolean
  /** Names in the policy, with the time of the newest cosignature in seconds since 1970. */
  readonly seenBy: readonly { readonly name: string; readonly time: number }[]
}

/**
 * @param signers whose signatures over one checkpoint were checked.
 */
export function judgeQuorum(policy: TlogPolicy, signers: readonly Signer[]): QuorumJudgement {
  const seenBy = policy.witnesses.flatMap(({ name, key }) => {
    const times = signers.flatMap((each) => (isBy(each, key) && each.time !== undefined ? [each.time] : []))
    return times.length === 0 ? [] : [{ name, time: Math.max(...times) }]
  })
  return { met: isMet(policy, new Set(seenBy.map(({ name }) => name))), seenBy }
}

/** Whether these witnesses, by their names in the policy, make its quorum. */
export function isMet(policy: TlogPolicy, names: ReadonlySet<string>): boolean {
  const met = new Set(names)
  // A group names only what stands before it.
  for (const { name, need, members } of policy.groups) {
    if (members.filter((member) => met.has(member)).length >= need) met.add(name)
  }
  return policy.quorum === undefined || met.has(policy.quorum)
}

interface Draft {
  readonly logs: PolicyLog[]
  readonly witnesses: PolicyWitness[]
  readonly groups: PolicyGroup[]
  /** Of witnesses and groups. */
  readonly names: Set<string>
  /** Names that are in a group. */
  readonly members: Set<string>
  quorum?: string
}

const NONE = 'none'

function addLine(sha256: Sha256, policy: Draft, line: string): void {
  // Only space and tab part words: other spaces belong to a name.
  if (/[^\t\u0020-\u007e\u0080-\u{10ffff}]/u.test(line)) throw bad('it has a control character')
  const words = line.split(/[ \t]+/).filter((word) => word !== '')
  const [kind = '', ...rest] = words
  if (kind === '' || kind.startsWith('#')) return
  if (kind === 'log') addLog(sha256, policy, rest)
  else if (kind === 'witness') addWitness(sha256, policy, rest)
  else if (kind === 'group') addGroup(policy, rest)
  else if (kind === 'quorum') addQuorum(policy, rest)
  else throw bad(`${kind.slice(0, 100)} is no log, witness, group or quorum`)
}

function addLog(sha256: Sha256, { logs }: Draft, [vkey, url, ...more]: readonly string[]): void {
  if (vkey === undefined || more.length > 0) throw bad('a log is "log <vkey> [<url>]"')
  const key = parseVerifierKey(sha256, vkey)
  if (key.type !== 'ed25519') throw bad('the key of a log is not that of a witness')
  if (logs.some((each) => equalBytes(each.key.publicKey, key.publicKey))) throw bad('this key is there already')
  if (logs.length >= MOST) throw new VerifyError('too_large', `more than ${MOST} logs`)
  logs.push({ key, vkey, ...(url !== undefined && { url }) })
}

function addWitness(sha256: Sha256, policy: Draft, [name, vkey, url, ...more]: readonly string[]): void {
  if (name === undefined || vkey === undefined || more.length > 0) {
    throw bad('a witness is "witness <name> <vkey> [<url>]"')
  }
  const key = parseVerifierKey(sha256, vkey)
  if (key.type !== 'cosignature') throw bad('the key of a witness is a key for cosignatures (type 4)')
  const known = policy.witnesses.some((each) => equalBytes(each.key.publicKey, key.publicKey))
  if (known) throw bad('this key is there already')
  claim(policy, name)
  policy.witnesses.push({ name, key, vkey, ...(url !== undefined && { url }) })
}

function addGroup(policy: Draft, [name, threshold, ...members]: readonly string[]): void {
  if (name === undefined || threshold === undefined || members.length === 0) {
    throw bad('a group is "group <name> all|any|<k> <member>…"')
  }
  for (const member of members) {
    if (!policy.names.has(member)) throw bad(`${member.slice(0, 100)} is no witness or group of a line before`)
    if (policy.members.has(member)) throw bad(`${member.slice(0, 100)} is in a group already`)
    policy.members.add(member)
  }
  const need = needOf(threshold, members.length)
  claim(policy, name)
  policy.groups.push({ name, need, members })
}

function needOf(threshold: string, members: number): number {
  if (threshold === 'any') return 1
  if (threshold === 'all') return members
  const need = /^[1-9]\d{0,3}$/.test(threshold) ? Number(threshold) : 0
  if (need >= 1 && need <= members) return need
  throw bad(`${threshold.slice(0, 100)} is neither all, any nor a number from 1 to ${members}`)
}

function addQuorum(policy: Draft, [name, ...more]: readonly string[]): void {
  if (name === undefined || more.length > 0) throw bad('a quorum is "quorum <name>" or "quorum none"')
  if (policy.quorum !== undefined) throw bad('there is a quorum already')
  if (name !== NONE && !policy.names.has(name))
    throw bad(`${name.slice(0, 100)} is no witness or group of a line before`)
  policy.quorum = name
}

/** Witnesses and groups share their names. */
function claim({ names }: Draft, name: string): void {
  if (name === NONE) throw bad('none is no name')
  if (names.has(name)) throw bad(`${name.slice(0, 100)} is there already`)
  if (names.size >= 2 * MOST) throw new VerifyError('too_large', `more than ${2 * MOST} witnesses and groups`)
  names.add(name)
}

function isBy(signer: Signer, key: VerifierKey): boolean {
  return signer.type === 'cosignature' && signer.name === key.name && equalBytes(signer.publicKey, key.publicKey)
}

function bad(message: string): VerifyError {
  return new VerifyError('malformed', message)
}
