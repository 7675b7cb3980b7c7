import { createHash } from 'node:crypto'

import type { EvidenceRequest } from './evidence-pack.ts'

/** README.txt of a pack: what it is and how to check it, for somebody who has nothing but the file. */
export function readmeOf(request: EvidenceRequest, page: Uint8Array | undefined): string {
  const { kind, query, run, createdBy, createdAt, disclose } = request
  const at = (ms: number): string => new Date(ms).toISOString()
  const first =
    kind === 'selection'
      ? 'This pack is a selection: it does NOT show completeness. It proves the events in it, and says nothing of others.'
      : 'This pack has every leaf of a range of each log: it shows that nothing in the range is missing.'
  const since = run.sinceMs === undefined ? 'the beginning' : at(run.sinceMs)
  const until = run.untilMs === undefined ? 'when it was made' : at(run.untilMs)
  return [
    first,
    '',
    'An evidence pack of whodid, an audit log that is tamper-evident. It holds events, and what proves that they stand',
    'unchanged in the log that was signed.',
    '',
    `query       ${query === '' ? 'all events' : query.replaceAll(/\p{Cc}/gu, ' ')}`,
    `range       ${since} to ${until}`,
    `made        ${at(createdAt)} by ${createdBy}`,
    `discloses   ${disclose.length === 0 ? 'no block' : disclose.join(', ')} of the events that match`,
    '',
    'HOW TO CHECK IT',
    '',
    'Without installing anything: open verify.html (from this pack, or better from elsewhere) in a browser and drop the',
    'pack on it. It works without a network, and nothing leaves your computer.',
    'With the program: whodid verify PACK (exit code 0 verified, 1 not verified, 2 wrong call).',
    'In your own program: the package @whodid/verify.',
    '',
    ...pageLines(page),
    'policy.txt says which keys and witnesses are believed. It came in the same file as what it is to prove, so compare it',
    'with one that you had another way, and check against that: whodid verify PACK --policy FILE.',
    '',
    'Every file is named with its SHA-256 in manifest.json. The formats are written down byte for byte in docs/ledger.md of',
    'whodid; the proofs are those of C2SP (tlog-proof, tlog-checkpoint), so other programs can check them too.',
    '',
  ].join('\n')
}

function pageLines(page: Uint8Array | undefined): readonly string[] {
  if (page === undefined) return ['This server was started without verify.html, so the pack has none.', '']
  const sha256 = createHash('sha256').update(page).digest('hex')
  return [
    'verify.html in this pack has the SHA-256',
    `  ${sha256}`,
    'Compare it with what whodid verify --page-hash prints for the release that you trust.',
    '',
  ]
}
