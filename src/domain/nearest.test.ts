import { expect, test } from 'vitest'
import { nearest } from './nearest.ts'

const NAMES = ['sources', 'streams', 'store', 'listen', 'kubernetes-audit', 'ecs']

test('finds the name that was meant behind a typing error', () => {
  expect(nearest('sorces', NAMES)).toBe('sources')
  expect(nearest('lsiten', NAMES)).toBe('listen')
  expect(nearest('Streams', NAMES)).toBe('streams')
  expect(nearest('kubernets-audit', NAMES)).toBe('kubernetes-audit')
  expect(nearest('ec', NAMES)).toBe('ecs')
})

test('suggests nothing when no name is near', () => {
  expect(nearest('password', NAMES)).toBeUndefined()
  expect(nearest('', NAMES)).toBeUndefined()
  expect(nearest('x', [])).toBeUndefined()
})

test('answers at once for a name of a megabyte', () => {
  expect(nearest('s'.repeat(1 << 20), NAMES)).toBeUndefined()
})
