import { type CountedLog, type Stretch, checkAccounting } from './accounting.ts'
import { toHex } from './base64.ts'
import type { Block } from './blocks.ts'
import { VerifyError } from './errors.ts'
import type { Leaf } from './leaf.ts'
import type { Crypto } from './note.ts'
import { type Disclosed, openBlocks } from './pack-blocks.ts'
import { checkChain, checkConsistency, checkTimes } from './pack-history.ts'
import { type OpenedLog, type Vouched, folderOf, openPackedCheckpoint, openStretches, textOf } from './pack-log.ts'
import { type PackLog, type PackManifest, parseManifest } from './pack-manifest.ts'
import { checkHidden } from './pack-hidden.ts'
import { type TlogPolicy, parsePolicy } from './policy.ts'
import {
  type Findings,
  type Report,
  createFindings,
  countText,
  plural,
  reasonOf,
  reportOf,
  timeText,
} from './report.ts'
import { readTar } from './tar.ts'

export interface PackOptions extends Crypto {
  /** tlog-policy that is believed; left out: the pack's own, and the report says so. */
  readonly policy?: string
}

export interface PackReport extends Report {
  /** Absent where it could not be read. */
  readonly manifest?: PackManifest
  readonly trusted: 'your policy' | 'the policy inside the pack'
  /** Events of the pack as they were checked; system leaves are not among them. */
  readonly events: readonly PackedEvent[]
}

export interface PackedEvent {
  readonly log: string
  readonly index: number
  readonly leaf: Leaf
  readonly blocks: readonly { readonly block: Block; readonly json: string }[]
}

/** Members that every pack has. */
const ALWAYS = ['manifest.json', 'manifest.sha256', 'README.txt', 'policy.txt']
export const MAX_PACK_BYTES = 2 ** 31

/**
 * Checks an evidence pack (docs/ledger.md, Evidence pack). Fetches nothing, trusts nothing but the policy, and never
 * throws for what a pack holds: each fault is a line of the report.
 */
export async function verifyPack(bytes: Uint8Array, options: PackOptions): Promise<PackReport> {
  const findings = createFindings()
  const trusted = options.policy === undefined ? 'the policy inside the pack' : 'your policy'
  const members = findings.judge('container', undefined, () => openMembers(bytes))
  const read = (name: string): Uint8Array => {
    const found = members?.get(name)
    if (found === undefined) throw new VerifyError('unreadable', `${name} is missing`)
    return found
  }
  const manifest = members && findings.judge('members', undefined, () => openManifest(options, read))
  if (members !== undefined && manifest !== undefined) checkMembers(options, manifest, members, findings)
  const policy =
    manifest &&
    findings.judge('witnesses', undefined, () =>
      parsePolicy(options.sha256, options.policy ?? textOf(read, 'policy.txt')),
    )
  if (members === undefined || manifest === undefined || policy === undefined) {
    return { ...reportOf(UNREAD, findings, () => NOT_VERIFIED), trusted, events: [] }
  }
  const logs: OpenedLog[] = []
  for (const entry of manifest.logs) {
    const log = await openLog(options, entry, policy, members, read, findings)
    if (log !== undefined) logs.push(log)
  }
  checkCompleteness(manifest, logs, findings)
  checkConsistencyOf(options, logs, members, read, findings)
  checkChain(logs, findings)
  checkHidden(options, manifest, logs, members, findings)
  if (manifest.kind === 'range') checkAccounting(logs, findings)
  else findings.say('accounting', 'open', 'a selection of leaves has nothing that could be counted')
  await checkTimes(options, logs, policy, members, findings)
  const stamps = [...members.keys()].filter((name) => name.startsWith('anchors/')).length
  findings.say(
    'stamps',
    'open',
    stamps === 0 ? NO_STAMPS : `${plural(stamps, 'file')} in anchors/; check them with openssl ts -verify`,
  )
  return {
    ...reportOf(aboutOf(manifest), findings, (isVerified) => summaryOf(isVerified, manifest, logs, findings)),
    manifest,
    trusted,
    events: eventsOf(logs),
  }
}

const UNREAD = 'This pack could not be read.'
const NOT_VERIFIED = 'Not verified: see the lines marked with a cross.'
const NO_STAMPS = 'no time stamp is in the pack'

function openMembers(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  if (bytes.length > MAX_PACK_BYTES) throw new VerifyError('too_large', `a pack of ${bytes.length} bytes`)
  const members = new Map(readTar(bytes).map((each) => [each.name, each.bytes]))
  const missing = ALWAYS.find((name) => !members.has(name))
  if (missing !== undefined) throw new VerifyError('unreadable', `${missing} is missing: this is no evidence pack`)
  return members
}

