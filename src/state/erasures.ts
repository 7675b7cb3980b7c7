import type { DatabaseSync } from 'node:sqlite'

import type { Position } from '../domain/sealed.ts'
import { inOneCommit, translating } from './database.ts'

/** Names of a person, as requests give them. */
interface Identifiers {
  readonly names: readonly string[]
  readonly ids: readonly string[]
  readonly emails: readonly string[]
}

/** Who is to be erased. Kept only until it is done. */
export interface ErasedPerson extends Identifiers {
  /** As the key store calls them: `["domain","id, name or email"]`. */
  readonly identities: readonly string[]
  /** Blocks of other events that hold one of the names go, too. */
  readonly mentions: boolean
}

/** What is done next. Each may be done again after a crash. */
type ErasureStep = 'find' | 'clear' | 'keys' | 'copies' | 'record' | 'journal' | 'done'

export interface Erasure {
  /** Of its approval, too. */
  readonly id: string
  /** The request outside, by its number: no personal data. */
  readonly reference: string
  readonly basis: string
  readonly requestedBy: string
  /** Milliseconds since 1970, as all times here. */
  readonly requestedAt: number
  readonly state: 'waiting' | 'approved' | 'refused' | 'done'
  readonly decidedBy?: string
  readonly decidedAt?: number
  /** Why it was refused, or is put off. */
  readonly reason?: string
  /** It is not to be approved before. */
  readonly heldUntil?: number
  readonly step: ErasureStep
  /** Undefined: forgotten, since it is done or refused. */
  readonly person?: ErasedPerson
  /** Feed number up to which events are covered. */
  readonly horizon?: number
  /** Number of the journal's frame behind the last that may hold them. */
  readonly frame?: number
  /** What came of it so far. */
  readonly counts: Readonly<Record<string, number>>
  /** Of the list that it covers, hex. */
  readonly root?: string
  /** Where `subject.erased` stands. */
  readonly record?: Position
  /** Why it does not go on now, in words. */
  readonly waitsFor?: string
}

/** Blocks of one event that an erasure covers, as bits in the order of BLOCK_NAMES. */
export interface CoveredRow extends Position {
  readonly blocks: number
}

export interface Tombstone {
  readonly hash: Uint8Array
  /** What happened before, in milliseconds since 1970, does not come back. */
  readonly before: number
}

/** Requests to erase a person, how far each has come, and what is left of it afterwards. */
export interface Erasures {
  add(
    wanted: Pick<Erasure, 'id' | 'reference' | 'basis' | 'requestedBy' | 'requestedAt'>,
    person: ErasedPerson,
  ): Erasure
  find(id: string): Erasure | undefined
  /** Newest first. */
  list(): readonly Erasure[]
  decide(id: string, how: Required<Pick<Erasure, 'decidedBy' | 'decidedAt'>> & DecidedAs): void
  hold(id: string, until: number, reason: string): void
  /** Who it is about, as far as that was found by now. */
  learn(id: string, person: ErasedPerson): void
  advance(id: string, to: Partial<Pick<Erasure, 'step' | 'horizon' | 'frame' | 'root' | 'record' | 'counts'>>): void
  wait(id: string, reason: string | undefined): void
  /** Adds to the list of what it covers; blocks of a row that is there already join it. */
  cover(id: string, rows: readonly CoveredRow[]): void
  covered(id: string): readonly CoveredRow[]
  /** Blocks of one event that it covers, as bits; 0 where it has nothing to do with that event. */
  coveredAt(id: string, at: Position): number
  /** It is done: who it was about is overwritten on the disk. */
  forget(id: string): void
  bury(id: string, tombstones: readonly Tombstone[]): void
  tombstones(): readonly Tombstone[]
}

type DecidedAs = { readonly state: 'approved' } | { readonly state: 'refused'; readonly reason: string }

export const ERASURES_SCHEMA = `
  CREATE TABLE erasures (
    id TEXT PRIMARY KEY, reference TEXT NOT NULL, basis TEXT NOT NULL, requested_by TEXT NOT NULL,
    requested_at INTEGER NOT NULL, state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'refused', 'done')),
    decided_by TEXT, decided_at INTEGER, reason TEXT, held_until INTEGER, step TEXT NOT NULL, person TEXT,
    horizon INTEGER, frame INTEGER, counts TEXT NOT NULL, root TEXT, record_log TEXT, record_index INTEGER, waits_for TEXT
  ) STRICT;
  CREATE TABLE erased_logs (id INTEGER PRIMARY KEY, log TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE erased_rows (
    erasure TEXT NOT NULL, log INTEGER NOT NULL, n INTEGER NOT NULL, blocks INTEGER NOT NULL,
    PRIMARY KEY (erasure, log, n)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE tombstones (
    hash BLOB PRIMARY KEY, before INTEGER NOT NULL, erasure TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;`

