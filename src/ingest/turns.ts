/** In an object, so that awaiting the turn does not await the disk. */
interface Appended<T> {
  readonly durable: Promise<T>
}

/** Frames take turns in the order in which they were asked for, whatever order they are sealed in. */
export interface Turns {
  /** Runs `turn` when all before it have appended; resolves with what it made durable. */
  enqueue<T>(turn: () => Promise<Appended<T>>): Promise<T>
  /** From now on every turn is refused with this: nothing may take a place behind one that stayed empty. */
  fail(error: Error): void
  /** Resolves when nobody waits for a turn. */
  settled(): Promise<void>
}

export function createTurns(): Turns {
  const queue: (() => Promise<void>)[] = []
  let draining: Promise<void> | undefined
  let failure: Error | undefined

  async function drain(): Promise<void> {
    for (let turn = queue.shift(); turn !== undefined; turn = queue.shift()) await turn()
    // In the same step that found the queue empty: whoever comes later begins anew.
    draining = undefined
  }

  return {
    enqueue<T>(turn: () => Promise<Appended<T>>): Promise<T> {
      const unlessFailed = async (): Promise<Appended<T>> => {
        if (failure !== undefined) throw failure
        return turn()
      }
      return new Promise((resolve, reject) => {
        queue.push(() => unlessFailed().then(({ durable }) => void durable.then(resolve, reject), reject))
        draining ??= drain()
      })
    },
    fail(error) {
      failure = error
    },
    async settled() {
      await draining
    },
  }
}
