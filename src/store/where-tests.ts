import { canonicalAddress } from '../query/address.ts'
import type { AddressTest, DateTest, NumberTest, PatternTest, Test } from '../query/ast.ts'
import { NUMBER } from '../query/read-test.ts'
import { fold } from '../query/words.ts'
import type { Parameters } from './where-parameters.ts'

/** SQL that says whether one text passes one of the tests. `text` is an expression of type String. */
export function textPasses(text: string, tests: readonly Test[], isExact: boolean, parameters: Parameters): string {
  const compared = isExact ? text : `lowerUTF8(${text})`
  const wanted = tests.flatMap((test) => (test.kind === 'text' ? [parameters.text(spelled(test.value, isExact))] : []))
  const equal = wanted.length === 0 ? [] : [isOneOf(compared, wanted)]
  const others = tests.flatMap((test) =>
    test.kind === 'text' ? [] : [otherPasses(text, compared, test, isExact, parameters)],
  )
  return anyOf([...equal, ...others])
}

/** Few are compared one by one: an equality is answered by a text index alone, IN by reading the column. */
export function isOneOf(compared: string, wanted: readonly string[]): string {
  if (wanted.length <= 8) return anyOf(wanted.map((each) => `${compared} = ${each}`))
  return `${compared} IN (${wanted.join(', ')})`
}

/** For values that are numbers in the engine. */
export function numberPasses(value: string, tests: readonly Test[], parameters: Parameters): string {
  return anyOf(tests.map((test) => (test.kind === 'number' ? within(value, test, parameters) : 'false')))
}

/** For DateTime64 columns: bounds are clamped to what a column of times can hold, so the comparison stays a plain one. */
export function timePasses(column: string, tests: readonly Test[], parameters: Parameters): string {
  return anyOf(
    tests.map((test) => {
      if (test.kind !== 'date') return 'false'
      const from = test.from === undefined ? [] : [`${column} >= ${instant(test.from, parameters)}`]
      const to = test.to === undefined ? [] : [`${column} < ${instant(test.to, parameters)}`]
      return allOf([...from, ...to])
    }),
  )
}

/** A moment as the engine compares it with a column of times. */
export function instant(micros: number, parameters: Parameters): string {
  const clamped = Math.min(Math.max(micros, 0), LAST_MICROS)
  return `fromUnixTimestamp64Micro(${parameters.integer(clamped)}, 'UTC')`
}

/** A column of canonical addresses: a single one is found by the column's index. */
export function addressPasses(column: string, tests: readonly Test[], parameters: Parameters): string {
  return anyOf(
    tests.map((test) => {
      if (test.kind !== 'address') return 'false'
      const single = test.first === test.last ? canonicalAddress(colons(test.first)) : undefined
      if (single !== undefined) return `lowerUTF8(${column}) = ${parameters.text(single)}`
      return addressWithin(column, test, parameters)
    }),
  )
}

export function anyOf(parts: readonly string[]): string {
  return parts.length === 1 ? (parts[0] ?? '') : `(${parts.join(' OR ')})`
}

export function allOf(parts: readonly string[]): string {
  if (parts.length === 0) return 'true'
  return parts.length === 1 ? (parts[0] ?? '') : `(${parts.join(' AND ')})`
}

const LAST_MICROS = Date.UTC(2200, 0, 1) * 1000

function spelled(text: string, isExact: boolean): string {
  return isExact ? text : fold(text.toWellFormed())
}

function otherPasses(
  text: string,
  compared: string,
  test: Exclude<Test, { kind: 'text' }>,
  isExact: boolean,
  parameters: Parameters,
): string {
  switch (test.kind) {
    case 'pattern':
      return `${compared} LIKE ${parameters.text(likePattern(test, isExact))}`
    case 'number':
      return `match(${text}, ${parameters.text(NUMBER.source)}) AND ${within(`JSONExtractFloat(${text})`, test, parameters)}`
    case 'date':
      return dateWithin(text, test, parameters)
    case 'address':
      return addressWithin(text, test, parameters)
  }
}

function likePattern({ pieces }: PatternTest, isExact: boolean): string {
  return pieces.map((piece) => spelled(piece, isExact).replaceAll(/[\\%_]/g, String.raw`\$&`)).join('%')
}

function within(value: string, { min, minOpen, max, maxOpen }: NumberTest, parameters: Parameters): string {
  const low = min === undefined ? [] : [`${value} ${minOpen ? '>' : '>='} ${parameters.float(min)}`]
  const high = max === undefined ? [] : [`${value} ${maxOpen ? '<' : '<='} ${parameters.float(max)}`]
  return allOf([...low, ...high])
}

function addressWithin(text: string, { first, last }: AddressTest, parameters: Parameters): string {
  const [low, high] = [first, last].map((digits) => `toIPv6(${parameters.text(colons(digits))})`)
  const address = `toIPv6OrDefault(${text}, toIPv6('::'))`
  // What is no address reads as :: and must not match a range that holds it.
  return `(${address} BETWEEN ${low} AND ${high} AND isNotNull(toIPv6OrNull(${text})))`
}

/** 32 digits as an address that every reader takes. */
function colons(digits: string): string {
  return digits.match(/.{4}/g)?.join(':') ?? ''
}

// The same grammar as parseTime of domain/time.ts, and the same calendar (years below 100 are none, see the predicate).
const TIME = String.raw`^([1-9]\d\d\d|0[1-9]\d\d)-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?:([Zz])|([-+])(\d\d):?(\d\d))$`

function dateWithin(text: string, { from, to }: DateTest, parameters: Parameters): string {
  const bounds = allOf([
    ...(from === undefined ? [] : [`u >= ${parameters.integer(from)}`]),
    ...(to === undefined ? [] : [`u < ${parameters.integer(to)}`]),
  ])
  const groups = `extractGroups(${text}, ${parameters.text(TIME)})`
  return `arrayExists(u -> ${bounds}, arrayMap(g -> ${MICROS}, arrayFilter(g -> ${IS_TIME}, [${groups}])))`
}

const part = (group: number): string => `toInt64OrZero(g[${group}])`
const DAYS_IN_MONTH = `multiIf(${part(2)} IN (4, 6, 9, 11), 30, ${part(2)} != 2, 31,
  ${part(1)} % 4 = 0 AND (${part(1)} % 100 != 0 OR ${part(1)} % 400 = 0), 29, 28)`
const IS_TIME = `length(g) = 11 AND ${part(2)} BETWEEN 1 AND 12 AND ${part(3)} BETWEEN 1 AND ${DAYS_IN_MONTH}
  AND ${part(4)} <= 23 AND ${part(5)} <= 59 AND ${part(6)} <= 59`
// Days since 1970 of a day of the Gregorian calendar, years counted from March on.
const YEAR = `(${part(1)} - (${part(2)} <= 2))`
const DAYS = `(365 * ${YEAR} + intDiv(${YEAR}, 4) - intDiv(${YEAR}, 100) + intDiv(${YEAR}, 400)
  + intDiv(153 * ((${part(2)} + 9) % 12) + 2, 5) + ${part(3)} - 1 - 719468)`
const OFFSET = `if(g[9] = '-', -1, 1) * (${part(10)} * 60 + ${part(11)})`
const MICROS = `((${DAYS} * 1440 + ${part(4)} * 60 + ${part(5)} - ${OFFSET}) * 60 + ${part(6)}) * 1000000
  + toInt64OrZero(substring(rightPad(g[7], 6, '0'), 1, 6))`
