import type { ReactNode, RefObject } from 'react'
import { useEffect, useId, useImperativeHandle, useRef, useState } from 'react'

export interface LayerProps {
  /** The button's looks. */
  readonly className: string
  readonly label: ReactNode
  readonly name?: string
  readonly layerClass?: string
  readonly role: 'menu' | 'dialog'
  /** Opens it from outside, as a shortcut does. */
  readonly opener?: RefObject<(() => void) | null>
  readonly children: (close: () => void) => ReactNode
}

/** A button with a layer below it. Esc and a click elsewhere close it; the focus goes in and comes back. */
export function Layer({ className, label, name, layerClass = '', role, opener, children }: LayerProps): ReactNode {
  const [open, setOpen] = useState(false)
  const anchor = useRef<HTMLSpanElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const id = useId()
  const close = (): void => setOpen(false)
  useOutside(anchor, open, () => setOpen(false))
  useImperativeHandle(opener, () => () => setOpen(true), [])
  useEffect(() => {
    if (!open) return
    const within = anchor.current
    const from = button.current
    within?.querySelector<HTMLElement>('[data-autofocus], .layer button, .layer input')?.focus()
    // Back to the button, unless the reader went somewhere else.
    return () => {
      const isLost = document.activeElement === null || document.activeElement === document.body
      if (isLost || within?.contains(document.activeElement) === true) from?.focus()
    }
  }, [open])
  return (
    <span
      role="presentation"
      className="layer-anchor"
      ref={anchor}
      onKeyDown={(event) => {
        if (!open) return
        if (event.key === 'Escape') {
          event.stopPropagation()
          close()
        }
        if (role === 'menu') moveInMenu(event, anchor.current)
      }}
    >
      <button
        ref={button}
        type="button"
        className={className}
        aria-haspopup={role}
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        aria-label={name}
        onClick={() => setOpen(!open)}
      >
        {label}
      </button>
      {open && (
        <div id={id} className={`layer ${layerClass}`} role={role} aria-label={name}>
          {children(close)}
        </div>
      )}
    </span>
  )
}

function moveInMenu(event: { key: string; preventDefault(): void }, anchor: HTMLElement | null): void {
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
  if (step === 0 || anchor === null) return
  event.preventDefault()
  const items = [...anchor.querySelectorAll<HTMLElement>('.layer button')]
  const at = items.findIndex((item) => item === document.activeElement)
  items.at((at + step) % items.length)?.focus()
}

function useOutside(anchor: RefObject<HTMLElement | null>, open: boolean, leave: () => void): void {
  useEffect(() => {
    if (!open) return
    const onPointer = (event: PointerEvent): void => {
      if (event.target instanceof Node && !anchor.current?.contains(event.target)) leave()
    }
    document.addEventListener('pointerdown', onPointer)
    return () => document.removeEventListener('pointerdown', onPointer)
  })
}
