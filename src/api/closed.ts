import type { FastifyReply } from 'fastify'

/** Aborts when the caller goes away before it was answered, so that nothing works on for nobody. */
export function closedSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new DOMException('the caller went away', 'AbortError'))
  })
  return gone.signal
}
