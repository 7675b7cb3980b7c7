/** One message of a `text/event-stream`. */
export interface ServerSentMessage {
  readonly id: string | undefined
  readonly event: string
  readonly data: string
}

/** Reads server-sent events as our server writes them (WHATWG HTML section 9.2): line ends are `\n`. */
export async function* readMessages(pieces: AsyncIterable<string>): AsyncGenerator<ServerSentMessage, void> {
  let pending = ''
  for await (const piece of pieces) {
    pending += piece
    for (let end = pending.indexOf('\n\n'); end >= 0; end = pending.indexOf('\n\n')) {
      const message = messageOf(pending.slice(0, end).split('\n'))
      pending = pending.slice(end + 2)
      if (message !== undefined) yield message
    }
  }
}

/** Undefined for a comment: a sign of life. */
function messageOf(lines: readonly string[]): ServerSentMessage | undefined {
  const valueOf = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
  const data = valueOf('data')
  return data === undefined ? undefined : { id: valueOf('id'), event: valueOf('event') ?? 'message', data }
}
