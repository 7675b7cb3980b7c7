import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { Command, Option } from 'commander'

import { type TokenAnswer, newTokenSchema, tokenAnswer, tokenMade, tokenRequest, tokenRevoked } from '../api/tokens.ts'
import { type Act, trailEvent } from '../api/trail.ts'
import { type Auth, createAuth } from '../auth/auth.ts'
import { localOperator } from '../auth/caller.ts'
import { AuditError } from '../domain/errors.ts'
import { systemClock } from '../lib/clock.ts'
import { openState } from '../state/state.ts'
import { type ServerAddress, call, callJson, findServer, noServer } from './client.ts'
import type { Io } from './io.ts'
import { type OutputFormat, type ServerOptions, addServerOptions, outputOption } from './options.ts'
import { csvLine, jsonText, print, tableText } from './output.ts'

interface NewTokenOptions extends ServerOptions {
  readonly scope: 'ingest' | 'read' | 'admin'
  readonly name?: string
  readonly source?: string
  readonly expires?: string
}

/** `whodid token create|list|revoke` */
export function tokenCommand(io: Io): Command {
  const command = new Command('token').description('API tokens')
  return command.addCommand(createCommand(io)).addCommand(listCommand(io)).addCommand(revokeCommand(io))
}

function createCommand(io: Io): Command {
  const scope = new Option('--scope <scope>', 'what it may do')
    .choices(['ingest', 'read', 'admin'])
    .makeOptionMandatory()
  const command = new Command('create')
    .description('make a token; its text is shown this once')
    .addOption(scope)
    .option('--name <name>', 'what to call it')
    .option('--source <name>', 'the one source that it writes as')
    .option('--expires <time>', '12h, 90d, 8w, 1y or never (default 90d, ingest tokens never)')
  return addServerOptions(command).action(async (options: NewTokenOptions) => {
    const { scope: granted, name, source, expires } = options
    const wanted = { scope: granted, ...(name && { name }), ...(source && { source }), ...(expires && { expires }) }
    const made = await onTokens(options, io, {
      server: (server) => callJson<Made>(server, { method: 'POST', path: '/v1/tokens', body: wanted }),
      folder: (folder) => makeInFolder(folder, wanted),
    })
    const ends = made.expiresAt === undefined ? 'It does not expire.' : `It expires ${made.expiresAt}.`
    io.err(`token ${made.id} made. ${ends} Keep it: it is not shown again.\n`)
    await print(io, `${made.token}\n`)
  })
}

type Made = TokenAnswer & { readonly token: string }

function makeInFolder({ auth, record }: Folder, wanted: object): Made {
  const parsed = newTokenSchema.safeParse(wanted)
  if (!parsed.success) throw new AuditError('bad_request', parsed.error.issues[0]?.message ?? 'wrong options')
  const { token, info } = auth.createToken(tokenRequest(parsed.data), operator().id)
  record(tokenMade(info))
  return { token, ...tokenAnswer(info) }
}

function listCommand(io: Io): Command {
  const command = new Command('list').description('list tokens, without their secrets').addOption(outputOption())
  return addServerOptions(command).action(async (options: ServerOptions & { output: OutputFormat }) => {
    const { tokens } = await onTokens(options, io, {
      server: (server) => callJson<{ tokens: readonly TokenAnswer[] }>(server, { path: '/v1/tokens' }),
      folder: ({ auth }) => ({ tokens: auth.listTokens().map(tokenAnswer) }),
    })
    await print(io, tokensText(tokens, options.output, io))
  })
}

const HEAD = ['ID', 'NAME', 'SCOPE', 'SOURCE', 'CREATED', 'EXPIRES', 'REVOKED']

function tokensText(tokens: readonly TokenAnswer[], format: OutputFormat, io: Io): string {
  const rows = tokens.map(({ id, name, scope, source = '', createdAt, expiresAt = 'never', revokedAt = '' }) => {
    return [id, name, scope, source, createdAt, expiresAt, revokedAt]
  })
  if (format === 'json') return `${jsonText({ tokens }, 2)}\n`
  if (format === 'jsonl') return tokens.map((token) => `${jsonText(token)}\n`).join('')
  if (format === 'csv') return [HEAD.map((name) => name.toLowerCase()), ...rows].map((row) => csvLine(row, io)).join('')
  return tableText(HEAD, rows, io)
}

function revokeCommand(io: Io): Command {
  const command = new Command('revoke').description('end a token at once').argument('<id>', 'see whodid token list')
  return addServerOptions(command).action(async (id: string, options: ServerOptions) => {
    await onTokens<unknown>(options, io, {
      server: async (server) => {
        const answer = await call(server, { method: 'DELETE', path: `/v1/tokens/${encodeURIComponent(id)}` })
        answer.resume()
      },
      folder({ auth, record }) {
        auth.revokeToken(id)
        record(tokenRevoked(id))
      },
    })
    io.err(`token ${id} is revoked\n`)
  })
}

interface Ways<T> {
  readonly server: (server: ServerAddress) => Promise<T>
  readonly folder: (folder: Folder) => T
}

/** The data folder, held by this process. */
interface Folder {
  readonly auth: Auth
  /** The server writes it into our trail when it starts. */
  readonly record: (act: Act) => void
}

const operator = () => localOperator(process.getuid?.())

/** By the server, or in its folder under its lock when none runs. */
async function onTokens<T>(options: ServerOptions, io: Io, ways: Ways<T>): Promise<T> {
  const isElsewhere = options.url !== undefined || io.env['WHODID_URL'] !== undefined
  try {
    return await ways.server(findServer(options, io))
  } catch (error) {
    const isNobody = error instanceof AuditError && error.message === noServer(options.data).message
    // The first start fixes the install's name: a folder is not made here.
    if (isElsewhere || !isNobody || !existsSync(join(options.data, 'state.db'))) throw error
  }
  const state = openState({ folder: options.data, clock: systemClock })
  try {
    return ways.folder({
      auth: createAuth({ state, clock: systemClock, receiverSecrets: new Map() }),
      record: (act) => state.pendingTrail.add(trailEvent(operator(), act, systemClock.now())),
    })
  } finally {
    state.close()
  }
}
