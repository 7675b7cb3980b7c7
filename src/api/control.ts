import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import type { FastifyInstance } from 'fastify'

import { AuditError } from '../domain/errors.ts'

export interface ControlSocket {
  /** For `run.json`. */
  readonly path: string
  close(): Promise<void>
}

/** Connections of the control socket: whoever could open it (0600) is the user that runs this server. */
const connections = new WeakSet<Socket>()

export function isControlConnection(socket: Socket): boolean {
  return connections.has(socket)
}

/**
 * Serves the same API on a unix socket in the data folder, for the command line. The folder must be held by this process:
 * a socket file that is there is left over from a process that died, and goes.
 */
export async function listenControl(app: FastifyInstance, dataFolder: string): Promise<ControlSocket> {
  await app.ready()
  const { path, isOutside } = socketPath(dataFolder)
  const server = createServer((request, response) => app.routing(request, response))
  server.on('connection', (socket) => connections.add(socket))
  rmSync(path, { force: true })
  const mask = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      // Bound in this very step, so the mask holds for the file it makes and for nothing else.
      server.listen(path, resolve)
    }).catch((cause: unknown) => {
      throw new AuditError('io_failed', `cannot listen on the control socket ${path}`, { cause })
    })
  } finally {
    process.umask(mask)
  }
  chmodSync(path, 0o600)
  return {
    path,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(path, { force: true })
      if (isOutside) rmSync(dirname(path), { recursive: true, force: true })
    },
  }
}

/** A socket's path has 108 bytes at most in Linux, 104 in macOS, its end included. */
const LONGEST_PATH_BYTES = 100

function socketPath(dataFolder: string): { path: string; isOutside: boolean } {
  const inside = join(dataFolder, 'control.sock')
  if (Buffer.byteLength(inside) <= LONGEST_PATH_BYTES) return { path: inside, isOutside: false }
  const parent = process.env.XDG_RUNTIME_DIR ?? tmpdir()
  mkdirSync(parent, { recursive: true, mode: 0o700 })
  // mkdtemp makes it 0700 and new, so nobody else can have put something there.
  return { path: join(mkdtempSync(join(parent, 'whodid-')), 'control.sock'), isOutside: true }
}
