import { expect, expectTypeOf, test } from 'vitest'
import type { Query } from '../query/ast.ts'
import type { Visibility } from '../query/visibility.ts'
import type { Reads } from './reads.ts'

type Options = { readonly rowFilter: Query | undefined; readonly fields: ReadonlyMap<string, never> }

test('a read without a judgement does not compile', () => {
  // The second argument of each read, or the first where it asks for nothing else. A new read without one fails here.
  type Judged = readonly [Visibility, ...unknown[]] | readonly [unknown, Visibility, ...unknown[]]
  type VisibilityOf<Read extends (...parts: never[]) => unknown> = Parameters<Read> extends Judged ? 'taken' : 'missing'
  expectTypeOf<{ [Name in keyof Reads]: VisibilityOf<Reads[Name]> }>().toEqualTypeOf<Record<keyof Reads, 'taken'>>()
})

test('a judgement cannot be written down as an object', () => {
  expectTypeOf<Options>().not.toExtend<Visibility>()
})

test('calls without a judgement are refused by the compiler', () => {
  // Never run: the compiler is the test. Each line below must be an error, else the directive itself is one.
  const unjudged = (reads: Reads, open: Options): readonly Promise<unknown>[] => [
    // @ts-expect-error a list without a judgement
    reads.list({ query: undefined, order: 'newest', limit: 1, asOf: 0 }),
    // @ts-expect-error a summary without a judgement
    reads.summary({ query: undefined, asOf: 0 }),
    // @ts-expect-error an event without a judgement
    reads.get('id'),
    // @ts-expect-error a proof without a judgement
    reads.sealed('id', () => []),
    // @ts-expect-error a tail without a judgement
    reads.after({ query: undefined, afterFeed: 0, asOf: 0, limit: 1 }),
    // @ts-expect-error the first time without a judgement
    reads.firstTime(),
    // @ts-expect-error whether there are events without a judgement
    reads.hasEvents(),
    // @ts-expect-error counts without a judgement
    reads.countsByLog(),
    // @ts-expect-error a judgement that nobody made
    reads.firstTime(open),
  ]
  expect(unjudged).toBeTypeOf('function')
})
