import { useMemo, useState } from 'react'
import type { QueryFault } from './query-text.ts'
import { faultOf } from './query-text.ts'

export interface Draft {
  readonly text: string
  readonly fault: QueryFault | undefined
  readonly setText: (text: string) => void
}

/** The query as it is being typed. It follows the address whenever that changes. */
export function useDraft(q: string, faultOfUrl: QueryFault | undefined, at: number): Draft {
  const [text, setText] = useState(q)
  const [of, setOf] = useState(q)
  if (of !== q) {
    setOf(q)
    setText(q)
  }
  const fault = useMemo(() => (text === q ? faultOfUrl : faultOf(text, at)), [text, q, at, faultOfUrl])
  return { text, fault, setText }
}
