import { csvFields } from './csv-fields.ts'
import { dropEmpty } from './loose.ts'
import type { PgauditRecord } from './postgres-line.ts'

const MARK = 'AUDIT: '
const TYPE = /^(?:SESSION|OBJECT),\d{1,20},\d{1,20},/

/** What pgAudit says in a message (its README, "Format"): nine fields, or ten with `pgaudit.log_rows`. */
export function pgauditRecord(message: string): PgauditRecord | undefined {
  if (!message.startsWith(MARK) || !TYPE.test(message.slice(MARK.length, MARK.length + 60))) return undefined
  const { fields } = csvFields(message.slice(MARK.length))
  const [type = '', statementId, substatementId, word, command, objectType, objectName, statement, parameter, rows] =
    fields
  return {
    type,
    ...dropEmpty({
      statementId,
      substatementId,
      class: word,
      command,
      objectType,
      objectName,
      statement,
      parameter,
      rows,
    }),
  }
}

/** Values of a statement's parameters; undefined for `<none>`, `<not logged>`, and where there are none. */
export function parametersOf(parameter: string | undefined): readonly string[] | undefined {
  if (parameter === undefined || NOT_LOGGED.has(parameter)) return undefined
  return csvFields(parameter, MOST_PARAMETERS).fields
}

/** The text of a statement; undefined where it is not in the record. */
export function statementOf({ statement }: PgauditRecord): string | undefined {
  return statement === undefined || NOT_LOGGED.has(statement) ? undefined : statement
}

const NOT_LOGGED: ReadonlySet<string> = new Set(['<none>', '<not logged>', '<previously logged>'])
const MOST_PARAMETERS = 1000
