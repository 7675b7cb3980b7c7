import type { ReactNode } from 'react'
import { usePreferences } from '../shell/preferences.ts'
import { clockText, dateText, offsetText, relativeText } from '../text/time.ts'
import { useNow } from './use-now.ts'

/** How long ago, in words; the moment itself on a closer look. Takes RFC 3339. */
export function Ago({ at: text }: { at: string }): ReactNode {
  const { zone } = usePreferences()
  const now = useNow()
  const at = Date.parse(text)
  if (Number.isNaN(at)) return null
  const moment = `${dateText(at, zone)} ${clockText(at, zone)} UTC${offsetText(at, zone)}`
  return (
    <time dateTime={text} title={moment}>
      {/* The page's clock stands still for seconds: what came since was just now. */}
      {relativeText(at, Math.max(now, at))}
    </time>
  )
}
