import { setTimeout as pause } from 'node:timers/promises'
import { Command, Option } from 'commander'

import type { ScrubAnswer } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { callJson, findServer } from './client.ts'
import type { Io } from './io.ts'
import { addServerOptions, type ServerOptions } from './options.ts'
import { jsonText, print } from './output.ts'

interface ScrubOptions extends ServerOptions {
  readonly log?: string
  readonly from?: string
  readonly to?: string
  readonly output?: string
}

const LOOK_MS = 500
const PATH = '/v1/ledger/scrub'

/** `whodid ledger scrub`: exit code 1 where something differs. */
export function scrubCommand(io: Io): Command {
  const command = new Command('scrub')
    .description('compare the store with the ledger now: leaves, blocks, and every column')
    .option('--log <origin>', 'this log alone, see whodid ledger list')
    .option('--from <index>', 'from that leaf of the log on')
    .option('--to <index>', 'up to before that leaf')
    .addOption(new Option('-o, --output <format>', 'how to print it').choices(['text', 'json']).default('text'))
  return addServerOptions(command).action(async ({ log, from, to, output, ...options }: ScrubOptions) => {
    const server = findServer(options, io)
    const body = { log, from: placeOf('--from', from), to: placeOf('--to', to) }
    let answer = await callJson<ScrubAnswer>(server, { method: 'POST', path: PATH, body })
    for (let told = 0; answer.run?.state === 'running' && !io.signal.aborted;) {
      await pause(LOOK_MS)
      answer = await callJson<ScrubAnswer>(server, { path: PATH, signal: io.signal })
      const { leaves = 0, of = 0 } = answer.run ?? {}
      if (leaves > told) io.err(`compared ${leaves} of ${of} leaves\n`)
      told = leaves
    }
    const { run, differences } = answer
    if (run?.state !== 'done') throw new AuditError('internal', `the scrub did not end: ${run?.reason ?? 'stopped'}`)
    if (output === 'json') await print(io, `${jsonText(answer, 2)}\n`)
    else {
      await print(io, differences.map(({ text }) => `${text}\n`).join(''))
      await print(io, `compared ${run.leaves} leaves, ${run.differences} differ\n`)
    }
    if (run.differences === 0) return
    const hint = 'what differs is named above; see docs/scrub.md'
    throw new AuditError('not_verified', `${run.differences} rows are not what the ledger says`, { hint })
  })
}

function placeOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new AuditError('bad_request', `${name} ${text} is no place in a log`, {
    hint: 'a place is a whole number from 0 on',
  })
}
