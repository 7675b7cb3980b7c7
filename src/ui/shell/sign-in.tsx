import type { ReactNode } from 'react'
import { CopyButton } from '../parts/copy.tsx'
import { Mark } from './mark.tsx'

export interface SignInProps {
  /** Why a link that was opened did not work; undefined where none was opened. */
  readonly refused: string | undefined
  readonly offline: boolean
}

/** There is no password to type: a one-time link signs in. */
export function SignIn({ refused, offline }: SignInProps): ReactNode {
  return (
    <main className="door">
      <div className="door-card">
        <p className="door-brand">
          <Mark />
          <b>whodid</b>
        </p>
        {offline ? (
          <>
            <h1>No connection to the server</h1>
            <p>This page tries again by itself.</p>
          </>
        ) : (
          <>
            <h1>{refused === undefined ? 'Sign in with a one-time link' : 'This link does not work any more'}</h1>
            <p role={refused === undefined ? undefined : 'alert'}>
              {refused ??
                'The server printed one when it started. It works once, for ten minutes, and then keeps you signed in on this browser.'}
            </p>
            <p>A new one, on the machine where whodid runs:</p>
            <div className="command">
              <code>whodid admin-link</code>
              <CopyButton text="whodid admin-link" what="the command" />
            </div>
            <p className="muted">
              In a checkout: <code>npm run -s whodid -- admin-link</code>. The secret is in the part of the address that
              browsers never send, so it is in no log.
            </p>
          </>
        )}
      </div>
    </main>
  )
}
