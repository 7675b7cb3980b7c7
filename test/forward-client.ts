import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { decodeMulti, encode } from '@msgpack/msgpack'
import { onTestFinished } from 'vitest'

/** A sender of the forward protocol, item by item, with an encoder that is none of ours. */
export interface ForwardClient {
  write(item: unknown): void
  writeBytes(bytes: Uint8Array): void
  /** The next item that comes; undefined when the connection ended instead. */
  next(): Promise<unknown>
  end(): void
}

export async function forwardClient(address: string, tls?: ConnectionOptions): Promise<ForwardClient> {
  const colon = address.lastIndexOf(':')
  const at = { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
  const socket: Socket = tls === undefined ? connect(at) : connectTls({ ...at, ...tls })
  onTestFinished(() => void socket.destroy())
  const items: unknown[] = []
  let received = Buffer.alloc(0)
  let wake = (): void => undefined
  socket.on('data', (bytes: Buffer) => {
    received = Buffer.concat([received, bytes])
    try {
      items.push(...decodeMulti(received))
      received = Buffer.alloc(0)
    } catch {
      // Not all there yet: what we are answered is small.
    }
    wake()
  })
  socket.on('error', () => undefined)
  socket.on('close', () => wake())
  await once(socket, tls === undefined ? 'connect' : 'secureConnect')
  return {
    write: (item) => void socket.write(encode(item)),
    writeBytes: (bytes) => void socket.write(bytes),
    end: () => void socket.end(),
    async next() {
      while (items.length === 0 && !socket.closed) await new Promise<void>((resolve) => (wake = resolve))
      return items.shift()
    },
  }
}
