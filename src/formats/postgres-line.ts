/** One message of a PostgreSQL server, whichever of its log formats it came in. Texts are the server's own. */
export interface PostgresLine {
  /** `csvlog` is CloudNativePG's wrapper too: it is made of it, numbers included. */
  readonly carrier: 'stderr' | 'csvlog' | 'jsonlog'
  /** `2026-11-22 09:43:13.714 UTC`, or seconds since 1970 where the prefix has `%n`. */
  readonly time?: string
  readonly user?: string
  readonly database?: string
  readonly application?: string
  /** Host name, address or `[local]`. */
  readonly host?: string
  readonly port?: string
  readonly pid?: string
  /** Made of the start time and the pid of the server's process, so it names a session for ever. */
  readonly session?: string
  /** Counts the messages of a session, in each log format by itself. */
  readonly number?: string
  readonly sessionStart?: string
  /** What the process shows of itself: mostly the word of its command, in capitals. */
  readonly commandTag?: string
  readonly transaction?: string
  /** LOG, ERROR, FATAL …; as the server's `lc_messages` has it. */
  readonly severity?: string
  /** SQLSTATE. */
  readonly state?: string
  readonly message: string
  readonly detail?: string
  readonly hint?: string
  readonly context?: string
  readonly statement?: string
  readonly backend?: string
  readonly queryId?: string
  /** What pgAudit said, where the carrier has taken it apart already. */
  readonly audit?: PgauditRecord
  /** Pod that wrote it (CloudNativePG). */
  readonly pod?: string
  /** What was believed that may have been forged: see docs/formats/pgaudit.md. */
  readonly doubts?: readonly string[]
}

/** What pgAudit writes behind `AUDIT: `. Empty fields are left out. */
export interface PgauditRecord {
  /** SESSION or OBJECT. */
  readonly type: string
  readonly statementId?: string
  readonly substatementId?: string
  /** READ, WRITE, FUNCTION, ROLE, DDL, MISC, MISC_SET. */
  readonly class?: string
  readonly command?: string
  readonly objectType?: string
  readonly objectName?: string
  readonly statement?: string
  readonly parameter?: string
  readonly rows?: string
}
