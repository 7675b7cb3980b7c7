import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { BrokenMessage, bytesAt, placesInside, textAt, wholeHead } from './fluent-forward-msgpack.ts'

export interface HandshakeConfig {
  readonly sharedKey: string
  /** What we call ourselves. */
  readonly hostname: string
  /** Passwords by name; empty: nobody is asked for one. */
  readonly users: ReadonlyMap<string, string>
}

export interface Handshake {
  /** HELO, which we begin with. */
  readonly hello: Uint8Array
  /** PONG for a PING, and whether the connection goes on. Throws BrokenMessage for what is no PING. */
  answer(ping: Uint8Array): { readonly pong: Uint8Array; readonly refused?: 'shared key' | 'user' }
}

/**
 * HELO, PING and PONG: both sides show that they know the key without saying it
 * (https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1, Handshake Messages).
 */
export function createHandshake({ sharedKey, hostname, users }: HandshakeConfig): Handshake {
  const nonce = randomBytes(16)
  const authSalt = users.size === 0 ? Buffer.alloc(0) : randomBytes(16)
  return {
    hello: Buffer.concat([
      Buffer.from([0x92]),
      text('HELO'),
      Buffer.from([0x83]),
      text('nonce'),
      binary(nonce),
      text('auth'),
      binary(authSalt),
      text('keepalive'),
      Buffer.from([TRUE]),
    ]),
    answer(ping) {
      const said = partsOf(ping)
      const [salt, user] = [said.salt, said.user.toString('utf8')]
      const refuse = (reason: 'shared key' | 'user') => ({ pong: pong(false, reason, hostname, ''), refused: reason })
      if (!isSame(said.digest, digest(salt, said.hostname, nonce, sharedKey))) return refuse('shared key')
      const password = users.get(user)
      const isUser = isSame(said.password, digest(authSalt, said.user, password ?? randomBytes(16)))
      if (users.size > 0 && (password === undefined || !isUser)) return refuse('user')
      return { pong: pong(true, '', hostname, digest(salt, hostname, nonce, sharedKey)) }
    },
  }
}

const PING_ITEMS = 6
const TRUE = 0xc3
const FALSE = 0xc2

function partsOf(ping: Uint8Array) {
  const head = wholeHead(ping, 0)
  if (head.kind !== 'list' || head.inside !== PING_ITEMS) throw new BrokenMessage('a PING was expected')
  const places = placesInside(ping, 0)
  if (textAt(ping, places[0] ?? 0) !== 'PING') throw new BrokenMessage('a PING was expected')
  const part = (n: number): Buffer => Buffer.from(bytesAt(ping, places[n] ?? 0) ?? [])
  return { hostname: part(1), salt: part(2), digest: part(3), user: part(4), password: part(5) }
}

function digest(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha512')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

function isSame(said: Buffer, right: string): boolean {
  const expected = Buffer.from(right)
  return said.length === expected.length && timingSafeEqual(said, expected)
}

function pong(isRight: boolean, reason: string, hostname: string, hash: string): Uint8Array {
  const flag = Buffer.from([isRight ? TRUE : FALSE])
  return Buffer.concat([Buffer.from([0x95]), text('PONG'), flag, text(reason), text(hostname), text(hash)])
}

/** `{"ack": chunk}`. */
export function acknowledgement(chunk: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([0x81]), text('ack'), chunk])
}

/** str 8, which holds all that we say; names of hosts are bounded by the configuration. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([0xd9, bytes.length]), bytes])
}

function binary(value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0xc4, value.length]), value])
}
