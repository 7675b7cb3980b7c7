import type { DatabaseSync } from 'node:sqlite'
import { randomBytes } from 'node:crypto'

import { AuditError } from '../domain/errors.ts'
import type { Json } from '../domain/event.ts'
import { inOneCommit, translating } from './database.ts'

/** What somebody asked for and somebody has to agree to before it is done. */
export interface Waiting {
  readonly id: string
  /** What of: `rules`, `erasure`, `retention`, `hold-release`. */
  readonly kind: string
  /** One sentence for whoever has to agree. */
  readonly summary: string
  /** What would be done, for the one who does it: a diff, what it covers. */
  readonly details: Json
  readonly requestedBy: string
  /** Milliseconds since 1970. */
  readonly requestedAt: number
  readonly state: 'waiting' | 'approved' | 'refused' | 'done'
  /** Who agreed, or refused. */
  readonly decidedBy?: string
  readonly decidedAt?: number
  /** Why it was refused. */
  readonly reason?: string
}

/** How many people a decision takes. `single`: the one who asked may confirm it, explicitly. */
export type ApprovalRule = 'single' | 'two'

export interface Approvals {
  request(wanted: Pick<Waiting, 'kind' | 'summary' | 'details' | 'requestedBy'>, at: number): Waiting
  /**
   * @param by a person. Under `two` another one than asked; throws `forbidden` else.
   * @throws `not_found`, or `conflict` when it was decided before.
   */
  approve(id: string, by: string, at: number, rule: ApprovalRule): Waiting
  /** Also the one who asked may take it back. */
  refuse(id: string, by: string, at: number, reason: string): Waiting
  /** What was approved is done now: said last, so that a crash in between does it again, not never. */
  done(id: string): void
  find(id: string): Waiting | undefined
  /** Newest first. */
  list(kind?: string): readonly Waiting[]
}

const ID_BYTES = 9

export function createApprovals(database: DatabaseSync): Approvals {
  const insert = database.prepare(
    `INSERT INTO approvals (id, kind, summary, details, requested_by, requested_at, state) VALUES (?, ?, ?, ?, ?, ?, 'waiting')`,
  )
  const select = database.prepare('SELECT * FROM approvals WHERE id = ?')
  const selectAll = database.prepare('SELECT * FROM approvals ORDER BY requested_at DESC, id')
  const decide = database.prepare(
    'UPDATE approvals SET state = ?, decided_by = ?, decided_at = ?, reason = ? WHERE id = ?',
  )
  const finish = database.prepare(`UPDATE approvals SET state = 'done' WHERE id = ? AND state = 'approved'`)
  const guarded = <T>(work: () => T): T => translating(database.location() ?? 'state.db', work)

  function find(id: string): Waiting | undefined {
    const row = guarded(() => select.get(id))
    return row === undefined ? undefined : waitingOf(row)
  }

  function open(id: string): Waiting {
    const found = find(id)
    if (found === undefined) throw new AuditError('not_found', `nothing waits under ${id}`)
    if (found.state !== 'waiting') {
      throw new AuditError('conflict', `${id} was ${found.state} by ${found.decidedBy ?? 'nobody'} already`)
    }
    return found
  }

  function settle(id: string, ...how: readonly [string, string, number, string | null]): Waiting {
    inOneCommit(database, () => decide.run(...how, id))
    const settled = find(id)
    if (settled === undefined) throw new AuditError('internal', `${id} is gone`)
    return settled
  }

  return {
    request({ kind, summary, details, requestedBy }, at) {
      const id = randomBytes(ID_BYTES).toString('base64url')
      guarded(() => insert.run(id, kind, summary, JSON.stringify(details), requestedBy, at))
      return { id, kind, summary, details, requestedBy, requestedAt: at, state: 'waiting' }
    },
    approve(id, by, at, rule) {
      const { requestedBy } = open(id)
      if (rule === 'two' && by === requestedBy) {
        const hint = 'ask somebody else to approve it: approvals is two'
        throw new AuditError('forbidden', `${by} asked for ${id} and cannot approve it`, { hint })
      }
      return settle(id, 'approved', by, at, null)
    },
    refuse(id, by, at, reason) {
      open(id)
      return settle(id, 'refused', by, at, reason)
    },
    done: (id) => void guarded(() => finish.run(id)),
    find,
    list: (kind) =>
      guarded(() => selectAll.all())
        .map(waitingOf)
        .filter((each) => kind === undefined || each.kind === kind),
  }
}

function waitingOf(row: Record<string, unknown>): Waiting {
  return {
    id: String(row['id']),
    kind: String(row['kind']),
    summary: String(row['summary']),
    // `request` wrote it.
    details: JSON.parse(String(row['details'])) as Json,
    requestedBy: String(row['requested_by']),
    requestedAt: Number(row['requested_at']),
    // The table's CHECK holds it.
    state: String(row['state']) as Waiting['state'],
    ...(typeof row['decided_by'] === 'string' && { decidedBy: row['decided_by'] }),
    ...(row['decided_at'] !== null && { decidedAt: Number(row['decided_at']) }),
    ...(typeof row['reason'] === 'string' && { reason: row['reason'] }),
  }
}
