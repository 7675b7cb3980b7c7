import { useSyncExternalStore } from 'react'

const EVERY_MS = 5000

let now = Date.now()

/** Milliseconds since 1970, as of a few seconds ago: for words like "4 min ago", never for a run. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now)
}

function subscribe(listener: () => void): () => void {
  const timer = setInterval(() => {
    now = Math.max(now, Date.now())
    listener()
  }, EVERY_MS)
  return () => clearInterval(timer)
}
