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
