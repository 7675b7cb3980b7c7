import type { JsonObject, Resource } from '../domain/event.ts'
import { dropEmpty } from './loose.ts'
import { parametersOf, pgauditRecord, statementOf } from './pgaudit-record.ts'
import type { Act } from './postgres-act.ts'
import { thingIn } from './postgres-act.ts'
import type { PgauditRecord, PostgresLine } from './postgres-line.ts'
import { definedIn, isAccount, isOfServer, namedIn, typeOfCommand } from './postgres-words.ts'

/** A record of pgAudit. It is written before the statement ends, so nobody knows what became of it: outcome unknown. */
export function pgauditAct(line: PostgresLine, role: string | undefined): Act | undefined {
  const record = line.audit ?? pgauditRecord(line.message)
  if (record === undefined) return undefined
  const command = record.command ?? record.class ?? 'unknown'
  const things = thingsOf(record, command, line.database)
  const account = isAccount(things[0]?.type) ? things[0]?.name : undefined
  return {
    event: {
      action: command.toLowerCase(),
      category: record.class === 'ROLE' ? ['database', 'iam'] : ['database'],
      type: typeOfCommand(command, record.class, account !== undefined),
      outcome: 'unknown',
      dataset: 'pgaudit',
    },
    audit: dropEmpty({
      resource: things,
      authz: record.type === 'OBJECT' ? { policies: [{ type: 'pgaudit.role', ...dropEmpty({ name: role }) }] } : {},
      request: requestOf(record),
      response: dropEmpty({ rows: numberOf(record.rows) }),
    }),
    ...(account !== undefined && { target: { name: account } }),
    more: { pgaudit: numbersOf(record) },
  }
}

/** Without an object in the record (roles, databases; all of DDL where the extension is not created): what is named. */
function thingsOf(record: PgauditRecord, command: string, database: string | undefined): readonly Resource[] {
  const { objectType, objectName } = record
  if (objectName !== undefined) return thingIn(database, objectType?.toLowerCase() ?? 'object', objectName)
  const statement = statementOf(record) ?? ''
  const defined = namedIn(command, statement, 'lower') ?? definedIn(command, statement, 'lower')
  if (defined === undefined && objectType !== undefined) {
    return [dropEmpty({ type: objectType.toLowerCase(), parent: database })]
  }
  if (defined === undefined) return thingIn(database, 'object', undefined)
  const { type, name } = defined
  return [dropEmpty({ type, name, parent: isOfServer(type) ? undefined : database })]
}

function requestOf(record: PgauditRecord): JsonObject {
  return dropEmpty({ statement: statementOf(record), parameters: parametersOf(record.parameter) })
}

function numbersOf(record: PgauditRecord): JsonObject {
  return dropEmpty({
    type: record.type,
    statement_id: numberOf(record.statementId),
    substatement_id: numberOf(record.substatementId),
    class: record.class,
  })
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
