export interface CefParts {
  /** Version, vendor, product, product version, class id, name, severity. */
  readonly header: readonly string[]
  readonly extension: ReadonlyMap<string, string>
}

const MARK = /(?:^|[\s>])CEF:\s?(?=[01]\|)/
const HEADER_FIELDS = 7
const MOST_KEYS = 1000

/**
 * Takes a CEF line apart. In the header `\|` and `\\` are escapes; in the extension `\=`, `\\`, `\n` and `\r`, and a value
 * goes on until the last word before the next unescaped `=`. One pass, whatever the text; undefined when it is no CEF.
 */
export function cefParts(text: string): CefParts | undefined {
  const mark = MARK.exec(text.length > 4096 ? text.slice(0, 4096) : text)
  if (mark === null) return undefined
  const header: string[] = []
  let at = mark.index + mark[0].length
  while (header.length < HEADER_FIELDS) {
    const end = unescaped(text, '|', at)
    if (end < 0) {
      // The severity may end the line where there is no extension.
      if (header.length === HEADER_FIELDS - 1) header.push(plain(text.slice(at)).trim())
      at = text.length
      break
    }
    header.push(plain(text.slice(at, end)))
    at = end + 1
  }
  return header.length < HEADER_FIELDS ? undefined : { header, extension: extensionOf(text, at) }
}

function extensionOf(text: string, from: number): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>()
  let equals = unescaped(text, '=', from)
  let key = equals < 0 ? '' : lastWord(text, from, equals)
  while (equals >= 0 && pairs.size < MOST_KEYS) {
    const next = unescaped(text, '=', equals + 1)
    const nextKey = next < 0 ? '' : lastWord(text, equals + 1, next)
    const end = next < 0 ? text.length : next - nextKey.length
    if (KEY.test(key) && !pairs.has(key)) pairs.set(key, plain(text.slice(equals + 1, end).trim()))
    equals = next
    key = nextKey
  }
  return pairs
}

const KEY = /^[\w.[\]-]{1,256}$/
const LONGEST_KEY = 256

/** The key that an `=` belongs to: what stands before it, back to a space. */
function lastWord(text: string, from: number, end: number): string {
  let start = end
  while (start > from && end - start <= LONGEST_KEY && text.charCodeAt(start - 1) > 0x20) start--
  return text.slice(start, end)
}

/** Where a mark stands that no backslash is before; -1 when nowhere. */
function unescaped(text: string, mark: '|' | '=', from: number): number {
  for (let at = from; at < text.length; at++) {
    const char = text.charAt(at)
    if (char === '\\') at++
    else if (char === mark) return at
  }
  return -1
}

function plain(text: string): string {
  if (!text.includes('\\')) return text
  return text.replaceAll(/\\([\\|=nr])/g, (_, char: string) => (char === 'n' ? '\n' : char === 'r' ? '\r' : char))
}
