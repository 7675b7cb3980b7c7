import { useState } from 'react'

/** The last value that was there: what stays to be read while something new is fetched, or fails. */
export function useKept<Value>(value: Value | undefined): Value | undefined {
  const [kept, setKept] = useState(value)
  if (value !== undefined && value !== kept) setKept(value)
  return value ?? kept
}
