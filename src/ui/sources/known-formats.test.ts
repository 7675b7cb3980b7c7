import { expect, test } from 'vitest'
import { FORMAT_NAMES } from '../../formats/formats.ts'
import { KNOWN_FORMATS } from './known-formats.ts'

test('a sample can be tried as every format that there is, and as no other', () => {
  expect(KNOWN_FORMATS.map(({ name }) => name).toSorted()).toEqual(FORMAT_NAMES.toSorted())
})
