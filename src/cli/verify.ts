import { hash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { Command, Option } from 'commander'

import { toBase64 } from '../../verify/base64.ts'
import { VerifyError } from '../../verify/errors.ts'
import { type LogProgress, type LogToVerify, verifyLog } from '../../verify/log.ts'
import type { LogInfo } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { escapeTerminal } from '../lib/text.ts'
import { type ServerAddress, callBytes, callJson, findServer } from './client.ts'
import type { Io } from './io.ts'
import { type ServerOptions, addServerOptions } from './options.ts'
import { colours, print } from './output.ts'
import { NODE_CRYPTO, type PackOptions, verifyPackFile } from './verify-pack.ts'

interface VerifyOptions extends ServerOptions, PackOptions {
  readonly pageHash?: boolean
}

/**
 * `whodid verify [PACK|URL|DIR]`: an evidence pack, or whole logs; of these nothing that the server says is believed but
 * its verifier keys, which are printed.
 */
export function verifyCommand(io: Io): Command {
  const command = new Command('verify')
    .description('check an evidence pack, or read every log of a server and make its trees anew from their entries')
    .argument(
      '[where]',
      'an evidence pack, the URL of a server, its data folder, or a folder with one log in tlog-tiles layout',
    )
    .option('--policy <file>', 'of a pack: believe this tlog-policy, not the one inside')
    .option('--page-hash', 'print the SHA-256 of the verify.html of this version')
    .addOption(
      new Option('-o, --output <format>', 'of a pack: how to print it').choices(['text', 'json']).default('text'),
    )
  return addServerOptions(command).action(async (where: string | undefined, options: VerifyOptions) => {
    if (options.pageHash === true) return print(io, `${await pageHash()}\n`)
    if (where !== undefined && statSync(where, { throwIfNoEntry: false })?.isFile() === true) {
      return verifyPackFile(where, options, io)
    }
    if (options.policy !== undefined)
      throw new AuditError('bad_request', '--policy is for a pack', { hint: 'name a file' })
    const logs = await logsAt(where, options, io)
    let faults = 0
    for (const log of logs) faults += (await verifyOne(log, io)) ? 0 : 1
    // Who hides its logs is not verified.
    if (logs.length === 0) throw new AuditError('not_verified', 'there is no log to verify')
    const count = `${logs.length} ${logs.length === 1 ? 'log' : 'logs'}`
    if (faults > 0) throw new AuditError('not_verified', `${faults} of ${count} could not be verified`)
    io.err(`${count} verified\n`)
  })
}

const PAGE = join(import.meta.dirname, '../../dist/verify.html')

async function pageHash(): Promise<string> {
  if (!existsSync(PAGE)) throw new AuditError('not_found', 'verify.html was not built', { hint: 'npm run build' })
  return hash('sha256', await readFile(PAGE), 'hex')
}

interface NamedLog extends LogToVerify {
  readonly origin: string
}

async function logsAt(where: string | undefined, options: ServerOptions, io: Io): Promise<readonly NamedLog[]> {
  if (where === undefined) return logsOf(findServer(options, io), io)
  if (/^https?:\/\//.test(where)) return logsOf(findServer({ ...options, url: where }, io), io)
  if (existsSync(join(where, 'log.vkey'))) return [await logIn(where)]
  return logsOf(findServer({ data: where }, { ...io, env: {} }), io)
}

async function logsOf(server: ServerAddress, io: Io): Promise<readonly NamedLog[]> {
  const { logs } = await callJson<{ logs: readonly LogInfo[] }>(server, { path: '/log', signal: io.signal })
  return logs
    .filter(({ size }) => size > 0)
    .map(({ origin, vkey }) => {
      const fetch = (path: string) => callBytes(server, { path: `/log/${origin}/${path}`, signal: io.signal })
      return { origin, vkey, fetch, entries: 'whodid' }
    })
}

async function logIn(folder: string): Promise<NamedLog> {
  const vkey = (await readFile(join(folder, 'log.vkey'), 'utf8')).trim()
  const fetch = async (path: string) => {
    try {
      return await readFile(join(folder, path))
    } catch (cause) {
      throw new AuditError('io_failed', `cannot read ${join(folder, path)}`, { cause })
    }
  }
  return { origin: vkey.slice(0, vkey.indexOf('+')), vkey, fetch, entries: 'whodid' }
}

/** One line a log; false when something in it is wrong. */
async function verifyOne(log: NamedLog, io: Io): Promise<boolean> {
  const { green, red } = colours(io)
  const origin = escapeTerminal(log.origin)
  try {
    const { checkpoint, entries } = await lastOf(verifyLog(NODE_CRYPTO, log))
    const root = toBase64(checkpoint.root)
    await print(io, `${green('ok')}    ${origin}  ${entries} entries  root ${root}  key ${escapeTerminal(log.vkey)}\n`)
    return true
  } catch (error) {
    // A part that cannot be had is as bad as a wrong one.
    if (!(error instanceof VerifyError || error instanceof AuditError) || io.signal.aborted) throw error
    await print(io, `${red('FAIL')}  ${origin}  ${escapeTerminal(error.message)}\n`)
    return false
  }
}

async function lastOf(steps: AsyncIterable<LogProgress>): Promise<LogProgress> {
  let last: LogProgress | undefined
  for await (const step of steps) last = step
  if (last === undefined) throw new VerifyError('unreadable', 'the log is empty')
  return last
}
