/** The blocks of an event, in the order of the leaf's commitment (docs/ledger.md, Blocks). */
export const BLOCK_NAMES = ['actor', 'place', 'target', 'body', 'original'] as const
export type BlockName = (typeof BLOCK_NAMES)[number]

/** The exact JSON text of each block that is there, in the order of BLOCK_NAMES. These texts are what is hashed. */
export type Blocks = readonly [
  actor: string | undefined,
  place: string | undefined,
  target: string | undefined,
  body: string | undefined,
  original: string | undefined,
]

/**
 * One event as journal, ledger and store hold it. The leaf line and the block texts are the truth; everything else
 * that is stored about an event can be made from them.
 */
export interface SealedEvent {
  /** The writer's number: +1 per event over all logs. */
  readonly feed: number
  /** Origin of the log: install/node/stream/period. */
  readonly log: string
  readonly index: number
  /** The leaf line, verbatim. */
  readonly leaf: string
  readonly blocks: Blocks
  /** Ids of the subject keys that salt the blocks; 0 where there is none. */
  readonly actorKey: number
  readonly targetKey: number
  /** The same id was stored before with other content. */
  readonly conflict: boolean
  /** What erasures took from it, oldest first. Left out: nothing. */
  readonly erased?: readonly ErasedPart[]
}

/** Blocks that one erasure took from an event, whose hashes are kept in their place (docs/ledger.md, Erasure). */
export interface ErasedPart {
  /** Of the erasure. */
  readonly id: string
  /** RFC 3339. */
  readonly at: string
  /** Reference of the request. */
  readonly request: string
  /** B of each of these blocks, base64url. */
  readonly kept: Readonly<Partial<Record<BlockName, string>>>
}

/** Where an event stands in the ledger. */
export interface Position {
  readonly log: string
  readonly index: number
}

/** A log's origin taken apart: `install/node/stream/period`, where the period may end in `.2` after a recovery. */
export interface Origin {
  readonly install: string
  readonly node: string
  readonly stream: string
  readonly period: string
}

export function formatOrigin(origin: Origin): string {
  return `${origin.install}/${origin.node}/${origin.stream}/${origin.period}`
}

/** Throws a RangeError for what is no origin of ours: origins come from our own files only. */
export function parseOrigin(text: string): Origin {
  const [install, node, stream, period, ...rest] = text.split('/')
  if (!install || !node || !stream || !period || rest.length > 0) throw new RangeError(`${text} is no log's origin`)
  return { install, node, stream, period }
}

/**
 * Origin of a node's root log: `install/node/root`, and `install/node/root.2` after a recovery. It has no stream and no
 * period.
 */
export function rootOrigin({ install, node }: Pick<Origin, 'install' | 'node'>, generation: number): string {
  return `${install}/${node}/root${generationSuffix(generation)}`
}

export function isRootOrigin(origin: string): boolean {
  return /^[^/]+\/[^/]+\/root(\.[1-9]\d*)?$/.test(origin)
}

/** Which life of the node a log belongs to: 1, and one more after each recovery (docs/decisions/recovery.md). */
export function generationOf(origin: string): number {
  return Number(/\.([1-9]\d*)$/.exec(origin)?.[1] ?? 1)
}

/** What a log's name ends in, from the second generation on. */
export function generationSuffix(generation: number): string {
  return generation === 1 ? '' : `.${generation}`
}
