import { appendFileSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../seeded.ts'
import { anEvent } from './posters.ts'

/** A log file as a program writes it: whole lines and now and then half of one, renamed when it is long. */
export class GrowingFile {
  readonly #folder: string
  readonly #lines: Set<string>
  #files = 0
  #inFile = 0
  #written = 0

  /** Markers of the lines that were written go into `lines`. */
  constructor(folder: string, lines: Set<string>) {
    mkdirSync(folder, { recursive: true })
    this.#folder = folder
    this.#lines = lines
  }

  /** For the configuration of a file source. */
  get pattern(): string {
    return join(this.#folder, 'app.log*')
  }

  /** Writes until `signal` aborts. */
  async grow(random: Random, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (let n = random.between(1, 10); n > 0; n--) await this.#writeLine(random)
      if (this.#inFile > 100 && random.chance(0.3)) this.#rotate()
      await sleep(random.between(1, 40))
    }
  }

  async #writeLine(random: Random): Promise<void> {
    const marker = `line-${this.#written++}`
    const line = Buffer.from(`${JSON.stringify(anEvent(random, marker))}\n`)
    const half = random.chance(0.1) ? random.between(1, line.length - 1) : line.length
    appendFileSync(this.#current, line.subarray(0, half))
    if (half < line.length) {
      await sleep(random.between(1, 10))
      appendFileSync(this.#current, line.subarray(half))
    }
    this.#lines.add(marker)
    this.#inFile++
  }

  #rotate(): void {
    renameSync(this.#current, `${this.#current}.${++this.#files}`)
    this.#inFile = 0
  }

  get #current(): string {
    return join(this.#folder, 'app.log')
  }
}
