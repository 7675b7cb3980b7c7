/** What a command may touch of the world around it. */
export interface Io {
  /** Data, on stdout. False: wait for `drained` before more. */
  out(text: string | Uint8Array): boolean
  /** Everything else, on stderr. */
  err(text: string): void
  drained(): Promise<void>
  /** Whether a person reads stdout: tables fit its width, and have colour. */
  readonly isTerminal: boolean
  readonly isErrTerminal: boolean
  readonly columns: number
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborts at Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal
}
