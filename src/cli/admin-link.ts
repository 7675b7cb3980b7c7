import { Command } from 'commander'

import { callJson, findServer } from './client.ts'
import type { Io } from './io.ts'
import { type ServerOptions, addServerOptions } from './options.ts'
import { print } from './output.ts'

/** `whodid admin-link` */
export function adminLinkCommand(io: Io): Command {
  const command = new Command('admin-link').description(
    'print a link that signs a browser in: once, within ten minutes',
  )
  return addServerOptions(command).action(async (options: ServerOptions) => {
    const server = findServer(options, io)
    const call = { method: 'POST', path: '/v1/admin-links', signal: io.signal }
    const { path, url } = await callJson<{ path: string; url?: string }>(server, call)
    await print(io, `${url ?? `${server.url ?? ''}${path}`}\n`)
  })
}
