import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyQuery } from '../../test/any-queries.ts'
import { AuditError } from '../domain/errors.ts'
import type { Query } from './ast.ts'
import { lex } from './lex.ts'
import { MAX_QUERY_LENGTH, parseQuery } from './parse.ts'
import { printQuery } from './print.ts'

const NOW = Date.UTC(2026, 10, 24, 12)

function parse(text: string): Query {
  return parseQuery(text, { now: NOW })
}

/** The canonical text says what was understood. */
function understood(text: string): string {
  return printQuery(parse(text))
}

interface Fault {
  readonly message: string
  /** The part of the text that is wrong. */
  readonly at: string
  readonly fixed?: string
}

function faultOf(text: string): Fault {
  try {
    parse(text)
  } catch (error) {
    if (!(error instanceof AuditError) || error.code !== 'invalid_query') throw error
    const { start = -1, end = -1, suggestion } = error.details
    const fixed = suggestion === undefined ? {} : { fixed: text.slice(0, start) + suggestion + text.slice(end) }
    return { message: error.message, at: text.slice(start, end), ...fixed }
  }
  throw new Error(`${text} is right`)
}

describe('a query', () => {
  test('is read as people know it from GitHub and Kibana', () => {
    const text = 'actor:alice action:delete* -outcome:success resource.type:secret since:7d "free text" ip:10.0.0.0/8'

    expect(understood(`${text} (policy:cluster-admin OR decision:deny)`)).toBe(
      `${text} (policy:cluster-admin OR decision:deny)`,
    )
    expect(understood('user.name : x'.replace(' :', ':'))).toBe('user.name:x')
    expect(understood('NOT a AND b OR NOT (c d)')).toBe('-a b OR -(c d)')
    expect(understood('action:(create OR delete, "log in")')).toBe('action:create,delete,"log in"')
    expect(understood('')).toBe('')
  })

  test('binds NOT before AND before OR', () => {
    expect(parse('a b OR -c d')).toMatchObject({
      kind: 'or',
      parts: [
        { kind: 'and', parts: [{ text: 'a' }, { text: 'b' }] },
        { kind: 'and', parts: [{ kind: 'not', part: { text: 'c' } }, { text: 'd' }] },
      ],
    })
  })

  test('knows the place of each of its terms', () => {
    const text = 'actor:alice -(action:a,b OR x)'
    const query = parse(text)

    if (query.kind !== 'and') throw new Error('not read')
    expect(query.parts.map(({ start, end }) => text.slice(start, end))).toEqual(['actor:alice', '-(action:a,b OR x)'])
  })

  test('takes values that begin with a minus and hold colons, and quotes for all else', () => {
    expect(parse('id:-abc')).toMatchObject({ field: 'id', tests: [{ kind: 'text', value: '-abc' }] })
    expect(parse('actor:system:serviceaccount:x')).toMatchObject({ tests: [{ value: 'system:serviceaccount:x' }] })
    expect(parse(String.raw`actor:CORP\bob`)).toMatchObject({ tests: [{ value: String.raw`CORP\bob` }] })
    expect(parse('actor:"a \\"b\\" \\\\ *"')).toMatchObject({ tests: [{ kind: 'text', value: 'a "b" \\ *' }] })
    expect(parse(String.raw`actor:a\*b*`)).toMatchObject({ tests: [{ kind: 'pattern', pieces: ['a*b', ''] }] })
  })

  test('takes a lone wildcard for presence', () => {
    expect(understood('policy:*')).toBe('has:policy')
    expect(understood('-has:policy')).toBe('missing:policy')
  })

  test('reads times in the zone of who asks', () => {
    const query = parseQuery('since:2026-11-01 until:2026-11-02T00:00:00Z', { now: NOW, zone: 'Europe/Stockholm' })

    expect(query).toMatchObject({ parts: [{ atMs: Date.UTC(2026, 9, 31, 23) }, { atMs: Date.UTC(2026, 10, 2) }] })
    expect(parse('since:7d')).toMatchObject({ atMs: NOW - 7 * 86_400_000, relative: true })
  })

  test('prints what reads back as the same query', () => {
    fc.assert(
      fc.property(anyQuery, (text) => {
        const query = parse(text)
        expect(withoutPlaces(parse(printQuery(query)))).toEqual(withoutPlaces(query))
      }),
      { numRuns: 1000 },
    )
  })

  test('is either read or refused with a place in it, whatever the text', () => {
    const scraps = fc.constantFrom(
      'actor:',
      '(',
      ')',
      '-',
      '"',
      '\\',
      ',',
      ' OR ',
      ' ',
      '*',
      '>=',
      '..',
      'a',
      'ip:',
      '|',
      ':',
      '\ud800',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(scraps, fc.string()), { maxLength: 12 }), (parts) => {
        const text = parts.join('')
        try {
          parse(text)
        } catch (error) {
          if (!(error instanceof AuditError)) throw error
          const { start = -1, end = -1 } = error.details
          expect(error.code).toBe('invalid_query')
          expect(0 <= start && start <= end && end <= text.length).toBe(true)
        }
      }),
      { numRuns: 3000 },
    )
  })
})

