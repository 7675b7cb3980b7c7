/** What was opened, closed in reverse order: the last opened first. One that fails does not keep the others open. */
export class Closers {
  readonly #list: (() => unknown)[] = []

  push(closer: () => unknown): void {
    this.#list.push(closer)
  }

  /** Throws the first failure once all are closed. Closing again does nothing. */
  async close(): Promise<void> {
    const failures: unknown[] = []
    for (let closer = this.#list.pop(); closer !== undefined; closer = this.#list.pop()) {
      try {
        await closer()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}

/** What `start` gives. Where it fails on the way, what it had opened before is closed. */
export async function whole<T>(start: (closers: Closers) => Promise<T>): Promise<T> {
  const closers = new Closers()
  try {
    return await start(closers)
  } catch (error) {
    // The reason is the failure itself, not what closing the rest may add to it.
    await closers.close().catch(() => undefined)
    throw error
  }
}
