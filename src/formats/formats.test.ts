import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { AuditError } from '../domain/errors.ts'
import { FORMAT_NAMES, formatNamed } from './formats.ts'

test('finds a format by its word in the configuration', () => {
  expect(FORMAT_NAMES).toEqual(expect.arrayContaining(['auth-log', 'ecs', 'kubernetes-audit']))
  expect(new Set(FORMAT_NAMES).size).toBe(FORMAT_NAMES.length)
  expect(FORMAT_NAMES.map((name) => formatNamed(name).name)).toEqual(FORMAT_NAMES)
})

test('names the nearest format when there is none of that name', () => {
  const refusal = (name: string): unknown => {
    try {
      return formatNamed(name)
    } catch (error) {
      return error instanceof AuditError ? [error.code, error.hint] : error
    }
  }
  expect(refusal('kubernetes_audit')).toEqual(['invalid_config', 'did you mean kubernetes-audit?'])
  expect(refusal('toString')).toEqual(['invalid_config', `known formats: ${FORMAT_NAMES.join(', ')}`])
})

test('every format has its page in the documents', () => {
  for (const name of FORMAT_NAMES) {
    const page = readFileSync(new URL(`../../docs/formats/${name}.md`, import.meta.url), 'utf8')
    expect(page).toContain(`# ${name}`)
  }
})
