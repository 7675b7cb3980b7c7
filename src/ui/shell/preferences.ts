import { useSyncExternalStore } from 'react'
import type { Zone } from '../text/time.ts'

/** What a reader chose for this browser. Nothing of it changes what is found, so it is not in the URL. */
export interface Preferences {
  readonly theme: 'system' | 'light' | 'dark'
  readonly zone: Zone
  /** Neighbours that belong together in one row. */
  readonly fold: boolean
  readonly singleKeys: boolean
}

const KEY = 'whodid.preferences'
const DEFAULTS: Preferences = { theme: 'system', zone: 'local', fold: true, singleKeys: true }

const listeners = new Set<() => void>()
let current: Preferences = read()

export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, () => current)
}

export function setPreference<Name extends keyof Preferences>(name: Name, value: Preferences[Name]): void {
  current = { ...current, [name]: value }
  try {
    localStorage.setItem(KEY, JSON.stringify(current))
  } catch {
    // A browser that keeps nothing still shows what was chosen, until the page is left.
  }
  applyTheme()
  for (const listener of listeners) listener()
}

/** Puts the chosen theme on the page; `system` leaves it to the browser. */
export function applyTheme(): void {
  if (current.theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = current.theme
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

function read(): Preferences {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}')
    if (typeof stored !== 'object' || stored === null) return DEFAULTS
    return {
      theme: pick(stored, 'theme', ['system', 'light', 'dark']) ?? DEFAULTS.theme,
      zone: pick(stored, 'zone', ['local', 'utc']) ?? DEFAULTS.zone,
      fold: pick(stored, 'fold', [true, false]) ?? DEFAULTS.fold,
      singleKeys: pick(stored, 'singleKeys', [true, false]) ?? DEFAULTS.singleKeys,
    }
  } catch {
    // Not ours or not JSON: as if nothing were stored.
    return DEFAULTS
  }
}

function pick<Value>(stored: object, name: string, allowed: readonly Value[]): Value | undefined {
  const value: unknown = Object.getOwnPropertyDescriptor(stored, name)?.value
  return allowed.find((each) => each === value)
}
