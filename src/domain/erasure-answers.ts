import type { BlockName } from './sealed.ts'

/** Who an erasure is about, and how much of them there is. */
export interface ErasurePreview {
  readonly identities: readonly PreviewedIdentity[]
  readonly events: number
  readonly blocks: Readonly<Partial<Record<BlockName, number>>>
  readonly logs: readonly PreviewedLog[]
  /** Events of theirs whose blocks no key of their own salts: the texts go, the key of the day stays. */
  readonly underDayKeys: number
  /** There were more events than were read: the counts are of a part. */
  readonly isPart: boolean
}

export interface PreviewedIdentity {
  /** `["domain","id, name or e-mail"]`. */
  readonly identity: string
  readonly names: readonly string[]
  readonly ids: readonly string[]
  readonly emails: readonly string[]
  readonly asActor: number
  readonly asTarget: number
}

interface PreviewedLog {
  readonly log: string
  readonly events: number
  /** Why nothing may be taken from it. */
  readonly hold?: string
}

/** A request to erase a person, as the API tells of it. Times are RFC 3339. */
export interface ErasureAnswer {
  readonly id: string
  readonly reference: string
  readonly basis: string
  readonly state: 'waiting' | 'approved' | 'refused' | 'done'
  readonly requestedBy: string
  readonly requestedAt: string
  readonly decidedBy?: string
  readonly decidedAt?: string
  readonly reason?: string
  readonly heldUntil?: string
  /** What is done next. */
  readonly step: string
  readonly waitsFor?: string
  readonly counts: Readonly<Record<string, number>>
  /** Of the list that `subject.erased` commits to, hex, and where that leaf stands. */
  readonly root?: string
  readonly record?: { readonly log: string; readonly index: number }
  /** While it waits or is done: whom it is about. Forgotten afterwards. */
  readonly person?: {
    readonly names: readonly string[]
    readonly ids: readonly string[]
    readonly emails: readonly string[]
    readonly mentions: boolean
  }
}
