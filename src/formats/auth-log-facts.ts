import { isIP } from 'node:net'
import type { Actor, Audit, Authz, Change, Endpoint, Outcome, Resource, User } from '../domain/event.ts'

/** What a message of a program says, before it is put into an event. */
export interface Facts {
  readonly action: string
  readonly category: readonly string[]
  readonly type: readonly string[]
  readonly outcome: Outcome
  readonly user?: Actor
  readonly from?: Endpoint
  readonly resource?: readonly Resource[]
  readonly authn?: NonNullable<Audit['authn']>
  readonly authz?: Authz
  readonly change?: readonly Change[]
  /** Why it ended like that. */
  readonly reason?: string
  readonly process?: ProcessFacts
  readonly ssh?: SshFacts
  readonly labels?: { readonly [name: string]: string }
  readonly trust?: readonly string[]
}

export interface ProcessFacts {
  readonly command_line?: string
  readonly working_directory?: string
  readonly exit_code?: number
}

export interface SshFacts {
  readonly key?: { readonly type: string }
  readonly certificate?: { readonly id: string; readonly serial?: string }
}

/** Reads what stands behind the words by which it was chosen. Undefined: it is not that message after all. */
export type Reader = (rest: string) => Facts | undefined

/** Messages by how they begin, the longer beginning first where one is part of another. */
export type Readers = readonly (readonly [begin: string, read: Reader])[]

/** The first reader whose words begin the message and who understands the rest. */
export function firstFacts(readers: Readers, message: string): Facts | undefined {
  for (const [begin, read] of readers) {
    if (!message.startsWith(begin)) continue
    const facts = read(message.slice(begin.length))
    if (facts !== undefined) return facts
  }
  return undefined
}

export function personNamed(name: string): User {
  return name === '' ? { kind: 'anonymous' } : { kind: 'person', name }
}

/** Whom nobody knows: what they called themselves is a name that is no account. */
export function unknownNamed(name: string): User {
  return name === '' ? { kind: 'anonymous' } : { kind: 'anonymous', name }
}

/** An address as a program wrote it. Only what is one becomes `ip`; a name or `UNKNOWN` stays `address`. */
export function endpointOf(address: string, port?: string): Endpoint | undefined {
  if (address === '') return undefined
  const plain = address.split('%', 1)[0] ?? ''
  const place = isIP(plain) === 0 ? { address } : { address, ip: plain }
  return isPort(port) ? { ...place, port: Number(port) } : place
}

function isPort(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,5}$/.test(text) && Number(text) < 65_536
}

/** `IP`, `IP port N` and whatever stands behind it. */
export function fromWords(text: string): { readonly from?: Endpoint } {
  const [ip = '', word, port] = text.split(' ', 3)
  const from = endpointOf(ip, word === 'port' ? port?.replace(/[:.,]+$/, '') : undefined)
  return from === undefined ? {} : { from }
}

/** Splits at the last place where a mark stands; undefined where there is none. */
export function splitLast(text: string, mark: string): readonly [string, string] | undefined {
  const at = text.lastIndexOf(mark)
  return at < 0 ? undefined : [text.slice(0, at), text.slice(at + mark.length)]
}

/** Splits at the first place where a mark stands; undefined where there is none. */
export function splitFirst(text: string, mark: string): readonly [string, string] | undefined {
  const at = text.indexOf(mark)
  return at < 0 ? undefined : [text.slice(0, at), text.slice(at + mark.length)]
}
