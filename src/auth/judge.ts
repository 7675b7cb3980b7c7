import { isAtOrBelow, LEAF_PATHS, POSITION_PATHS } from '../domain/fields.ts'
import type { FieldRule, Visibility } from '../query/visibility.ts'
import { judgedVisibility } from '../query/visibility.ts'
import type { Scope } from '../state/tokens.ts'
import type { Caller } from './caller.ts'

/** What a route asks for. `PUBLIC` is for everyone, `SIGNED_IN` for every recognised caller. */
export type Permission =
  | 'PUBLIC'
  | 'SIGNED_IN'
  | 'EVENT_WRITE'
  | 'EVENT_READ'
  | 'EVENT_READ_RAW'
  | 'LEDGER_READ'
  | 'EVENT_EXPORT'
  | 'SOURCE_EDIT'
  | 'RULE_EDIT'
  | 'ERASE'
  | 'HOLD'
  | 'KEY_USE'
  | 'ADMIN'

export type Judgement =
  | { readonly kind: 'allow'; readonly visibility: Visibility }
  | { readonly kind: 'deny'; readonly status: 401 | 403; readonly reason: string; readonly permission: Permission }

/**
 * The one judgement (docs/architecture.md, Rights): every call of the API goes through it once, and reads take the
 * visibility that it answers with. A caller without a recognised credential is told to sign in, any other what it
 * lacks. Someone from whom a field of the leaf is hidden gets no part of the ledger.
 *
 * @param masks what rules mask for every reader.
 */
export function judge(
  caller: Caller | undefined,
  needs: readonly Permission[],
  masks: ReadonlyMap<string, FieldRule> = NO_MASKS,
): Judgement {
  const missing = needs.find((permission) => !isGranted(caller, permission))
  if (missing === undefined) return { kind: 'allow', visibility: visibilityOf(caller, masks) }
  if (caller === undefined) return { kind: 'deny', status: 401, reason: 'sign in or send a token', permission: missing }
  return { kind: 'deny', status: 403, reason: `${caller.name} may not ${missing}`, permission: missing }
}

const NO_MASKS: ReadonlyMap<string, FieldRule> = new Map()

const GRANTS: Readonly<Record<Scope, ReadonlySet<Permission>>> = {
  ingest: new Set(['SIGNED_IN', 'EVENT_WRITE']),
  read: new Set(['SIGNED_IN', 'EVENT_READ', 'EVENT_READ_RAW', 'LEDGER_READ', 'EVENT_EXPORT']),
  admin: new Set([
    'SIGNED_IN',
    'EVENT_WRITE',
    'EVENT_READ',
    'EVENT_READ_RAW',
    'LEDGER_READ',
    'EVENT_EXPORT',
    'SOURCE_EDIT',
    'RULE_EDIT',
    'ERASE',
    'HOLD',
    'KEY_USE',
    'ADMIN',
  ]),
}

function isGranted(caller: Caller | undefined, permission: Permission): boolean {
  if (permission === 'PUBLIC') return true
  if (caller === undefined || !GRANTS[caller.scope].has(permission)) return false
  return permission !== 'LEDGER_READ' || !caller.hide.some(isInLeaf)
}

function isInLeaf(hidden: string): boolean {
  return [...LEAF_PATHS, ...POSITION_PATHS].some((field) => isAtOrBelow(field, hidden))
}

function visibilityOf(caller: Caller | undefined, masks: ReadonlyMap<string, FieldRule>): Visibility {
  const fields = new Map(masks)
  for (const path of caller?.hide ?? []) fields.set(path, 'hide')
  return judgedVisibility(undefined, fields)
}
