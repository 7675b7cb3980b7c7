import { VerifyError } from './errors.ts'

const BLOCK = 512
/** What eleven octal digits can say is 8 GiB; no member of ours comes near it. */
const MAX_MEMBER_BYTES = 2 ** 32
const MAX_NAME = 255
const MAX_MEMBERS = 65_536
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/
const ascii = new TextEncoder()

/** A file in a tar. `bytes` is a view into the whole. */
export interface TarMember {
  readonly name: string
  readonly bytes: Uint8Array
}

/** The two empty blocks that end a tar. */
export const TAR_END_BYTES = 2 * BLOCK

/**
 * Header of a plain file: POSIX ustar, mode 0644, owned by nobody. One name, size and time have one header.
 *
 * @param mtime seconds since 1970
 */
export function tarHeader(name: string, sizeBytes: number, mtime: number): Uint8Array {
  if (!isTarName(name)) throw new VerifyError('malformed', `${name.slice(0, 300)} is no name for a member`)
  if (sizeBytes > MAX_MEMBER_BYTES) throw new VerifyError('too_large', `${name} has ${sizeBytes} bytes`)
  const header = new Uint8Array(BLOCK)
  const put = (text: string, at: number): void => header.set(ascii.encode(text), at)
  const [prefix, last] = splitName(name)
  put(last, 0)
  put('0000644\u00000000000\u00000000000\0', 100)
  put(`${octal(sizeBytes)}\0${octal(mtime)}\0`, 124)
  put('        0', 148)
  put('ustar\u000000', 257)
  put('0000000\u00000000000\0', 329)
  put(prefix, 345)
  const sum = header.reduce((total, byte) => total + byte, 0)
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

/** Zero bytes that follow a member of that size. */
export function tarPadding(sizeBytes: number): number {
  return (BLOCK - (sizeBytes % BLOCK)) % BLOCK
}

/** Whether a member may have this name: no step up, no empty step, nothing that a shell or a screen takes for more. */
export function isTarName(name: string): boolean {
  return name.length <= MAX_NAME && NAME.test(name) && splitName(name)[1].length <= 100
}

/**
 * Members of a tar as `tarHeader` writes them, in order. Strict: any other header, name, kind of member, byte between
 * members or byte after the end is refused, and so is a name that comes twice. Throws VerifyError.
 */
export function readTar(bytes: Uint8Array): readonly TarMember[] {
  const members: TarMember[] = []
  const names = new Set<string>()
  let at = 0
  for (;;) {
    const header = bytes.subarray(at, at + BLOCK)
    if (header.length < BLOCK) throw new VerifyError('malformed', `the pack is cut short after ${at} bytes`)
    if (isEmpty(header)) break
    const { name, size } = readHeader(header, at)
    if (names.has(name)) throw new VerifyError('malformed', `${name} is in the pack twice`)
    names.add(name)
    if (names.size > MAX_MEMBERS) throw new VerifyError('too_large', `more than ${MAX_MEMBERS} members`)
    const end = at + BLOCK + size
    at = end + tarPadding(size)
    if (at > bytes.length) throw new VerifyError('malformed', `${name} is cut short`)
    if (!isEmpty(bytes.subarray(end, at))) throw new VerifyError('malformed', `there are bytes behind ${name}`)
    members.push({ name, bytes: bytes.subarray(end - size, end) })
  }
  if (bytes.length !== at + TAR_END_BYTES || !isEmpty(bytes.subarray(at))) {
    throw new VerifyError('malformed', 'the pack does not end where a tar ends')
  }
  return members
}

function readHeader(header: Uint8Array, at: number): { name: string; size: number } {
  const prefix = fieldText(header, 345, 155)
  const last = fieldText(header, 0, 100)
  const name = prefix === '' ? last : `${prefix}/${last}`
  const bad = new VerifyError('malformed', `the header at byte ${at} is not one that whodid writes`)
  const [size, mtime] = [octalAt(header, 124), octalAt(header, 136)]
  if (size === undefined || mtime === undefined || !isTarName(name)) throw bad
  const own = tarHeader(name, size, mtime)
  if (own.some((byte, n) => byte !== header[n])) throw bad
  return { name, size }
}

/** Up to 155 characters may go before a slash, at most 100 after it. */
function splitName(name: string): [prefix: string, last: string] {
  if (name.length <= 100) return ['', name]
  const cut = name.indexOf('/', name.length - 101)
  return cut < 0 || cut > 155 ? ['', name] : [name.slice(0, cut), name.slice(cut + 1)]
}

function octal(value: number): string {
  return value.toString(8).padStart(11, '0')
}

function octalAt(header: Uint8Array, at: number): number | undefined {
  const digits = fieldText(header, at, 12)
  return /^[0-7]{11}$/.test(digits) ? Number.parseInt(digits, 8) : undefined
}

/** Up to the first zero byte; a byte beyond ASCII becomes a character that no name has. */
function fieldText(header: Uint8Array, at: number, length: number): string {
  const field = header.subarray(at, at + length)
  const end = field.indexOf(0)
  return String.fromCharCode(...field.subarray(0, end < 0 ? length : end))
}

function isEmpty(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}
