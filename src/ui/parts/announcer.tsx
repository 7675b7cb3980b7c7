import type { ReactNode } from 'react'
import { useEffect, useState, useSyncExternalStore } from 'react'

let latest = { text: '', at: 0 }
const listeners = new Set<() => void>()

/** Says something once, to who sees and who hears the page. Confirms only: errors stay where they happen. */
export function announce(text: string): void {
  latest = { text, at: latest.at + 1 }
  for (const listener of listeners) listener()
}

/** The one place where confirmations appear. */
export function Announcer(): ReactNode {
  const said = useSyncExternalStore(subscribe, () => latest)
  const [gone, setGone] = useState(0)
  useEffect(() => {
    if (said.at === 0) return
    const timer = setTimeout(() => setGone(said.at), 4000)
    return () => clearTimeout(timer)
  }, [said])
  return (
    <div className="announcer" role="status">
      {said.at > gone && said.text !== '' && <p>{said.text}</p>}
    </div>
  )
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
