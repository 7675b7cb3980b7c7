import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { refusedToReaders } from './engine-guard.ts'
import type { EngineSessions, SessionKind, Statement } from './engine-sessions.ts'
import { quotedText } from './quote.ts'

export interface FaceOptions {
  readonly sessions: EngineSessions
  /** Of both users. Made anew at each start of the server. */
  readonly secret: string
  /** An empty folder of ours, for bodies of inserts. */
  readonly inbox: string
}

/** Users of the face: what a statement may do is decided by who sends it, as in a ClickHouse server. */
export const READER = 'reader'
export const WRITER = 'writer'

const MAX_BODY_BYTES = 256 * 1024 * 1024

/**
 * ClickHouse's HTTP interface, as far as `@clickhouse/client` uses it, in front of chDB sessions. A connection that closes
 * before its answer ends its statement in the engine.
 */
export function createFace(options: FaceOptions): Server {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: unknown) => sendError(response, error))
  })
  // Long statements are bounded by the engine, bodies by their size; the socket is ours alone.
  server.requestTimeout = 0
  server.keepAliveTimeout = 60_000
  return server
}

async function answer(options: FaceOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://engine')
  if (url.pathname === '/ping') {
    response.end('Ok.\n')
    return
  }
  const user = authenticated(request, options.secret)
  if (user === undefined) throw new FaceError(401, 516, 'AUTHENTICATION_FAILED', 'wrong user or password')
  const asked = await readRequest(request, url)
  const id = queryId(asked.sql)
  const gone = new AbortController()
  response.once('close', () => {
    if (response.writableFinished) return
    gone.abort(new Error('the caller has gone'))
    kill(options.sessions, id)
  })
  if (request.socket.destroyed) gone.abort(new Error('the caller has gone'))
  const result = user === READER ? await read(options, asked, gone.signal) : await write(options, asked, gone.signal)
  send(response, id, result)
}

interface Asked extends Statement {
  /** Parameters of the address that are settings. */
  readonly settings: ReadonlyMap<string, string>
  readonly data: Uint8Array | undefined
}

const NO_SETTINGS = new Set(['query', 'database', 'query_id', 'default_format', 'wait_end_of_query'])

async function readRequest(request: IncomingMessage, url: URL): Promise<Asked> {
  const body = await readBody(request)
  const type = request.headers['content-type'] ?? ''
  const parameters = new Map<string, string>()
  const settings = new Map<string, string>()
  for (const [name, value] of url.searchParams) {
    if (name.startsWith('param_')) parameters.set(name.slice(6), value)
    else if (!NO_SETTINGS.has(name)) settings.set(name, value)
  }
  let sql = url.searchParams.get('query') ?? ''
  let data: Uint8Array | undefined
  if (type.startsWith('multipart/form-data')) {
    const form = await new Response(body, { headers: { 'content-type': type } }).formData()
    for (const [name, value] of form) {
      if (typeof value !== 'string') throw new FaceError(400, 36, 'BAD_ARGUMENTS', `part ${name} is a file`)
      if (name === 'query') sql += value
      else if (name.startsWith('param_')) parameters.set(name.slice(6), value)
    }
  } else if (sql === '') {
    sql = new TextDecoder().decode(body)
  } else {
    data = body
  }
  const format = url.searchParams.get('default_format') ?? 'TabSeparated'
  return { sql: identified(sql), format, parameters, settings, data }
}

async function readBody(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Buffer[] = []
  let sizeBytes = 0
  for await (const part of request) {
    // Without an encoding set, a request's chunks are Buffers.
    const bytes = part as Buffer
    sizeBytes += bytes.length
    if (sizeBytes > MAX_BODY_BYTES) throw new FaceError(413, 307, 'TOO_MANY_BYTES', 'the body is too large')
    parts.push(bytes)
  }
  return Buffer.concat(parts)
}

const QUERY_ID = /^\/\* wd:([\w:-]{1,128}) \*\//

/** Each statement begins with `/* wd:ID`: what the engine lists as running is found by it. */
function identified(sql: string): string {
  return QUERY_ID.test(sql) ? sql : `/* wd:${randomUUID()} */ ${sql}`
}

function queryId(sql: string): string {
  return QUERY_ID.exec(sql)?.[1] ?? ''
}

