import { LockKeyhole } from 'lucide-react'
import type { ReactNode } from 'react'

/** For who may not see rules: what is missing, and nothing of what is there. */
export function NoRules(): ReactNode {
  return (
    <div className="empty">
      <LockKeyhole className="i muted" />
      <h2>You may not see Rules.</h2>
      <p>It needs the permission to read the ledger. Somebody who administers this server can give it to you.</p>
    </div>
  )
}
