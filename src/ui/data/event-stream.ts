/** One message of a `text/event-stream`. */
export interface StreamMessage {
  readonly event: string
  readonly data: string
  readonly id: string | undefined
}

/** A message larger than this ends the stream: nothing we send comes near it. */
const MAX_PENDING = 32 * 1024 * 1024

/** Reads server-sent events (WHATWG HTML, section 9.2) from pieces of text. Comments and `retry` are skipped. */
export async function* streamMessages(pieces: AsyncIterable<string>): AsyncGenerator<StreamMessage> {
  let pending = ''
  let fields: string[] = []
  for await (const piece of pieces) {
    pending += piece
    if (pending.length > MAX_PENDING) throw new RangeError('a message of the stream is too large')
    const lines = pending.split(/\r\n|\n|\r(?!$)/)
    pending = lines.pop() ?? ''
    for (const line of lines) {
      if (line !== '') {
        fields.push(line)
        continue
      }
      const message = messageOf(fields)
      fields = []
      if (message !== undefined) yield message
    }
  }
}

function messageOf(lines: readonly string[]): StreamMessage | undefined {
  let event = 'message'
  let id: string | undefined
  const data: string[] = []
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'data') data.push(value)
    else if (name === 'event') event = value
    else if (name === 'id') id = value
  }
  return data.length === 0 ? undefined : { event, data: data.join('\n'), id }
}
