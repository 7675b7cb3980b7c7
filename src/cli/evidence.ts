import { Command } from 'commander'

import type { EvidenceAnswer, JobAnswer } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { pause, systemClock } from '../lib/clock.ts'
import { realFiles } from '../lib/real-files.ts'
import { escapeTerminal } from '../lib/text.ts'
import { type ServerAddress, call, callJson, findServer } from './client.ts'
import type { Io } from './io.ts'
import { type ServerOptions, addServerOptions } from './options.ts'
import { print } from './output.ts'
import { withQuery } from './search.ts'

interface CreateOptions extends ServerOptions {
  readonly query: string
  readonly since?: string
  readonly until?: string
  readonly disclose?: string
  readonly selection?: boolean
  readonly file: string
}

/** `whodid evidence create`: the server makes the pack, and it is fetched once it is done. */
export function evidenceCommand(io: Io): Command {
  const create = new Command('create')
    .description('make a file that proves events to somebody without access: whodid verify FILE checks it')
    .option('--query <query>', 'which events (docs/query.md)', '')
    .option('--since <time>', 'from then on: 7d, 2026-11-01, RFC 3339')
    .option('--until <time>', 'before then')
    .option('--disclose <blocks>', 'which of actor,place,target,body,original are shown; default all but original')
    .option('--selection', 'only the leaves of these events: does not show that none is missing')
    .requiredOption('-O, --file <file>', 'where to; - is stdout')
  addServerOptions(create).action(async (options: CreateOptions) => {
    const server = findServer(options, io)
    if (options.file !== '-' && (await realFiles.size(options.file)) !== undefined) {
      throw new AuditError('conflict', `${options.file} exists already`, { hint: 'name another file' })
    }
    await withQuery(options.query, () => createPack(server, options, io))
  })
  return new Command('evidence').description('packs of events with their proof').addCommand(create)
}

async function createPack(server: ServerAddress, options: CreateOptions, io: Io): Promise<void> {
  const { query, since, until, disclose, selection } = options
  const body = {
    query,
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    kind: selection === true ? 'selection' : 'range',
    ...(disclose !== undefined && { disclose: disclose.split(',').map((block) => block.trim()) }),
  }
  const asked = { method: 'POST', path: '/v1/evidence', body, signal: io.signal }
  let job = await callJson<JobAnswer>(server, asked)
  let tenths = 0
  while (job.state === 'running') {
    const { done, total } = job
    // A line for each tenth: stderr may be a file.
    const reached = total === 0 ? 0 : Math.floor((10 * done) / total)
    if (reached > tenths) io.err(`${done} of ${total} events\n`)
    tenths = reached
    await pause(systemClock, LOOK_MS, io.signal)
    io.signal.throwIfAborted()
    job = await callJson<JobAnswer>(server, { path: `/v1/evidence/${job.id}`, signal: io.signal })
  }
  if (job.state === 'failed') {
    // An unknown word can only come from a newer server; it is shown as it is.
    const code = job.code as AuditError['code']
    throw new AuditError(code, job.reason, job.hint === undefined ? {} : { hint: job.hint })
  }
  // Our own server said it.
  const made = job as typeof job & EvidenceAnswer
  await save(server, job.id, options.file, io)
  const where = options.file === '-' ? 'stdout' : escapeTerminal(options.file)
  io.err(`${where}  ${made.events} events, ${made.leaves} leaves of ${made.logs} logs, ${made.sizeBytes} bytes\n`)
  io.err(`sha256 ${made.sha256}\n`)
}

const LOOK_MS = 250

/** Whole, or no file at all. */
async function save(server: ServerAddress, id: string, path: string, io: Io): Promise<void> {
  const response = await call(server, { path: `/v1/evidence/${id}/file`, signal: io.signal })
  if (path === '-') {
    for await (const chunk of response) await print(io, bytesOf(chunk))
    return
  }
  const file = await realFiles.create(path)
  try {
    for await (const chunk of response) await file.append([bytesOf(chunk)])
    await file.sync()
  } catch (error) {
    await realFiles.remove(path)
    throw error
  } finally {
    await file.close()
  }
}

function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  throw new TypeError('a response without an encoding gives bytes')
}
