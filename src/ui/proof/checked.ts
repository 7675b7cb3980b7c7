import { useSyncExternalStore } from 'react'

/** What a check in this browser came to. Not kept beyond the page: it is true of the bytes that were looked at. */
export type Checked = 'valid' | 'broken'

let checked: ReadonlyMap<string, Checked> = new Map()
const listeners = new Set<() => void>()

/** By row key: which events were checked here. */
export function useChecked(): ReadonlyMap<string, Checked> {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => checked,
  )
}

export function setChecked(key: string, result: Checked): void {
  if (checked.get(key) === result) return
  checked = new Map([...checked, [key, result]])
  for (const listener of listeners) listener()
}
