import { Check, Copy } from 'lucide-react'
import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'
import { visible } from '../text/hidden.ts'
import { announce } from './announcer.tsx'

export interface CopyButtonProps {
  readonly text: string
  /** What is copied, for who hears the page: `command`, `value of user.name`. */
  readonly what: string
  readonly label?: string
}

export function CopyButton({ text, what, label }: CopyButtonProps): ReactNode {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 1500)
    return () => clearTimeout(timer)
  }, [copied])
  const Icon = copied ? Check : Copy
  return (
    <button
      type="button"
      className={`button is-ghost is-xs${label === undefined ? ' is-icon' : ''}`}
      aria-label={`Copy ${what}`}
      title={`Copy ${what}`}
      onClick={() => void copyText(text, what).then(setCopied)}
    >
      <Icon className={copied ? 'i i-sm is-success' : 'i i-sm'} />
      {label}
    </button>
  )
}

/** Copies the exact text, and says when it holds characters that nobody sees. False: the browser did not let us. */
export async function copyText(text: string, what: string): Promise<boolean> {
  const hidden = visible(text, 1_000_000).hidden
  const copied = await writeClipboard(text)
  const also = hidden === 0 ? '' : `, ${hidden} hidden character${hidden === 1 ? '' : 's'} included`
  announce(copied ? `Copied ${what}${also}` : `The browser did not allow copying ${what}`)
  return copied
}

async function writeClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // No clipboard on plain http beyond loopback: the old way still works there.
    return writeBySelection(text)
  }
}

function writeBySelection(text: string): boolean {
  const field = document.createElement('textarea')
  field.value = text
  field.className = 'unseen'
  document.body.append(field)
  field.select()
  // Deprecated, and the only way where the clipboard is not given.
  const done = document.execCommand('copy')
  field.remove()
  return done
}
