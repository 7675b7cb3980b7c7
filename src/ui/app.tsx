import { useQuery, useQueryClient } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'
import { AuditError } from '../domain/errors.ts'
import { meOptions, signIn, takeLinkSecret } from './data/session.ts'
import { router } from './router.tsx'
import { SignIn } from './shell/sign-in.tsx'

const linkSecret = takeLinkSecret()

interface Door {
  readonly isOpening: boolean
  /** Why the link did not work. */
  readonly refused?: string
}

/** Signs in with the link that was opened, if one was; then shows the pages, or how to get a link. */
export function App(): ReactNode {
  const client = useQueryClient()
  const [door, setDoor] = useState<Door>({ isOpening: linkSecret !== undefined })
  useEffect(() => {
    if (linkSecret === undefined) return
    void enter(linkSecret).then(async (refused) => {
      await client.invalidateQueries({ queryKey: meOptions.queryKey })
      setDoor({ isOpening: false, ...(refused !== undefined && { refused }) })
    })
  }, [client])
  const me = useQuery({ ...meOptions, enabled: !door.isOpening })
  if (door.isOpening || (me.isPending && me.failureReason === null)) return null
  if (me.data !== undefined) return <RouterProvider router={router} context={{ me: me.data }} />
  const offline = me.failureReason instanceof AuditError && me.failureReason.code === 'io_failed'
  return <SignIn refused={door.refused} offline={offline} />
}

/** Undefined: signed in. Else why not, in words. Entered once, also where React renders twice. */
function enter(secret: string): Promise<string | undefined> {
  entering ??= signIn(secret).then(
    () => undefined,
    (error: unknown) =>
      error instanceof AuditError && error.code === 'io_failed'
        ? 'There is no connection to the server. Open the link again when it runs.'
        : 'It works once and for ten minutes: it was used before, or it is too old.',
  )
  return entering
}

let entering: Promise<string | undefined> | undefined
