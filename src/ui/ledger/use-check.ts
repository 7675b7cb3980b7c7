import { useEffect, useRef, useState } from 'react'
import type { Asked, Told } from './worker.ts'

export interface Check<Kind extends Asked['kind']> {
  readonly running: boolean
  readonly progress: { readonly done: number; readonly of: number } | undefined
  /** What the last one that came to an end said. */
  readonly told: Extract<Told, { readonly kind: Kind }> | undefined
  readonly failed: string | undefined
  readonly at: number
  readonly start: (asked: Extract<Asked, { readonly kind: Kind }>) => void
  readonly cancel: () => void
}

interface State {
  readonly running: boolean
  readonly progress?: { readonly done: number; readonly of: number }
  readonly told?: Told
  readonly failed?: string
  readonly at: number
}

/** One check at a time in a worker of its own; it ends with the page, or when it is cancelled. */
export function useCheck<Kind extends Asked['kind']>(kind: Kind): Check<Kind> {
  const [state, setState] = useState<State>({ running: false, at: 0 })
  const worker = useRef<Worker>(undefined)
  const end = (): void => worker.current?.terminate()
  useEffect(() => () => worker.current?.terminate(), [])
  const onTold = (told: Told): void => {
    if (told.kind === 'progress') return setState((now) => ({ ...now, progress: told }))
    end()
    const at = Date.now()
    setState(told.kind === 'failed' ? { running: false, failed: told.reason, at } : { running: false, told, at })
  }
  const { told } = state
  return {
    running: state.running,
    progress: state.progress,
    // Workers answer what they were asked, and this one asks for one kind only.
    told: told?.kind === kind ? (told as Extract<Told, { readonly kind: Kind }>) : undefined,
    failed: state.failed,
    at: state.at,
    start(asked) {
      end()
      setState((now) => ({ running: true, at: now.at }))
      const next = new Worker(new URL('worker.ts', import.meta.url), { type: 'module' })
      next.addEventListener('message', ({ data }: MessageEvent<Told>) => onTold(data))
      next.addEventListener('error', () => onTold({ kind: 'failed', reason: 'the check could not be loaded' }))
      worker.current = next
      next.postMessage(asked)
    },
    cancel() {
      end()
      setState((now) => ({ running: false, at: now.at }))
    },
  }
}
