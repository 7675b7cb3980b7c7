import { pgauditAct } from './pgaudit-act.ts'
import type { Act } from './postgres-act.ts'
import { connectionAct } from './postgres-connection.ts'
import { failureAct } from './postgres-failure.ts'
import type { PostgresLine } from './postgres-line.ts'

/** @param role The `pgaudit.role` of the server, where the configuration says it. */
export function actOf(line: PostgresLine, role: string | undefined): Act {
  return pgauditAct(line, role) ?? connectionAct(line) ?? failureAct(line) ?? plainAct(line)
}

/** A message that is about nobody's act: kept as it is, under an action that can be left out. */
function plainAct({ severity }: PostgresLine): Act {
  return {
    event: {
      action: 'postgresql_log',
      category: ['database'],
      type: ['info'],
      outcome: severity === 'PANIC' ? 'failure' : 'unknown',
      dataset: 'postgresql.log',
    },
  }
}
