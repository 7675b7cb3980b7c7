import { useEffect, useState } from 'react'

const PREFIX = 'whodid-rules-draft:'
const QUIET_MS = 300

/** What is typed, kept over a reload in this tab, and as it was when typing last paused. */
export interface CandidateText {
  readonly text: string
  /** 300 ms without a key ago. */
  readonly settled: string
  /** It is not what was there before. */
  readonly isDraft: boolean
  readonly onText: (text: string) => void
  readonly onReset: () => void
}

/** @param original Of the rule in force, or a first example. */
export function useCandidate(file: string, original: string): CandidateText {
  const key = `${PREFIX}${file}`
  const [draft, setDraft] = useState(() => sessionStorage.getItem(key) ?? undefined)
  const text = draft ?? original
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), QUIET_MS)
    return () => clearTimeout(timer)
  }, [text])
  return {
    text,
    settled,
    isDraft: draft !== undefined && draft !== original,
    onText(next) {
      setDraft(next)
      keep(key, next)
    },
    onReset() {
      setDraft(undefined)
      sessionStorage.removeItem(key)
    },
  }
}

function keep(key: string, text: string): void {
  try {
    sessionStorage.setItem(key, text)
  } catch {
    // No room, or not allowed: it lives as long as the page does.
  }
}