function kill(sessions: EngineSessions, id: string): void {
  const sql = `KILL QUERY WHERE startsWith(query, ${quotedText(`/* wd:${id} */`)}) ASYNC`
  const statement = { sql, format: 'Null', parameters: new Map<string, string>() }
  // Nobody waits for this answer: the statement may be at its end already, and its caller has gone.
  sessions.run('control', statement, new AbortController().signal).catch(() => undefined)
}

async function read(options: FaceOptions, asked: Asked, signal: AbortSignal): Promise<Uint8Array> {
  const refused = refusedToReaders(asked.sql)
  if (refused !== undefined) throw new FaceError(403, 164, 'READONLY', refused)
  return options.sessions.run('read', asked, signal)
}

async function write(options: FaceOptions, asked: Asked, signal: AbortSignal): Promise<Uint8Array> {
  const insert = INSERT_NATIVE.exec(asked.sql)
  if (insert && asked.data) return insertNative(options, asked, insert, asked.data, signal)
  const kind: SessionKind = STATEMENT_KILL.test(asked.sql) ? 'control' : 'insert'
  return options.sessions.run(kind, asked, signal)
}

const STATEMENT_KILL = /^\/\*[^*]*\*\/\s*KILL\s/i
const INSERT_NATIVE = /^(\/\*[^*]*\*\/)\s*INSERT INTO ([\w.]+) \(([\w, ]+)\) FORMAT Native\s*$/

// chDB reads statement and inline data as one text and takes bytes of the data for the statement's end. So the body goes
// to a file and the statement reads that. A crash leaves the file in the inbox, which is emptied at start.
async function insertNative(
  options: FaceOptions,
  asked: Asked,
  [, comment, table, columns]: RegExpExecArray,
  data: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const path = join(options.inbox, `${randomUUID()}.native`)
  await writeFile(path, data, { mode: 0o600, flag: 'wx' })
  try {
    const settings = [...asked.settings, ...ONE_BLOCK].map(([name, value]) => `${setting(name)} = ${quotedText(value)}`)
    const from = `SELECT ${columns} FROM file(${quotedText(path)}, 'Native')`
    const sql = `${comment} INSERT INTO ${table} (${columns}) ${from} SETTINGS ${settings.join(', ')}`
    return await options.sessions.run('insert', { ...asked, sql }, signal)
  } finally {
    await rm(path, { force: true })
  }
}

/** The batch becomes one part, so it is there whole or not at all. */
const ONE_BLOCK = [
  ['max_threads', '1'],
  ['max_insert_threads', '1'],
  ['min_insert_block_size_rows', '1000000'],
  ['min_insert_block_size_bytes', '1073741824'],
  ['schema_inference_use_cache_for_file', '0'],
] as const

function setting(name: string): string {
  if (!/^[a-z][a-z0-9_]{0,80}$/.test(name)) throw new FaceError(400, 115, 'UNKNOWN_SETTING', 'no such setting')
  return name
}

function authenticated(request: IncomingMessage, secret: string): string | undefined {
  const [scheme, encoded] = (request.headers.authorization ?? '').split(' ')
  if (scheme !== 'Basic' || encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  const user = text.slice(0, colon)
  const right = timingSafeEqual(digest(text.slice(colon + 1)), digest(secret))
  return right && (user === READER || user === WRITER) ? user : undefined
}

function digest(text: string): Uint8Array {
  return createHash('sha256').update(text).digest()
}

function send(response: ServerResponse, id: string, body: Uint8Array): void {
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': body.length,
    'x-clickhouse-query-id': id,
  })
  response.end(body)
}

/** An answer of the face itself, in the engine's own words. */
class FaceError extends Error {
  readonly status: number
  readonly code: number

  constructor(status: number, code: number, type: string, message: string) {
    super(`Code: ${code}. DB::Exception: ${message}. (${type})`)
    this.name = 'FaceError'
    this.status = status
    this.code = code
  }
}

function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  const message = error instanceof Error ? error.message : String(error)
  const status = error instanceof FaceError ? error.status : 500
  const code = /Code: (\d+)/.exec(message)?.[1] ?? '1000'
  const text = message.startsWith('Code:') ? message : `Code: ${code}. DB::Exception: ${message} (UNKNOWN_EXCEPTION)`
  response.writeHead(status, { 'content-type': 'text/plain', 'x-clickhouse-exception-code': code })
  response.end(`${text}\n`)
}
