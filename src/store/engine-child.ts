import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import type { ChildMessage, ParentMessage, StartMessage } from './engine.ts'
import { createFace } from './engine-face.ts'
import { openSessions } from './engine-sessions.ts'

/**
 * The engine's own process: chDB sessions on one folder behind the HTTP face. It lives exactly as long as its IPC channel:
 * a server that dies takes it along, and an interrupt of the terminal's process group is the server's to handle.
 */
function main(): void {
  // Where both want the processor, acknowledging comes first: rows and merges can wait. All threads to come inherit it.
  setPriority(NICE)
  process.umask(0o077)
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => undefined)
  process.on('disconnect', endNow)
  process.on('message', (message: ParentMessage) => {
    if (message.kind === 'start') void start(message)
    else stop()
  })
}

const NICE = 5

/** Until there is something to close. */
let stop = endNow

async function start(options: StartMessage): Promise<void> {
  try {
    const inbox = join(options.folder, 'inbox')
    mkdirSync(options.folder, { recursive: true, mode: 0o700 })
    const configFile = join(options.folder, 'engine.xml')
    writeFileSync(configFile, CONFIG)
    const sessions = await openSessions(join(options.folder, 'data'), configFile)
    // The folder is ours from here on: what lies in the inbox, an earlier process left.
    rmSync(inbox, { recursive: true, force: true })
    mkdirSync(inbox, { mode: 0o700 })
    const face = createFace({ sessions, secret: options.secret, inbox })
    rmSync(options.socket, { force: true })
    face.listen(options.socket, () => {
      chmodSync(options.socket, 0o600)
      tell({ kind: 'ready' })
    })
    face.once('error', (error) => failed(error))
    stop = () => {
      face.close()
      face.closeAllConnections()
      sessions.close()
      process.exit(0)
    }
  } catch (error) {
    failed(error)
  }
}

function failed(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  endNow()
}

function tell(message: ChildMessage): void {
  process.send?.(message)
}

// Not `process.exit`: that would wait for native threads, and a statement may run for as long as it likes.
function endNow(): void {
  process.kill(process.pid, 'SIGKILL')
}

/** Caches that cost nothing at ten million rows; the defaults are meant for large machines (5 GB and more). */
const CONFIG = `<clickhouse>
  <mark_cache_size>67108864</mark_cache_size>
  <index_mark_cache_size>16777216</index_mark_cache_size>
  <primary_index_cache_size>33554432</primary_index_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <query_condition_cache_size>8388608</query_condition_cache_size>
  <text_index_tokens_cache_size>33554432</text_index_tokens_cache_size>
  <text_index_header_cache_size>33554432</text_index_header_cache_size>
  <text_index_postings_cache_size>33554432</text_index_postings_cache_size>
  <compiled_expression_cache_size>16777216</compiled_expression_cache_size>
  <max_server_memory_usage>2147483648</max_server_memory_usage>
</clickhouse>
`

main()