export function createErasures(database: DatabaseSync): Erasures {
  const guarded = <T>(work: () => T): T => translating(database.location() ?? 'state.db', work)
  const statement = (text: string) => database.prepare(text)
  const insert = statement(
    `INSERT INTO erasures (id, reference, basis, requested_by, requested_at, state, step, person, counts)
     VALUES (?, ?, ?, ?, ?, 'waiting', 'find', ?, '{}')`,
  )
  const select = statement('SELECT * FROM erasures WHERE id = ?')
  const selectAll = statement('SELECT * FROM erasures ORDER BY requested_at DESC, id')
  const decide = statement(
    `UPDATE erasures SET state = ?1, decided_by = ?2, decided_at = ?3, reason = ?4,
       person = iif(?1 = 'refused', NULL, person) WHERE id = ?5`,
  )
  const putOff = statement('UPDATE erasures SET held_until = ?, reason = ? WHERE id = ?')
  const learn = statement('UPDATE erasures SET person = ? WHERE id = ?')
  const step = statement(
    'UPDATE erasures SET step = ?, horizon = ?, frame = ?, root = ?, record_log = ?, record_index = ?, counts = ? WHERE id = ?',
  )
  const wait = statement('UPDATE erasures SET waits_for = ? WHERE id = ?')
  const forget = statement(`UPDATE erasures SET person = NULL, state = 'done', waits_for = NULL WHERE id = ?`)
  const addLog = statement('INSERT OR IGNORE INTO erased_logs (log) VALUES (?)')
  const addRow = statement(
    `INSERT INTO erased_rows SELECT ?, id, ?, ? FROM erased_logs WHERE log = ?
     ON CONFLICT DO UPDATE SET blocks = blocks | excluded.blocks`,
  )
  const rows = statement(
    'SELECT l.log AS log, r.n AS n, r.blocks AS blocks FROM erased_rows r JOIN erased_logs l ON l.id = r.log WHERE r.erasure = ?',
  )
  const rowAt = statement(
    'SELECT r.blocks AS blocks FROM erased_rows r JOIN erased_logs l ON l.id = r.log WHERE r.erasure = ? AND l.log = ? AND r.n = ?',
  )
  const bury = statement(
    'INSERT INTO tombstones VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET before = max(before, excluded.before)',
  )
  const buried = statement('SELECT hash, before FROM tombstones')

  function find(id: string): Erasure | undefined {
    const row = guarded(() => select.get(id))
    return row === undefined ? undefined : erasureOf(row)
  }

  function known(id: string): Erasure {
    const erasure = find(id)
    if (erasure === undefined) throw new RangeError(`there is no erasure ${id}`)
    return erasure
  }

  /** The log keeps what was deleted until it is emptied. */
  function overwrite(): void {
    guarded(() => database.exec('PRAGMA wal_checkpoint(TRUNCATE)'))
  }

  return {
    add({ id, reference, basis, requestedBy, requestedAt }, person) {
      guarded(() => insert.run(id, reference, basis, requestedBy, requestedAt, JSON.stringify(person)))
      return known(id)
    },
    find,
    list: () => guarded(() => selectAll.all()).map(erasureOf),
    decide(id, how) {
      const reason = how.state === 'refused' ? how.reason : null
      guarded(() => decide.run(how.state, how.decidedBy, how.decidedAt, reason, id))
      if (how.state === 'refused') overwrite()
    },
    hold: (id, until, reason) => void guarded(() => putOff.run(until, reason, id)),
    learn: (id, person) => void guarded(() => learn.run(JSON.stringify(person), id)),
    advance(id, to) {
      const now = { ...known(id), ...to }
      const place = [now.record?.log ?? null, now.record?.index ?? null] as const
      const limits = [now.horizon ?? null, now.frame ?? null] as const
      const values = [now.step, ...limits, now.root ?? null, ...place, JSON.stringify(now.counts)] as const
      guarded(() => step.run(...values, id))
    },
    wait: (id, reason) => void guarded(() => wait.run(reason ?? null, id)),
    cover(id, covered) {
      inOneCommit(database, () => {
        for (const log of new Set(covered.map((each) => each.log))) addLog.run(log)
        for (const { log, index, blocks } of covered) addRow.run(id, index, blocks, log)
      })
    },
    coveredAt: (id, { log, index }) => guarded(() => Number(rowAt.get(id, log, index)?.['blocks'] ?? 0)),
    covered: (id) =>
      guarded(() => rows.all(id)).map((row) => ({
        log: String(row['log']),
        index: Number(row['n']),
        blocks: Number(row['blocks']),
      })),
    forget(id) {
      guarded(() => forget.run(id))
      overwrite()
    },
    bury(id, tombstones) {
      inOneCommit(database, () => tombstones.forEach(({ hash, before }) => bury.run(hash, before, id)))
    },
    tombstones: () =>
      guarded(() => buried.all()).map((row) => ({
        // BLOB of a STRICT table.
        hash: row['hash'] as Uint8Array,
        before: Number(row['before']),
      })),
  }
}

function erasureOf(row: Readonly<Record<string, unknown>>): Erasure {
  const text = (name: string): string => String(row[name])
  const has = (name: string): boolean => row[name] !== null
  return {
    id: text('id'),
    reference: text('reference'),
    basis: text('basis'),
    requestedBy: text('requested_by'),
    requestedAt: Number(row['requested_at']),
    // The table's CHECK holds it.
    state: text('state') as Erasure['state'],
    // Written by `advance` alone.
    step: text('step') as ErasureStep,
    // `advance` wrote it.
    counts: JSON.parse(text('counts')) as Erasure['counts'],
    ...(has('decided_by') && { decidedBy: text('decided_by') }),
    ...(has('decided_at') && { decidedAt: Number(row['decided_at']) }),
    ...(has('reason') && { reason: text('reason') }),
    ...(has('held_until') && { heldUntil: Number(row['held_until']) }),
    // `add` or `learn` wrote it.
    ...(has('person') && { person: JSON.parse(text('person')) as ErasedPerson }),
    ...(has('horizon') && { horizon: Number(row['horizon']) }),
    ...(has('frame') && { frame: Number(row['frame']) }),
    ...(has('root') && { root: text('root') }),
    ...(has('record_log') && { record: { log: text('record_log'), index: Number(row['record_index']) } }),
    ...(has('waits_for') && { waitsFor: text('waits_for') }),
  }
}
