import { expect, test } from 'vitest'
import type { AuditEvent } from '../../domain/event.ts'
import { partWord, rowsOf, textIn } from './fold.ts'

let index = 0
const stage = (request: string | undefined): AuditEvent => ({
  '@timestamp': '2026-11-21T14:03:22.000Z',
  event: { id: `e${index}` },
  ...(request !== undefined && { http: { request: { id: request } } }),
  whodid: { log: 'acme/n1/sample/2026-11', index: (index += 1) },
})

test('folds neighbours of one request into the first of them', () => {
  const events = [stage('a'), stage('a'), stage('a'), stage('b'), stage('a')]
  expect(rowsOf(events, true).map((row) => row.others.length)).toEqual([2, 0, 0])
  expect(rowsOf(events, true)[0]?.event).toBe(events[0])
})

test('folds the lines of one sign-in, but neither what was done meanwhile nor what was refused', () => {
  const line = (category: string, trace = 'c1', type = 'start'): AuditEvent => ({
    ...stage(undefined),
    event: { id: `l${index}`, category: [category], type: [type], outcome: type === 'denied' ? 'failure' : 'success' },
    trace: { id: trace },
  })
  const folded = (...events: AuditEvent[]) => rowsOf(events, true).map((row) => row.others.length)

  expect(folded(line('session'), line('authentication'), line('network'))).toEqual([2])
  expect(folded(line('session'), line('process'), line('session'))).toEqual([0, 0, 0])
  expect(folded(line('authentication'), line('authentication', 'c1', 'denied'))).toEqual([0, 0])
  expect(folded(line('session'), line('session', 'c2'))).toEqual([0, 0])
  const served = (event: AuditEvent, process: string): AuditEvent => ({ ...event, process: { entity_id: process } })
  expect(folded(served(line('session', ''), 'p1'), served(line('authentication'), 'p1'))).toEqual([1])
  expect(folded(served(line('session', ''), 'p1'), served(line('authentication'), 'p2'))).toEqual([0, 0])
  expect(rowsOf([line('session'), line('session')], true).map(partWord)).toEqual(['lines'])
})

test('never folds what two sources say of the same request', () => {
  const [a, b] = [stage('a'), stage('a')].map((event, at) => ({
    ...event,
    whodid: { ...event.whodid, source: `s${at}` },
  }))
  expect(rowsOf([a!, b!], true)).toHaveLength(2)
})

test('never folds events that name no request', () => {
  expect(rowsOf([stage(undefined), stage(undefined)], true)).toHaveLength(2)
})

test('gives every event its own row when folding is off', () => {
  expect(rowsOf([stage('a'), stage('a')], false)).toHaveLength(2)
})

test('finds no text through a prototype', () => {
  expect(textIn({}, 'constructor', 'name')).toBeUndefined()
  expect(textIn({ request: { id: 'r1' } }, 'request', 'id')).toBe('r1')
})
