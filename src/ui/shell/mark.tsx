import type { ReactNode } from 'react'

/** One who acted, and what was acted on. */
export function Mark(): ReactNode {
  return (
    <svg
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.75"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d="M5 13V9.5A1.5 1.5 0 0 1 6.5 8h7A1.5 1.5 0 0 1 15 9.5V13M10 8V6" />
      <circle cx="10" cy="3.8" r="2.2" fill="currentColor" stroke="none" />
      <circle cx="5" cy="15.6" r="2.2" fill="currentColor" stroke="none" />
      <circle cx="15" cy="15.6" r="1.5" />
    </svg>
  )
}
