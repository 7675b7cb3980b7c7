import { useEffect, useEffectEvent, useState } from 'react'
import { AuditError } from '../../domain/errors.ts'
import type { AuditEvent } from '../../domain/event.ts'
import { streamMessages } from './event-stream.ts'
import { passes, request, retryDelay } from './request.ts'

interface TailBatch {
  readonly events: readonly AuditEvent[]
  readonly feed: string
}

export type TailState = 'off' | 'open' | 'waiting'

/**
 * Follows what is recorded after a feed number for as long as `asOf` is given. Goes on from the last batch after a broken
 * connection, so nothing is missed and nothing comes twice.
 */
export function useTail(
  q: string,
  zone: string,
  asOf: string | undefined,
  onEvents: (events: readonly AuditEvent[]) => void,
): TailState {
  const [state, setState] = useState<TailState>('off')
  const take = useEffectEvent(onEvents)
  useEffect(() => {
    if (asOf === undefined) return
    const leaving = new AbortController()
    void follow({ q, zone }, asOf, { take, setState, signal: leaving.signal })
    return () => {
      leaving.abort()
      setState('off')
    }
  }, [q, zone, asOf])
  return state
}

interface Follower {
  readonly take: (events: readonly AuditEvent[]) => void
  readonly setState: (state: TailState) => void
  readonly signal: AbortSignal
}

async function follow(
  asked: { q: string; zone: string },
  asOf: string,
  { take, setState, signal }: Follower,
): Promise<void> {
  let feed = asOf
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      const response = await request('/v1/events:tail', asked, { signal, headers: { 'last-event-id': feed } })
      setState('open')
      for await (const message of streamMessages(textOf(response))) {
        // Its last message says why it ends; a new connection is judged anew.
        if (message.event !== 'events') throw new AuditError('busy', 'the server ended the stream')
        attempt = 0
        // The API's own contract (docs/api.md): same repository, same version, same origin.
        const batch = JSON.parse(message.data) as TailBatch
        feed = message.id ?? batch.feed
        if (batch.events.length > 0) take(batch.events)
      }
    } catch (error) {
      if (signal.aborted) return
      setState('waiting')
      // What does not pass (signed out, a query the server refuses) is shown by the list's own request.
      if (!passes(error) && !(error instanceof TypeError)) return
      await pause(retryDelay(attempt, error), signal)
    }
  }
}

async function* textOf(response: Response): AsyncGenerator<string> {
  if (response.body === null) return
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    yield value
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
