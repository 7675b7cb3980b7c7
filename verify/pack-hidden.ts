import { toHex } from './base64.ts'
import type { Block } from './blocks.ts'
import { BLOCKS } from './blocks.ts'
import { erasureLine, verifyErasure } from './erasure.ts'
import { VerifyError } from './errors.ts'
import type { Crypto } from './note.ts'
import type { OpenedLog } from './pack-log.ts'
import { type ErasureLine, linesIn, parseErasureLine } from './pack-lines.ts'
import type { PackManifest } from './pack-manifest.ts'
import { type Findings, countText, plural } from './report.ts'

/**
 * Every block that a matching event commits to is shown, or erased by a record that is in the pack, or hidden for a
 * reason that the manifest gives. Any other is withheld, and that is a fault.
 */
export function checkHidden(
  crypto: Crypto,
  manifest: PackManifest,
  logs: readonly OpenedLog[],
  members: ReadonlyMap<string, Uint8Array>,
  findings: Findings,
): void {
  const erased = findings.judge('hidden', undefined, () => openErasures(crypto, logs, members.get('erasures.jsonl')))
  const shown = new Map<Block, number>()
  const hidden = new Map<string, number>()
  const byRecord = new Map<string, number>()
  const withheld: string[] = []
  let events = 0
  for (const { origin, disclosed } of logs) {
    for (const { index, leaf, blocks, missing } of disclosed) {
      if (leaf.s !== '_log') {
        events += 1
        for (const { block } of blocks) countIn(shown, block)
      }
      for (const block of missing) {
        const record = erased?.get(erasureLine({ log: origin, index, block }))
        const reason = record === undefined ? reasonFor(manifest, block, leaf.s === '_log') : undefined
        if (record !== undefined) countIn(byRecord, record)
        else if (reason !== undefined) countIn(hidden, `${block}: ${reason}`)
        else withheld.push(`${block} of leaf ${countText(index)} of ${origin}`)
      }
    }
  }
  const told = BLOCKS.flatMap((block) => (shown.has(block) ? [`${block} of ${countText(shown.get(block) ?? 0)}`] : []))
  findings.say(
    'disclosure',
    'yes',
    `${plural(events, 'event')}: ${told.length === 0 ? 'no block is shown' : told.join(', ')}; each is the text that was sealed`,
  )
  for (const [reason, blocks] of hidden) findings.say('hidden', 'open', `${plural(blocks, 'block')} ${reason}`)
  for (const [record, blocks] of byRecord)
    findings.say('hidden', 'open', `${plural(blocks, 'block')} erased: ${record}`)
  for (const what of withheld.slice(0, 20))
    findings.say('hidden', 'no', `withheld: ${what} is neither shown, nor erased by a record, nor hidden for a reason`)
  if (withheld.length > 20) findings.say('hidden', 'no', `withheld: ${countText(withheld.length - 20)} more blocks`)
  if (hidden.size + byRecord.size + withheld.length === 0 && erased !== undefined)
    findings.say('hidden', 'yes', 'nothing: every block of these events is shown')
}

function reasonFor({ disclose, hidden }: PackManifest, block: Block, isSystem: boolean): string | undefined {
  const policy = hidden.find((each) => each.block === block)
  if (policy !== undefined) return `hidden by policy, ${policy.reason}`
  // What the ledger says of itself is always shown.
  return disclose.includes(block) || isSystem
    ? undefined
    : `not asked for, this pack discloses ${disclose.join(', ') || 'none'}`
}

/** What was erased, by its line, with the record that says so in words. Throws VerifyError for a line that proves nothing. */
function openErasures(
  crypto: Crypto,
  logs: readonly OpenedLog[],
  bytes: Uint8Array | undefined,
): ReadonlyMap<string, string> {
  const erased = new Map<string, string>()
  let number = 0
  for (const text of linesIn(bytes ?? new Uint8Array())) {
    number += 1
    try {
      const line = parseErasureLine(text)
      erased.set(erasureLine(line), checkedErasure(crypto, logs, line))
    } catch (error) {
      if (!(error instanceof VerifyError)) throw error
      throw new VerifyError(error.code, `erasures.jsonl, line ${number}: ${error.message}`, error)
    }
  }
  return erased
}

function checkedErasure(crypto: Crypto, logs: readonly OpenedLog[], line: ErasureLine): string {
  const { log, index } = line.record
  const found = logs.find(({ origin }) => origin === log)
  const leaf = found?.disclosed.find((each) => each.index === index)?.leaf
  const said = found?.details.get(index)
  if (leaf?.s !== '_log' || leaf.y !== 'subject.erased' || said === undefined) {
    throw new VerifyError('mismatch', `leaf ${index} of ${log} is no record of an erasure that this pack shows`)
  }
  const [root, count, request] = [said.get('root'), said.get('count'), said.get('request')]
  if (typeof root !== 'string' || !/^[0-9a-f]{64}$/.test(root) || typeof count !== 'number') {
    throw new VerifyError('malformed', `the record at leaf ${index} of ${log} commits to nothing`)
  }
  verifyErasure(crypto.sha256, line, line, count, bytesOf(root))
  const why = typeof request === 'string' ? `, request ${request}` : ''
  return `on ${leaf.r}${why}, by the record at leaf ${countText(index)} of ${log}, whose list ${toHex(bytesOf(root)).slice(0, 8)}… has ${plural(count, 'block')}`
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, n) => Number.parseInt(hex.slice(2 * n, 2 * n + 2), 16))
}

function countIn<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
