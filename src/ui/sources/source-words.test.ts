import { expect, test } from 'vitest'
import { NOTHING } from '../../domain/accounting.ts'
import type { SourceAnswer } from '../../domain/answers.ts'
import { allWords, imbalanceWords, lagWords, partsOf, replayWords } from './source-words.ts'

const source = (more: Partial<SourceAnswer>): SourceAnswer => ({
  name: 'prod-1',
  kind: 'file',
  stream: 'default',
  role: 'follower',
  state: 'working',
  since: '2026-11-24T10:00:00Z',
  accounting: NOTHING,
  replayed: 0,
  refused: {},
  ...more,
})

test('says how far a source is behind, that it is not, or that nobody knows', () => {
  expect(lagWords(source({ lag: { records: 1204, seconds: 125 } }))).toBe('1,204 records, 2 min 5 s behind')
  expect(lagWords(source({ lag: { records: 1 } }))).toBe('1 record behind')
  expect(lagWords(source({ lag: { bytes: 0, seconds: 0 } }))).toBe('nothing behind')
  expect(lagWords(source({ lag: {} }))).toBeUndefined()
  expect(lagWords(source({}))).toBeUndefined()
})

test('takes an account apart into a sum, and says when it is none', () => {
  const account = { ...NOTHING, received: 10, kept: 4, dropped: { a: 1, b: 2 }, rejected: { not_json: 3 } }

  expect(partsOf(account).map(({ count }) => count)).toEqual([10, 4, 3, 0, 3, 0])
  expect(partsOf(account)[2]?.by).toEqual([
    ['b', 2],
    ['a', 1],
  ])
  expect(imbalanceWords(account)).toBeUndefined()
  expect(imbalanceWords({ ...account, received: 11 })).toBe('These numbers do not add up: 1 record missing.')
  expect(imbalanceWords({ ...account, received: 8 })).toBe('These numbers do not add up: 2 records too many.')
})

test('says what became of records that were fed again', () => {
  const none = { replayed: 0, kept: 0, duplicate: 0, dropped: 0, rejected: 0, cut: 0 }

  expect(replayWords(none)).toBe('No record was fed again.')
  expect(replayWords({ ...none, replayed: 3, kept: 2, rejected: 1 })).toBe(
    'Fed 3 records again: 2 kept as events, 1 rejected again.',
  )
  expect(replayWords({ ...none, replayed: 1, kept: 1, cut: 1, waits: 'the journal is full' })).toBe(
    'Fed 1 record again: 1 kept as events. 1 record could not be fed: only the beginning is kept. Stopped early: the journal is full.',
  )
})

test('counts the sources by state, what is wrong first', () => {
  expect(allWords([source({}), source({ state: 'failed' }), source({})])).toBe('3 sources: 1 failed, 2 working')
})
