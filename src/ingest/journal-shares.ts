interface Piece {
  /** Everything in it is before this feed number. */
  untilFeed: number
  bytes: number
}

interface Held {
  readonly pieces: Piece[]
  bytes: number
}

/** Frames are counted together up to that size: after a long outage there are millions of them. */
const PIECE_BYTES = 256 * 1024

/** How much of the journal each source holds: bytes of its frames that ledger or store do not have yet. */
export class JournalShares {
  readonly #held = new Map<string, Held>()

  /** Enters a frame. @param nextFeed the feed number behind its last event. */
  enter(source: string, nextFeed: number, bytes: number): void {
    const held = this.#held.get(source) ?? { pieces: [], bytes: 0 }
    this.#held.set(source, held)
    held.bytes += bytes
    const last = held.pieces.at(-1)
    if (last === undefined || last.bytes >= PIECE_BYTES) held.pieces.push({ untilFeed: nextFeed, bytes })
    else {
      last.untilFeed = nextFeed
      last.bytes += bytes
    }
  }

  /** Bytes of a source that wait. @param passedFeed everything before it is where it belongs. */
  held(source: string, passedFeed: number): number {
    const held = this.#held.get(source)
    if (held === undefined) return 0
    const first = held.pieces.findIndex(({ untilFeed }) => untilFeed > passedFeed)
    for (const { bytes } of held.pieces.splice(0, first < 0 ? held.pieces.length : first)) held.bytes -= bytes
    return held.bytes
  }
}
