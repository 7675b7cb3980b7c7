import { createHash } from 'node:crypto'

import { type PackManifest, TAR_END_BYTES, readTar, tarHeader, tarPadding } from '../verify/index.ts'

/** Members of a pack as texts and bytes, to be changed. */
export type Members = Map<string, Buffer>

export function membersOf(pack: Uint8Array): Members {
  return new Map(readTar(pack).map(({ name, bytes }) => [name, Buffer.from(bytes)]))
}

/** A tar of these members as they are. */
export function tarOf(members: Members): Buffer {
  const parts = [...members].flatMap(([name, bytes]) => [
    tarHeader(name, bytes.length, 1_700_000_000),
    bytes,
    new Uint8Array(tarPadding(bytes.length)),
  ])
  return Buffer.concat([...parts, new Uint8Array(TAR_END_BYTES)])
}

/** The pack that somebody makes of another one who knows how packs are made: its manifest names what it holds. */
export function repacked(
  pack: Uint8Array,
  change: (members: Members) => void,
  changeManifest: (manifest: PackManifest) => PackManifest = (manifest) => manifest,
): Buffer {
  const members = membersOf(pack)
  // A pack of ours has one.
  const old = JSON.parse(members.get('manifest.json')?.toString() ?? '') as PackManifest
  members.delete('manifest.json')
  members.delete('manifest.sha256')
  change(members)
  const files = [...members].map(([name, bytes]) => ({ name, size: bytes.length, sha256: sha256Of(bytes) }))
  const manifest = Buffer.from(JSON.stringify(changeManifest({ ...old, files })))
  members.set('manifest.json', manifest)
  members.set('manifest.sha256', Buffer.from(`${sha256Of(manifest)}  manifest.json\n`))
  return tarOf(members)
}

/** Takes a block out of the first line of a log's events that has it, and leaves its hash. */
export function withoutBlock(members: Members, block: string): void {
  for (const [name, bytes] of members) {
    if (!name.endsWith('/blocks.jsonl') || name.includes('/whodid/')) continue
    const lines = bytes.toString().split('\n')
    const at = lines.findIndex((line) => line.includes(`"block":"${block}"`) && !line.includes('ledger'))
    if (at < 0) continue
    // It is a line of ours.
    const line = JSON.parse(lines[at] ?? '') as { blocks: readonly { readonly block: string }[] }
    lines[at] = JSON.stringify({ ...line, blocks: line.blocks.filter((each) => each.block !== block) })
    members.set(name, Buffer.from(lines.join('\n')))
    return
  }
  throw new Error(`no event has ${block}`)
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
