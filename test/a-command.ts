import { runCli } from '../src/cli/cli.ts'
import type { Io } from '../src/cli/io.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
  /** What `out` is the text of. */
  readonly bytes: Buffer
}

/** Runs a command of `whodid` in this process, without a terminal and without anything in the environment. */
export async function ran(args: readonly string[], more: Partial<Io> = {}): Promise<Ran> {
  const out: Buffer[] = []
  let err = ''
  const code = await runCli(args, {
    ...NOWHERE,
    out: (piece) => (out.push(Buffer.from(piece)), true),
    err: (piece) => void (err += piece),
    ...more,
  })
  const bytes = Buffer.concat(out)
  return { code, out: bytes.toString(), err, bytes }
}

/** No terminal, and nobody who reads. */
export const NOWHERE: Io = {
  out: () => true,
  err: () => undefined,
  drained: () => Promise.resolve(),
  isTerminal: false,
  isErrTerminal: false,
  columns: 80,
  env: {},
  signal: new AbortController().signal,
}
