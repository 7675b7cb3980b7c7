/** A string literal of ClickHouse. Nothing but its quote and the backslash leads out of one; NUL would end the statement. */
export function quotedText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\0', '\\0')}'`
}
