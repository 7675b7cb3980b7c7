import { hash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { Command, Option } from 'commander'

import { toBase64 } from '../../verify/base64.ts'
import type { SignedCheckpoint } from '../../verify/checkpoint.ts'
import { VerifyError } from '../../verify/errors.ts'
import { type LogProgress, type LogToVerify, verifyLog } from '../../verify/log.ts'
import { judgeQuorum, parsePolicy, type TlogPolicy } from '../../verify/policy.ts'
import type { LogInfo } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { nodeCrypto } from '../ledger/node-crypto.ts'
import { isRootOrigin } from '../domain/sealed.ts'
import { escapeTerminal } from '../lib/text.ts'
import { type ServerAddress, callBytes, callJson, findServer } from './client.ts'
import type { Io } from './io.ts'
import { type ServerOptions, addServerOptions } from './options.ts'
import { colours, print } from './output.ts'
import { type PackOptions, verifyPackFile } from './verify-pack.ts'
import { Witnessed } from './witnessed.ts'

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
    .option(
      '--policy <file>',
      'a tlog-policy: of a pack instead of the one inside; of a server who must have witnessed its root log',
    )
    .option('--page-hash', 'print the SHA-256 of the verify.html of this version')
    .addOption(
      new Option('-o, --output <format>', 'of a pack: how to print it').choices(['text', 'json']).default('text'),
    )
  return addServerOptions(command).action(async (where: string | undefined, options: VerifyOptions) => {
    if (options.pageHash === true) return print(io, `${await pageHash()}\n`)
    if (where !== undefined && statSync(where, { throwIfNoEntry: false })?.isFile() === true) {
      return verifyPackFile(where, options, io)
    }
    const policy = options.policy === undefined ? undefined : await readPolicy(options.policy)
    const logs = await logsAt(where, options, io)
    const witnessed = new Witnessed(nodeCrypto.sha256)
    let faults = 0
    // What the root log saw of the others is known by the time they are read, and they only grow.
    const [roots, others] = [logs.filter(isRoot), logs.filter((log) => !isRoot(log))]
    for (const log of roots) faults += (await verifyOne(rootToVerify(log, witnessed, policy), io)) ? 0 : 1
    if (policy !== undefined && roots.length === 0) throw new AuditError('not_verified', 'there is no root log')
    for (const log of others) faults += (await verifyOne(log, io, roots.length > 0 ? witnessed : undefined)) ? 0 : 1
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
  /** A later root log goes on where it ended. */
  readonly isAbandoned?: boolean
}

function isRoot({ origin }: NamedLog): boolean {
  return isRootOrigin(origin)
}

async function readPolicy(path: string): Promise<TlogPolicy> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new AuditError('not_found', `cannot read ${path}`, { cause })
  })
  return parsePolicy(nodeCrypto.sha256, text)
}

/** With a policy it is the checkpoint that witnesses signed which counts, and the log must be one that the policy names. */
function rootToVerify(log: NamedLog, witnessed: Witnessed, policy: TlogPolicy | undefined): NamedLog {
  const root = { ...log, entries: 'root', onEntry: (entry: Uint8Array) => witnessed.enter(entry) } as const
  if (policy === undefined || log.isAbandoned === true) return root
  return { ...root, policy, checkpoint: 'checkpoint.cosigned' }
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
    .map(({ origin, vkey, state }) => {
      const fetch = (path: string) => callBytes(server, { path: `/log/${origin}/${path}`, signal: io.signal })
      return { origin, vkey, fetch, entries: 'whodid', isAbandoned: state === 'abandoned' }
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
  const origin = vkey.slice(0, vkey.indexOf('+'))
  return { origin, vkey, fetch, entries: isRootOrigin(origin) ? 'root' : 'whodid' }
}

/** One line a log; false when something in it is wrong. */
async function verifyOne(log: NamedLog, io: Io, witnessed?: Witnessed): Promise<boolean> {
  const { green, red } = colours(io)
  const origin = escapeTerminal(log.origin)
  try {
    const { policy } = log
    if (policy !== undefined && policy.logs.length > 0 && !policy.logs.some(({ vkey }) => vkey === log.vkey))
      throw new VerifyError('not_signed', 'the policy does not name its key')
    witnessed?.checkKey(log.origin, log.vkey)
    const earlier = witnessed?.headsOf(log.origin) ?? new Map<number, Uint8Array>()
    const { checkpoint, entries, pruned } = await lastOf(verifyLog(nodeCrypto, { ...log, earlier }))
    const root = toBase64(checkpoint.root)
    const inRoot = witnessed === undefined ? '' : `  ${witnessed.sizeOf(log.origin)} in the root log`
    const by = policy === undefined ? '' : `  witnessed by ${seenBy(policy, checkpoint)}`
    const key = escapeTerminal(log.vkey)
    const held = pruned === true ? `${checkpoint.size} entries, all let go of,` : `${entries} entries`
    await print(io, `${green('ok')}    ${origin}  ${held}  root ${root}  key ${key}${inRoot}${by}\n`)
    return true
  } catch (error) {
    // A part that cannot be had is as bad as a wrong one.
    if (!(error instanceof VerifyError || error instanceof AuditError) || io.signal.aborted) throw error
    await print(io, `${red('FAIL')}  ${origin}  ${escapeTerminal(error.message)}\n`)
    return false
  }
}

function seenBy(policy: TlogPolicy, { signers }: SignedCheckpoint): string {
  const { seenBy: by } = judgeQuorum(policy, signers)
  return by.map(({ name, time }) => `${escapeTerminal(name)} at ${new Date(time * 1000).toISOString()}`).join(', ')
}

async function lastOf(steps: AsyncIterable<LogProgress>): Promise<LogProgress> {
  let last: LogProgress | undefined
  for await (const step of steps) last = step
  if (last === undefined) throw new VerifyError('unreadable', 'the log is empty')
  return last
}