describe('an error', () => {
  test('names the field that does not exist, and the one that was meant', () => {
    expect(faultOf('x resorce.type:secret')).toEqual({
      message: 'There is no field resorce.type',
      at: 'resorce.type',
      fixed: 'x resource.type:secret',
    })
    expect(faultOf('missing:polcy')).toMatchObject({ at: 'polcy', fixed: 'missing:policy' })
    expect(faultOf('policies.name:x')).toMatchObject({ fixed: 'audit.authz.policies.name:x' })
    expect(faultOf('__proto__:x')).toMatchObject({ message: 'There is no field __proto__' })
  })

  test.each([
    ['a "b', 'A closing quote is missing at character 5', '"b'],
    ['ip:10.0.0.0/33', '10.0.0.0/33 is not an address range', '10.0.0.0/33'],
    ['ip:alice', 'alice is not an address', 'alice'],
    ['(a OR b', 'The bracket at character 1 is not closed', '('],
    ['a)', 'This bracket closes nothing', ')'],
    ['a OR', 'A term is missing at the end', 'OR'],
    ['actor:', 'A value is missing after actor:', 'actor:'],
    ['actor:a, b', 'A value is missing after this comma', ','],
    ['a - b', 'Nothing follows this minus or NOT', '-'],
    ['event.duration:fast', 'fast is no number, and event.duration holds numbers', 'fast'],
    ['since:soon', 'soon is no time', 'soon'],
    ['actor:>5', '> works on numbers and times; user.name holds text', '>5'],
    ['labels:x', 'labels holds other fields, not a value', 'x'],
    ['actor:""', 'An empty value is a missing one', '""'],
    ['***', 'There is no word in ***', '***'],
  ])('of %s says what is wrong, and where', (text, message, at) => {
    expect(faultOf(text)).toMatchObject({ message, at })
  })

  test('offers what was meant', () => {
    expect(faultOf('a or b').fixed).toBe('a OR b')
    expect(faultOf('a && b').fixed).toBe('a AND b')
    expect(faultOf('event.duration>=5').fixed).toBe('event.duration:>=5')
    expect(faultOf('outcome:sucess').fixed).toBe('outcome:success')
    expect(faultOf('event.duration:9..1').fixed).toBe('event.duration:1..9')
  })

  test.each(['person:ada', 'group:ops', 'role:admin', '/a.*b/', 'action:/a.*b/', 'a | count'])(
    'of %s says that it is not there yet',
    (text) => {
      expect(faultOf(text).message).toMatch(/not there yet$/)
    },
  )

  test('comes at bounds: length, depth, number of terms and wildcards', () => {
    expect(faultOf(`a${'*b'.repeat(9)}`)).toMatchObject({ message: expect.stringContaining('at most 8 wildcards') })
    expect(faultOf('a'.repeat(MAX_QUERY_LENGTH + 1)).message).toContain('longer than')
    expect(faultOf('('.repeat(100)).message).toContain('deep')
    expect(faultOf('-'.repeat(100)).message).toContain('deep')
    expect(faultOf('a '.repeat(501)).message).toContain('more than 500 terms')
    expect(faultOf(`actor:${'a,'.repeat(501)}a`).message).toContain('more than 500 terms')
  })

  test('suggests no field that is hidden', () => {
    const hidden = new Map([['user.email', 'hide' as const]])

    expect(() => parseQuery('user.emial:x', { now: NOW, hidden })).toThrow(
      expect.not.objectContaining({ details: expect.objectContaining({ suggestion: 'user.email' }) }),
    )
    expect(() => parseQuery('user.email:x', { now: NOW, hidden })).toThrow('There is no field user.email')
  })
})

test('reading takes time in proportion to the length', () => {
  for (const scrap of ['\\', '"\\', 'a:', '(', '- ', 'a,', '\\a', '*', '"']) {
    const text = scrap.repeat(100_000)
    const before = performance.now()
    lex(text)
    expect(performance.now() - before, scrap).toBeLessThan(2_000)
  }
})

function withoutPlaces(query: Query): unknown {
  return JSON.parse(
    JSON.stringify(query, (key, value: unknown) => (key === 'start' || key === 'end' ? undefined : value)),
  )
}
