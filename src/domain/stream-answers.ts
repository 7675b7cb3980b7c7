/** One of `GET /v1/streams`: what would go now, and when the rest does. */
export interface StreamAnswer {
  readonly stream: string
  /** Days, as they are in force. */
  readonly keepDays: number
  readonly basis?: string
  readonly period: 'month' | 'day'
  readonly events: number
  readonly bytes: number
  readonly oldest?: string
  /** Events that would go now. */
  readonly goingEvents: number
  /** Each log that has entries: when it goes, and which holds keep it. */
  readonly logs: readonly {
    origin: string
    state: string
    events: number
    goes: string
    due: boolean
    holds: string[]
  }[]
  readonly pruned: number
}
