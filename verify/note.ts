import { fromBase64, toBase64, toHex } from './base64.ts'
import { VerifyError } from './errors.ts'
import { equalBytes } from './hash.ts'
import type { Sha256 } from './hash.ts'

// C2SP signed-note v1.0.0 and tlog-cosignature v1.0.1 (C2SP/C2SP@5ba5ee8).

/** Ed25519 over the message with a raw 32-byte public key; handed in. Resolves false for a signature that does not fit. */
export type VerifyEd25519 = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => Promise<boolean>

/** What this package needs of its surroundings. */
export interface Crypto {
  readonly sha256: Sha256
  readonly verifyEd25519: VerifyEd25519
}

/** 0x01: the key signs the note's text. 0x04: a witness's key, which signs the text with a time. */
export type KeyType = 'ed25519' | 'cosignature'

export interface VerifierKey {
  readonly name: string
  /** First four bytes of SHA-256(name || 0x0A || type || public key). */
  readonly id: Uint8Array
  readonly type: KeyType
  /** Raw, 32 bytes. */
  readonly publicKey: Uint8Array
}

export interface Note {
  /** Signed text, ends in a newline. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

export interface NoteSignature {
  readonly name: string
  readonly id: Uint8Array
  /** What follows the key id. */
  readonly bytes: Uint8Array
}

/** A signature that was checked. `time` (seconds since 1970) is there for cosignatures. */
export interface Signer {
  readonly name: string
  readonly type: KeyType
  /** Raw, 32 bytes: two keys may have one name. */
  readonly publicKey: Uint8Array
  readonly time?: number
}

const MAX_NOTE_CHARS = 64 * 1024
const MAX_SIGNATURES = 64
const ED25519_BYTES = 64
const utf8 = new TextEncoder()

/** Throws VerifyError `malformed` unless the vkey is well formed and its id fits. */
export function parseVerifierKey(sha256: Sha256, vkey: string): VerifierKey {
  // The base64 part may hold a "+" itself, so only the first two divide.
  const match = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/u.exec(vkey)
  const bad = (why: string): VerifyError => new VerifyError('malformed', `verifier key ${vkey.slice(0, 200)}: ${why}`)
  if (match === null || !isKeyName(match[1]!)) throw bad('it is not name+id+key')
  const key = fromBase64(match[3]!)
  if (key[0] !== 1 && key[0] !== 4) throw bad('only Ed25519 keys and cosigners are known')
  if (key.length !== 33) throw bad('an Ed25519 key has 32 bytes')
  const type = key[0] === 1 ? 'ed25519' : 'cosignature'
  const publicKey = key.slice(1)
  const id = keyId(sha256, match[1]!, type, publicKey)
  if (toHex(id) !== match[2]) throw bad('its id does not fit its key')
  return { name: match[1]!, id, type, publicKey }
}

/** `name+id+base64(type || public key)`. */
export function formatVerifierKey(sha256: Sha256, name: string, type: KeyType, publicKey: Uint8Array): string {
  if (!isKeyName(name)) throw new VerifyError('malformed', `${name} is no key name`)
  const id = toHex(keyId(sha256, name, type, publicKey))
  return `${name}+${id}+${toBase64(Uint8Array.of(typeByte(type), ...publicKey))}`
}

export function keyId(sha256: Sha256, name: string, type: KeyType, publicKey: Uint8Array): Uint8Array {
  return sha256(Uint8Array.of(...utf8.encode(name), 10, typeByte(type), ...publicKey)).slice(0, 4)
}

/** Non-empty, without spaces of any kind and without "+". */
export function isKeyName(name: string): boolean {
  return /^[^\s+\p{Cc}]{1,255}$/u.test(name)
}

/** Takes a note apart without judging its signatures. Throws VerifyError `malformed` or `too_large`. */
export function parseNote(note: string): Note {
  if (note.length > MAX_NOTE_CHARS) throw new VerifyError('too_large', `a note of ${note.length} characters`)
  // Text may hold blank lines: the last one divides.
  const split = note.lastIndexOf('\n\n')
  if (split < 0 || !note.endsWith('\n')) throw new VerifyError('malformed', 'a note without a signature')
  if (/(?!\n)\p{Cc}|\ufffd/u.test(note)) throw new VerifyError('malformed', 'a note with control characters')
  const lines = note.slice(split + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) throw new VerifyError('too_large', `a note with ${lines.length} signatures`)
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignature) }
}

/** Appends signature lines to a text. */
export function formatNote(note: Note): string {
  return `${note.text}\n${note.signatures.map(formatSignature).join('')}`
}

/** A signature line, with its line feed. */
export function formatSignature({ name, id, bytes }: NoteSignature): string {
  return `— ${name} ${toBase64(Uint8Array.of(...id, ...bytes))}\n`
}

/**
 * Checks a note against known keys. Signatures by unknown keys are passed over; one by a known key that does not fit
 * throws `bad_signature`; a note with no signature by a known key throws `not_signed`.
 */
export async function openNote(
  crypto: Crypto,
  note: string,
  keys: readonly VerifierKey[],
): Promise<{ readonly text: string; readonly signers: readonly Signer[] }> {
  const parsed = parseNote(note)
  const signers: Signer[] = []
  for (const signature of parsed.signatures) {
    const key = keys.find((each) => each.name === signature.name && equalBytes(each.id, signature.id))
    if (key !== undefined) signers.push(await verifySignature(crypto, parsed.text, signature, key))
  }
  if (signers.length > 0) return { text: parsed.text, signers }
  const names = keys.map((each) => each.name).join(', ')
  throw new VerifyError('not_signed', `the note is not signed by ${names === '' ? 'any known key' : names}`)
}

/** The signature of a key over a note's text. Throws `bad_signature` when it does not fit. */
export async function verifySignature(
  crypto: Crypto,
  text: string,
  signature: NoteSignature,
  key: VerifierKey,
): Promise<Signer> {
  const bad = new VerifyError('bad_signature', `the signature by ${key.name} does not fit`)
  if (key.type === 'ed25519') {
    if (signature.bytes.length !== ED25519_BYTES) throw bad
    if (!(await crypto.verifyEd25519(key.publicKey, utf8.encode(text), signature.bytes))) throw bad
    return { name: key.name, type: key.type, publicKey: key.publicKey }
  }
  if (signature.bytes.length !== 8 + ED25519_BYTES) throw bad
  const view = new DataView(signature.bytes.buffer, signature.bytes.byteOffset)
  const time = view.getBigUint64(0)
  const message = utf8.encode(cosignedText(text, time))
  if (!(await crypto.verifyEd25519(key.publicKey, message, signature.bytes.subarray(8)))) throw bad
  return { name: key.name, type: key.type, publicKey: key.publicKey, time: Number(time) }
}

/** What a witness signs: the time, in seconds since 1970, and the note's whole text (tlog-cosignature). */
export function cosignedText(text: string, time: number | bigint): string {
  return `cosignature/v1\ntime ${time}\n${text}`
}

/** One signature line of a note, without its line feed. Throws `malformed`. */
export function parseSignature(line: string): NoteSignature {
  const match = /^— (\S+) (\S+)$/u.exec(line)
  if (match === null || !isKeyName(match[1]!)) throw new VerifyError('malformed', 'a note with a broken signature line')
  const bytes = fromBase64(match[2]!)
  if (bytes.length < 5) throw new VerifyError('malformed', 'a note with an empty signature')
  return { name: match[1]!, id: bytes.slice(0, 4), bytes: bytes.slice(4) }
}

function typeByte(type: KeyType): number {
  return type === 'ed25519' ? 1 : 4
}
