/** What this browser keeps of a log: the newest checkpoint that it verified, and the key that signed it. */
export interface Pin {
  readonly vkey: string
  /** The signed note, verbatim. */
  readonly checkpoint: string
  readonly size: number
  /** When it was verified, RFC 3339. */
  readonly at: string
}

const PREFIX = 'whodid.pin.'

/** The pin of a log; undefined when this browser never verified one. */
export function readPin(origin: string): Pin | undefined {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(PREFIX + origin) ?? 'null')
    return isPin(stored) ? stored : undefined
  } catch {
    // No storage, or not what we wrote: as if nothing had been seen.
    return undefined
  }
}

/** Keeps a verified checkpoint, unless a larger one is kept already. */
export function writePin(origin: string, pin: Pin): void {
  const known = readPin(origin)
  if (known !== undefined && known.size >= pin.size) return
  try {
    localStorage.setItem(PREFIX + origin, JSON.stringify(pin))
  } catch {
    // A browser that keeps nothing compares nothing; the panel says so each time.
  }
}

function isPin(value: unknown): value is Pin {
  if (typeof value !== 'object' || value === null) return false
  const { vkey, checkpoint, size, at } = value as Partial<Record<keyof Pin, unknown>> // an object: all may be missing
  return (
    typeof vkey === 'string' && typeof checkpoint === 'string' && typeof size === 'number' && typeof at === 'string'
  )
}
