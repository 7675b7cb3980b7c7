import { z } from 'zod'
import { nearest } from '../domain/nearest.ts'
import { AuditError, type InputFault } from '../domain/errors.ts'

/**
 * What a schema of strict objects makes of `input`. An unknown key is refused with the nearest name that is known at
 * its place.
 *
 * @param what Names the input in the message: `whodid.yaml`, `source bastion`.
 * @throws AuditError `invalid_config` with every fault and its path.
 */
export function parseStrict<T>(schema: z.ZodType<T>, input: unknown, what: string): T {
  const result = schema.safeParse(input, { reportInput: false })
  if (result.success) return result.data
  const faults = result.error.issues.flatMap((issue) => faultsOf(issue, schema))
  const [first] = faults
  const where = first === undefined || first.path === '' ? '' : `${first.path}: `
  const hint = faults.length > 1 ? `${faults.length - 1} more: ${faults.slice(1).map(inWords).join('; ')}` : undefined
  throw new AuditError('invalid_config', `${what}: ${where}${first?.message ?? 'is not understood'}`, {
    faults,
    ...(hint !== undefined && { hint }),
  })
}

function inWords(fault: InputFault): string {
  return fault.path === '' ? fault.message : `${fault.path}: ${fault.message}`
}

function faultsOf(issue: z.core.$ZodIssue, schema: z.ZodType): readonly InputFault[] {
  if (issue.code !== 'unrecognized_keys') return [{ path: pathOf(issue.path), message: issue.message }]
  const known = namesAt(schema, issue.path)
  return issue.keys.map((key) => {
    const meant = nearest(key, known)
    const hint = meant === undefined ? `known keys: ${known.join(', ')}` : `did you mean ${meant}?`
    return { path: pathOf([...issue.path, key]), message: `there is no such key; ${hint}` }
  })
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.map(String).join('.')
}

/** Keys of the strict object at a path; none where the schema there is no object. */
function namesAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
  const inner = unwrapped(schema)
  const [step, ...deeper] = path
  if (inner instanceof z.ZodArray) return step === undefined ? [] : namesAt(inner.element, deeper)
  if (!(inner instanceof z.ZodObject)) return []
  if (step === undefined) return Object.keys(inner.shape)
  const name = String(step)
  return Object.hasOwn(inner.shape, name) ? namesAt(inner.shape[name], deeper) : []
}

function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodExactOptional || inner instanceof z.ZodDefault) {
    inner = inner.def.innerType
  }
  return inner
}