function openManifest({ sha256 }: Crypto, read: (name: string) => Uint8Array): PackManifest {
  const bytes = read('manifest.json')
  if (textOf(read, 'manifest.sha256') !== `${toHex(sha256(bytes))}  manifest.json\n`) {
    throw new VerifyError('mismatch', 'manifest.json is not the one that manifest.sha256 names')
  }
  try {
    return parseManifest(textOf(read, 'manifest.json'))
  } catch (error) {
    throw new VerifyError('malformed', `manifest.json: ${reasonOf(error)}`, error)
  }
}

/** Each member has the name of something that a pack holds, and the hash that the manifest says. */
function checkMembers(
  { sha256 }: Crypto,
  manifest: PackManifest,
  members: ReadonlyMap<string, Uint8Array>,
  findings: Findings,
): void {
  const listed = new Map(manifest.files.map((file) => [file.name, file]))
  const faults: string[] = []
  for (const [name, bytes] of members) {
    if (name === 'manifest.json' || name === 'manifest.sha256') continue
    const file = listed.get(name)
    if (file === undefined) faults.push(`${name} is not in the manifest`)
    else if (file.size !== bytes.length || file.sha256 !== toHex(sha256(bytes)))
      faults.push(`${name} is not the file that the manifest names`)
    else if (!isKnown(name, manifest)) faults.push(`${name} is nothing that a pack holds`)
  }
  for (const name of listed.keys()) if (!members.has(name)) faults.push(`${name} is missing`)
  for (const fault of faults.slice(0, 20)) findings.say('members', 'no', fault)
  if (faults.length === 0)
    findings.say('members', 'yes', `${plural(members.size, 'file')}, each as the manifest names it`)
}

const TOP =
  /^(?:README\.txt|policy\.txt|verify\.html|erasures\.jsonl|rules\/[0-9a-f]{64}\.json|anchors\/[\w.-]{1,100})$/
const BELOW =
  /^(?:log\.vkey|checkpoint|blocks\.jsonl|root\.tlog-proof|leaves\/\d+-\d+|proofs\/\d+\.tlog-proof|checkpoints\/\d+|consistency\/\d+-\d+\.txt)$/

function isKnown(name: string, { logs }: PackManifest): boolean {
  const log = logs.find(({ origin }) => name.startsWith(`${folderOf(origin)}/`))
  return log === undefined ? TOP.test(name) : BELOW.test(name.slice(folderOf(log.origin).length + 1))
}

async function openLog(
  crypto: Crypto,
  entry: PackLog,
  policy: TlogPolicy,
  members: ReadonlyMap<string, Uint8Array>,
  read: (name: string) => Uint8Array,
  findings: Findings,
): Promise<OpenedLog | undefined> {
  const { origin } = entry
  const vouched = await openPackedCheckpoint(crypto, origin, policy, read, (name) => members.has(name)).catch(
    (error: unknown) => findings.say('signature', 'no', reasonOf(error), origin),
  )
  if (vouched === undefined) return undefined
  sayWhoVouches(vouched, policy, origin, findings)
  const stretches = findings.judge('inclusion', origin, () =>
    openStretches(crypto.sha256, entry, vouched.checkpoint, vouched.note, read),
  )
  if (stretches === undefined) return undefined
  const count = stretches.reduce((sum, each) => sum + each.leaves.length, 0)
  findings.say(
    'inclusion',
    'yes',
    `${plural(count, 'leaf lies', 'leaves lie')} in the log, ${vouched.checkpoint.size} leaves in all`,
    origin,
  )
  const disclosed = findings.judge('disclosure', origin, () => {
    const name = `${folderOf(origin)}/blocks.jsonl`
    try {
      return openBlocks(crypto.sha256, read(name), (index) => leafIn(stretches, index))
    } catch (error) {
      throw new VerifyError('mismatch', `${name}: ${reasonOf(error)}`, error)
    }
  })
  return { origin, entry, vouched, stretches, disclosed: disclosed ?? [], details: detailsOf(disclosed ?? []) }
}

function sayWhoVouches(
  { checkpoint, vkey, by, quorum, root }: Vouched,
  policy: TlogPolicy,
  origin: string,
  findings: Findings,
): void {
  const id = /\+([0-9a-f]{8})\+/.exec(vkey)?.[1] ?? ''
  const signed = `a checkpoint of ${plural(checkpoint.size, 'leaf', 'leaves')}, signed with key ${id}`
  if (by === 'nobody') findings.say('signature', 'no', `${signed}, which the policy does not name`, origin)
  else if (by === 'root') findings.say('signature', 'yes', `${signed}; the root log ${root} has it`, origin)
  else
    findings.say('signature', 'yes', root === undefined ? signed : `${signed}; the root log ${root} has it too`, origin)
  const seen = quorum.seenBy.map(({ name, time }) => `${name} at ${timeText(time)}`).join(', ')
  if (policy.quorum === undefined) findings.say('witnesses', 'open', NO_WITNESS, origin)
  else if (quorum.met) findings.say('witnesses', 'yes', `seen by ${seen}: enough for ${policy.quorum}`, origin)
  else
    findings.say(
      'witnesses',
      'no',
      seen === ''
        ? `no witness has seen it; the policy asks for ${policy.quorum}`
        : `seen by ${seen} only; the policy asks for ${policy.quorum}`,
      origin,
    )
}

