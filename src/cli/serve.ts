import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { Command } from 'commander'

import { loadConfig } from '../server/config.ts'
import { type Server, startServer } from '../server/server.ts'
import { readRun } from '../state/run-file.ts'
import { addCategoryFlags } from './category-flags.ts'
import type { Io } from './io.ts'

interface ServeOptions {
  readonly config?: string
  readonly data?: string
  readonly listen?: string
  readonly recover?: true
}

const UI_FOLDER = join(import.meta.dirname, '../../dist/ui')

/** `whodid serve`: runs until SIGINT or SIGTERM. */
export function serveCommand(io: Io): Command {
  const command = new Command('serve')
    .description('the server: takes events, keeps the ledger, answers searches')
    .option('--config <file>', 'configuration (default ./whodid.yaml if there)')
    .option('--data <dir>', 'data folder (default ./.whodid)')
    .option('--listen <host:port>', 'where to listen; port 0 takes a free one (default 127.0.0.1:7421)')
    .option('--recover', 'the data folder is an old copy: go on with new logs, and say so in them')
  const categoryFlags = addCategoryFlags(command)
  return command.action(async ({ config: file, data, listen, recover }: ServeOptions) => {
    const named = { ...(file && { file }), ...(data && { data }), ...(listen && { listen }) }
    const load = () => loadConfig({ ...named, categoryFlags })
    const config = load()
    const log = (message: string) => io.err(`${new Date().toISOString()} ${message}\n`)
    const ui = existsSync(join(UI_FOLDER, 'index.html')) ? { uiFolder: UI_FOLDER } : {}
    const excluded = config.rules?.rules.set.excludedCategories ?? []
    if (categoryFlags.length + excluded.length > 0) io.err(`excluded categories: ${excluded.join(', ') || 'none'}\n`)
    const server = await startServer({ config, loadAgain: load, log, ...(recover && { recover }), ...ui })
    const reload = (): void => void server.reloadRules().catch((error: unknown) => log(`rules: ${String(error)}`))
    process.on('SIGHUP', reload)
    try {
      await Promise.race([announce(server, config, io), server.failed])
      await Promise.race([ended(io.signal), server.failed])
    } finally {
      process.off('SIGHUP', reload)
      if (io.signal.aborted) io.err('stopping …\n')
      await server.close()
    }
  })
}

async function announce(server: Server, config: { data: string; sources: readonly unknown[] }, io: Io): Promise<void> {
  await Promise.race([server.ready, ended(io.signal)])
  if (io.signal.aborted) return
  io.err(`ready ${server.url}\n`)
  // The link is a credential: into a file or a journal goes only how to get one.
  io.err(`admin link: ${io.isErrTerminal ? server.adminLink() : 'whodid admin-link'}\n`)
  if (config.sources.length > 0) return
  io.err(`no sources are configured; send the first event:\n  ${firstEvent(config.data)}\n`)
}

/** Works as printed: the control socket needs no token. */
function firstEvent(data: string): string {
  const socket = readRun(data)?.socket ?? join(data, 'control.sock')
  const event = '{"event":{"action":"hello","outcome":"success"},"user":{"name":"me"}}'
  return `curl --unix-socket ${quoted(socket)} http://localhost/v1/events -d '${event}'`
}

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`
}

function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve())
  })
}
