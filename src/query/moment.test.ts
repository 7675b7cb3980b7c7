import { expect, test } from 'vitest'
import { readMoment } from './moment.ts'

const NOW = Date.UTC(2026, 9, 25, 12)
const ZONE = 'Europe/Stockholm'

function stretch(text: string): string[] | undefined {
  const moment = readMoment(text, NOW, ZONE)
  return moment && [moment.from, moment.to].map((micros) => new Date(micros / 1000).toISOString())
}

test.each([
  ['2026-10', '2026-09-30T22:00:00.000Z', '2026-10-31T23:00:00.000Z'],
  // The clocks go back that night: the day has 25 hours.
  ['2026-10-25', '2026-10-24T22:00:00.000Z', '2026-10-25T23:00:00.000Z'],
  ['2026-10-25T12:00', '2026-10-25T11:00:00.000Z', '2026-10-25T11:01:00.000Z'],
  ['2026-10-25 12:00:30', '2026-10-25T11:00:30.000Z', '2026-10-25T11:00:31.000Z'],
  ['2026-10-25T12:00:30.5+05:30', '2026-10-25T06:30:30.500Z', '2026-10-25T06:30:30.600Z'],
  ['2026-10-25T12:00:30.123Z', '2026-10-25T12:00:30.123Z', '2026-10-25T12:00:30.124Z'],
  // The clocks go forward over half past two.
  ['2026-03-29T02:30', '2026-03-29T00:30:00.000Z', '2026-03-29T00:31:00.000Z'],
  ['today', '2026-10-24T22:00:00.000Z', '2026-10-25T23:00:00.000Z'],
  ['yesterday', '2026-10-23T22:00:00.000Z', '2026-10-24T22:00:00.000Z'],
  ['1795000000', '2026-11-18T11:06:40.000Z', '2026-11-18T11:06:41.000Z'],
  ['1795000000123', '2026-11-18T11:06:40.123Z', '2026-11-18T11:06:40.124Z'],
  ['now', '2026-10-25T12:00:00.000Z', '2026-10-25T12:00:00.001Z'],
  ['now-15m', '2026-10-25T11:45:00.000Z', '2026-10-25T11:45:00.001Z'],
  ['2w', '2026-10-11T12:00:00.000Z', '2026-10-11T12:00:00.001Z'],
])('reads %s', (text, from, to) => {
  expect(stretch(text)).toEqual([from, to])
})

test.each([
  '',
  'soon',
  '2026',
  '2026-13',
  '2026-02-30',
  '2026-10-25T24:00',
  '2026-10-25T10',
  '7',
  '7x',
  'now7d',
  '123456',
])('takes "%s" for no time', (text) => {
  expect(stretch(text)).toBeUndefined()
})

test('says which times are told from now on', () => {
  const relative = (text: string) => readMoment(text, NOW, ZONE)?.relative

  expect([relative('7d'), relative('now'), relative('today'), relative('2026-10-25'), relative('1795000000')]).toEqual([
    true,
    true,
    true,
    false,
    false,
  ])
})
