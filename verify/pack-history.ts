import { toHex } from './base64.ts'
import { openCheckpoint, parseCheckpoint } from './checkpoint.ts'
import { verifyConsistency } from './consistency.ts'
import { VerifyError } from './errors.ts'
import { equalBytes } from './hash.ts'
import type { Crypto } from './note.ts'
import { parseNote, parseVerifierKey } from './note.ts'
import { type OpenedLog, type ReadMember, folderOf, ownNote, textOf } from './pack-log.ts'
import { type TlogPolicy, judgeQuorum } from './policy.ts'
import { type Findings, countText, plural, reasonOf, timeText } from './report.ts'
import { parseAddCheckpoint } from './witness.ts'

/** Each earlier checkpoint in the pack is one that the newest continues: `checkpoints/<m>` and `consistency/<m>-<n>.txt`. */
export function checkConsistency(
  { sha256 }: Crypto,
  { origin, vouched }: OpenedLog,
  members: ReadonlyMap<string, Uint8Array>,
  read: ReadMember,
  findings: Findings,
): void {
  const { checkpoint, note } = vouched
  const sizes = earlierSizes(origin, members)
  if (sizes.length === 0) {
    const text = `one checkpoint, of ${plural(checkpoint.size, 'leaf', 'leaves')}: keep it, and compare it with later ones`
    return findings.say('consistency', 'open', text, origin)
  }
  findings.judge('consistency', origin, () => {
    for (const size of sizes) {
      const older = parseCheckpoint(parseNote(textOf(read, earlierName(origin, size))).text)
      const name = `${folderOf(origin)}/consistency/${size}-${checkpoint.size}.txt`
      const { old, proof, checkpoint: newer } = parseAddCheckpoint(textOf(read, name))
      if (older.origin !== origin || older.size !== size || old !== size || newer !== note) {
        throw new VerifyError('mismatch', `${name} is not from checkpoint ${size} to the newest`)
      }
      verifyConsistency(sha256, older, checkpoint, proof)
    }
    const told = sizes.map(countText).join(', ')
    findings.say(
      'consistency',
      'yes',
      `the newest checkpoint continues ${sizes.length === 1 ? 'that' : 'those'} of ${told} leaves`,
      origin,
    )
  })
}

/** `log.opened` names the key, and the log before with its last checkpoint; where the pack has that one too, they must agree. */
export function checkChain(logs: readonly OpenedLog[], findings: Findings): void {
  for (const { origin, stretches, details, vouched } of logs) {
    if (stretches[0]?.from !== 0) {
      findings.say('chain', 'open', 'the first leaf of this log is not in the pack', origin)
      continue
    }
    findings.judge('chain', origin, () => {
      const said = details.get(0)
      if (stretches[0]?.leaves[0]?.y !== 'log.opened' || said === undefined) {
        throw new VerifyError('mismatch', 'its first leaf does not open it')
      }
      if (said.get('key') !== vouched.vkey) throw new VerifyError('mismatch', 'its first leaf names another key')
      const [previous, final] = [said.get('previous'), said.get('final')]
      if (typeof previous !== 'string' || typeof final !== 'string') {
        return findings.say('chain', 'yes', 'the first log of its stream', origin)
      }
      const { origin: name, size, root } = parseCheckpoint(parseNote(final).text)
      if (name !== previous) throw new VerifyError('mismatch', `it continues ${previous} with a checkpoint of ${name}`)
      const before = logs.find((each) => each.origin === previous)?.vouched.checkpoint
      const told = `continues ${previous} of ${plural(size, 'leaf', 'leaves')}`
      if (before === undefined) return findings.say('chain', 'open', `${told}, which is not in this pack`, origin)
      if (before.size > size || (before.size === size && !equalBytes(before.root, root))) {
        throw new VerifyError('mismatch', `it ${told}, but that log is another in this pack`)
      }
      return findings.say('chain', 'yes', told, origin)
    })
  }
}

/**
 * Between which times leaves were sealed, as far as somebody outside says so: a heartbeat holds the hash of a checkpoint
 * that witnesses had signed before, and the newest checkpoint was signed by witnesses after.
 */
export async function checkTimes(
  crypto: Crypto,
  logs: readonly OpenedLog[],
  policy: TlogPolicy,
  members: ReadonlyMap<string, Uint8Array>,
  findings: Findings,
): Promise<void> {
  for (const log of logs) {
    const after = log.vouched.quorum.seenBy.map(({ time }) => time)
    const before = await notBefore(crypto, log, policy, members).catch((error: unknown) =>
      findings.say('time', 'no', reasonOf(error), log.origin),
    )
    const parts = [
      ...(before === undefined
        ? []
        : [`leaves from ${countText(before.index)} on are not older than ${timeText(before.time)}`]),
      ...(after.length === 0 ? [] : [`all of them are not younger than ${timeText(Math.min(...after))}`]),
    ]
    if (parts.length > 0) findings.say('time', 'yes', `by the word of witnesses, ${parts.join(', and ')}`, log.origin)
    else
      findings.say(
        'time',
        'open',
        'the times are those of the server that wrote them; nobody outside says when',
        log.origin,
      )
  }
}

/** The first heartbeat whose checkpoint is in the pack with a witness's time. */
async function notBefore(
  crypto: Crypto,
  { origin, vouched, stretches, details }: OpenedLog,
  policy: TlogPolicy,
  members: ReadonlyMap<string, Uint8Array>,
): Promise<{ index: number; time: number } | undefined> {
  const key = parseVerifierKey(crypto.sha256, vouched.vkey)
  const read = (name: string): Uint8Array => members.get(name) ?? new Uint8Array()
  for (const size of earlierSizes(origin, members)) {
    const note = textOf(read, earlierName(origin, size))
    const { signers } = await openCheckpoint(
      crypto,
      note,
      key,
      policy.witnesses.map((each) => each.key),
    )
    const times = judgeQuorum(policy, signers).seenBy.map(({ time }) => time)
    const hashes = [note, ownNote(note, key)].map((each) => toHex(crypto.sha256(new TextEncoder().encode(each))))
    const index = [...details].find(([, said]) => hashes.some((hash) => said.get('checkpoint') === hash))?.[0]
    const isHere =
      index !== undefined && stretches.some(({ from, leaves }) => index >= from && index < from + leaves.length)
    if (isHere && times.length > 0) return { index, time: Math.min(...times) }
  }
  return undefined
}

function earlierSizes(origin: string, members: ReadonlyMap<string, Uint8Array>): readonly number[] {
  const start = `${folderOf(origin)}/checkpoints/`
  return [...members.keys()]
    .filter((name) => name.startsWith(start))
    .map((name) => Number(name.slice(start.length)))
    .toSorted((a, b) => a - b)
}

function earlierName(origin: string, size: number): string {
  return `${folderOf(origin)}/checkpoints/${size}`
}
