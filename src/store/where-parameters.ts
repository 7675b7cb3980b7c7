/** Values of a condition, given to the engine beside the SQL. The only way in which text of a user reaches a statement. */
export class Parameters {
  readonly values: Record<string, string | number> = {}
  readonly #names = new Map<string, string>()

  /** The placeholder that stands for a text. Half characters (lone surrogates) cannot be sent and become U+FFFD. */
  text(value: string): string {
    return this.#bind('String', value.toWellFormed())
  }

  /** Microseconds and the like: whole numbers. */
  integer(value: number): string {
    return this.#bind('Int64', Math.trunc(value))
  }

  float(value: number): string {
    return this.#bind('Float64', value)
  }

  #bind(type: string, value: string | number): string {
    const key = `${type} ${value}`
    const known = this.#names.get(key)
    const name = known ?? `p${this.#names.size}`
    if (known === undefined) {
      this.#names.set(key, name)
      this.values[name] = value
    }
    return `{${name}:${type}}`
  }
}
