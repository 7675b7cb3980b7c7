import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useEffect } from 'react'
import { mayEditSources, mayReadSources, useMe } from '../data/session.ts'
import { useWaiting } from '../data/rules.ts'
import { countText } from '../text/time.ts'
import { NoRules } from './states.tsx'

export interface RulesFrameProps {
  /** Of the browser's tab. */
  readonly title: string
  readonly children: (mayEdit: boolean) => ReactNode
}

/** What is around every page of rules: its parts as tabs. Who may not see rules sees nothing of them. */
export function RulesFrame({ title, children }: RulesFrameProps): ReactNode {
  const me = useMe()
  const mayRead = mayReadSources(me.data)
  const waiting = useWaiting(mayRead).data?.length ?? 0
  useEffect(() => {
    document.title = `${title === '' ? '' : `${title} — `}Rules — whodid`
  }, [title])
  if (!mayRead) return <NoRules />
  return (
    <div className="sources rules">
      <nav className="rules-tabs" aria-label="Parts of Rules">
        <Link to="/policies" activeOptions={{ exact: true, includeSearch: false }}>
          What is recorded
        </Link>
        <Link to="/policies/accessaudits">AccessAudit</Link>
        <Link to="/policies/waiting">
          Waiting {waiting > 0 && <span className="badge num">{countText(waiting)}</span>}
        </Link>
      </nav>
      {children(mayEditSources(me.data))}
    </div>
  )
}