const NO_WITNESS = 'the policy asks for none: that the log was not rewritten and signed again rests on who has its key'

function checkCompleteness(manifest: PackManifest, logs: readonly OpenedLog[], findings: Findings): void {
  for (const { origin, entry, stretches, disclosed } of logs) {
    const shown = disclosed.filter(({ leaf }) => leaf.s !== '_log').length
    if (shown !== entry.events) {
      findings.say(
        'completeness',
        'no',
        `the manifest counts ${plural(entry.events, 'event')} that match, and ${shown} are here`,
        origin,
      )
    } else if (manifest.kind === 'selection') {
      findings.say('completeness', 'open', 'not shown: a selection says nothing about what is not in it', origin)
    } else {
      sayRange(origin, stretches.filter(isNoRecord), shown, findings)
    }
  }
}

/** A record (of an erasure) may stand outside the range, alone. */
function isNoRecord({ leaves }: Stretch): boolean {
  return leaves.length > 1 || leaves[0]?.s !== '_log'
}

function sayRange(origin: string, ranges: readonly Stretch[], shown: number, findings: Findings): void {
  const [range, ...more] = ranges
  const [first, last] = [range?.leaves[0], range?.leaves.at(-1)]
  if (range === undefined || first === undefined || last === undefined) {
    return findings.say('completeness', 'open', 'only records of erasures are taken from this log', origin)
  }
  if (more.length > 0) {
    return findings.say(
      'completeness',
      'no',
      'a pack by range has one stretch of each log, and this has several',
      origin,
    )
  }
  const to = range.from + range.leaves.length - 1
  const text =
    `leaves ${countText(range.from)} to ${countText(to)} stand one after the other, received ${first.r} to ${last.r}: ` +
    `none between them is missing. That ${plural(shown, 'of them matches', 'of them match')} the query is the word of who made the pack`
  return findings.say('completeness', 'yes', text, origin)
}

function checkConsistencyOf(
  crypto: Crypto,
  logs: readonly OpenedLog[],
  members: ReadonlyMap<string, Uint8Array>,
  read: (name: string) => Uint8Array,
  findings: Findings,
): void {
  for (const log of logs) checkConsistency(crypto, log, members, read, findings)
}

function leafIn(stretches: readonly Stretch[], index: number): Leaf | undefined {
  const within = stretches.find(({ from, leaves }) => index >= from && index < from + leaves.length)
  return within?.leaves[index - within.from]
}

/** What system leaves say under `ledger`, by their index. */
function detailsOf(disclosed: readonly Disclosed[]): CountedLog['details'] {
  const details = new Map<number, ReadonlyMap<string, unknown>>()
  for (const { index, leaf, blocks } of disclosed) {
    const body = leaf.s === '_log' ? blocks.find(({ block }) => block === 'body') : undefined
    if (body === undefined) continue
    const ledger = objectIn(body.json)?.get('ledger')
    if (typeof ledger === 'object' && ledger !== null) details.set(index, new Map(Object.entries(ledger)))
  }
  return details
}

function objectIn(json: string): ReadonlyMap<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : undefined
  } catch {
    // Sealed all the same, and shown as it is.
    return undefined
  }
}

function eventsOf(logs: readonly OpenedLog[]): readonly PackedEvent[] {
  return logs.flatMap(({ origin, disclosed }) =>
    disclosed.flatMap(({ index, leaf, blocks }) => (leaf.s === '_log' ? [] : [{ log: origin, index, leaf, blocks }])),
  )
}

function aboutOf({ kind, query, since, until, createdBy, createdAt }: PackManifest): string {
  const first =
    kind === 'selection'
      ? 'This pack is a selection: it does NOT show completeness. '
      : 'This pack has every leaf of a range: it shows that nothing in the range is missing. '
  const range = `${since === undefined ? 'the beginning' : since} to ${until === undefined ? 'when it was made' : until}`
  return `${first}Made by ${createdBy} at ${createdAt}, for ${query === '' ? 'all events' : `the query ${query}`}, from ${range}.`
}

function summaryOf(
  isVerified: boolean,
  manifest: PackManifest,
  logs: readonly OpenedLog[],
  findings: Findings,
): string {
  if (!isVerified) return NOT_VERIFIED
  const events = logs.reduce((sum, { entry }) => sum + entry.events, 0)
  const open = findings.lines.filter(({ verdict }) => verdict === 'open').length
  const complete =
    manifest.kind === 'range'
      ? 'unchanged, and their logs complete over the range'
      : 'unchanged; whether others are missing is not shown'
  return `Verified: ${plural(events, 'event')} in ${plural(logs.length, 'log')}, ${complete}.${open === 0 ? '' : ` ${plural(open, 'line')} could not be told from this pack.`}`
}
