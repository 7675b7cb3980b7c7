/** The bytes as text; undefined for what is no UTF-8. */
export function textOfBytes(bytes: Uint8Array): string | undefined {
  try {
    // A mark of byte order is a part of what came.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    // Not text: shown as numbers instead.
    return undefined
  }
}

const PER_LINE = 16

/** `00000010  ff d8 4a 46 …  ..JF…`: sixteen bytes a line. */
export function hexLines(bytes: Uint8Array): readonly string[] {
  const lines: string[] = []
  for (let start = 0; start < bytes.length; start += PER_LINE) {
    const some = [...bytes.subarray(start, start + PER_LINE)]
    const numbers = some.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const letters = some.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : '.')).join('')
    lines.push(`${start.toString(16).padStart(8, '0')}  ${numbers.padEnd(PER_LINE * 3 - 1)}  ${letters}`)
  }
  return lines
}
