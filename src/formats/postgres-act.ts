import type { Audit, EventFields, Resource, User } from '../domain/event.ts'
import type { PostgresLine } from './postgres-line.ts'

/** What a message says was done: the parts of an event that depend on it. */
export interface Act {
  readonly event: Pick<EventFields, 'action' | 'category' | 'type' | 'outcome' | 'reason' | 'dataset' | 'duration'>
  readonly audit?: Audit
  /** Whom it was done to. */
  readonly target?: User
  /** Fields beside these, by their names in the event. */
  readonly more?: { readonly [field: string]: unknown }
  /** What a message knows better than the line that it came in. */
  readonly line?: Partial<Pick<PostgresLine, 'user' | 'database' | 'application' | 'host' | 'port'>>
}

/** A thing in a database; the database itself where it has no name. */
export function thingIn(database: string | undefined, type: string, name: string | undefined): readonly Resource[] {
  if (name !== undefined) return [{ type, name, ...(database !== undefined && { parent: database }) }]
  return database === undefined ? [] : [{ type: 'database', name: database }]
}
