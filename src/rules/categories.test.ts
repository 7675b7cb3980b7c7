import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { DecodedEvent } from '../formats/format.ts'
import { compileExcludedCategories } from './categories-family.ts'
import { afterFlags, type CategoriesFlag, flagsOfFile, parseExcludedCategories } from './categories.ts'
import { NO_RULES } from './rule-set.ts'

const flag = (operator: CategoriesFlag['operator'], value: string) => ({ operator, value, where: '--flag' })

test.each<[before: readonly ('auth' | 'iam' | 'file')[], flags: readonly CategoriesFlag[], after: readonly string[]]>([
  [[], [], []],
  [['file'], [], ['file']],
  [[], [flag('=', 'iam')], ['iam']],
  [[], [flag('=', 'iam'), flag('+=', 'auth')], ['auth', 'iam']],
  [[], [flag('=', 'iam'), flag('=', 'auth')], ['auth']],
  [['file'], [flag('+=', 'iam')], ['iam', 'file']],
  [['file'], [flag('=', 'iam')], ['iam']],
  [['file'], [flag('=', '')], []],
  [['file'], [flag('+=', 'file'), flag('+=', 'file')], ['file']],
])('%j and then %j exclude %j', (before, flags, after) => {
  expect(afterFlags(before, flags)).toEqual(after)
})

test.each([
  ['auht', /there is no category "auht"; did you mean auth\? known: auth, iam, file/],
  ['iam,auth', /there is no category "iam,auth"; .*known: auth, iam, file/],
  ['', /there is no category ""; known: auth, iam, file/],
  ['IAM', /known: auth, iam, file/],
])('the word %j is refused with the list', (word, message) => {
  expect(() => afterFlags([], [flag('+=', word)])).toThrow(message)
  expect(() => parseExcludedCategories(['iam', word], 'whodid.yaml')).toThrow(message)
})

test('a list is told each once and in one order', () => {
  expect(parseExcludedCategories(['file', 'auth', 'file'], 'whodid.yaml')).toEqual(['auth', 'file'])
})

test('a file of flags is read line by line, and flags about other things are passed over', () => {
  const text = [
    '# what the scheduler is started with',
    '',
    '--public_port=8080',
    '--audit_log_excluded_categories=iam',
    '  --audit_log_excluded_categories+="auth"\r',
    '#--audit_log_excluded_categories=file',
    'audit_log_excluded_categories=file',
  ].join('\n')
  expect(flagsOfFile(text, 'flags.txt')).toEqual([
    { operator: '=', value: 'iam', where: 'flags.txt:4' },
    { operator: '+=', value: 'auth', where: 'flags.txt:5' },
  ])
})

test.each([
  ['--audit_log_excluded_category=iam', /flags\.txt:2: .*did you mean --audit_log_excluded_categories\?/],
  ['--audit_log_excluded_categories', /flags\.txt:2: .*needs a value/],
  ['--audit_log_excluded_categories-=iam', /flags\.txt:2: there is no flag/],
])('the line %j is refused with its place', (line, message) => {
  expect(() => flagsOfFile(`\n${line}\n`, 'flags.txt')).toThrow(message)
})

test('an unknown word of a file is refused with its place', () => {
  expect(() => afterFlags([], flagsOfFile('--audit_log_excluded_categories=ima', 'flags.txt'))).toThrow(
    /^flags\.txt:1: there is no category "ima"; did you mean iam\?/,
  )
})

const of = (fields: Partial<DecodedEvent['event']['event']>, category?: readonly string[]): DecodedEvent => ({
  event: { '@timestamp': '2026-11-24T10:00:00Z', event: fields },
  ...(category !== undefined && { category }),
})

test.each<[what: string, decoded: DecodedEvent, excluded: readonly string[], dropped: string | undefined]>([
  ['an event of EngFlow', of({}, ['iam']), ['iam'], 'category/iam'],
  ['one of another category', of({}, ['file']), ['iam', 'auth'], undefined],
  ['one of two categories', of({}, ['auth', 'file']), ['file'], 'category/file'],
  ['a sign-in of another system', of({ category: ['authentication'] }), ['auth'], 'category/auth'],
  ['a change of rights in Kubernetes', of({ category: ['api', 'iam'] }), ['iam'], 'category/iam'],
  ['a file of another system', of({ category: ['file'] }), ['file'], 'category/file'],
  ['what its format calls otherwise', of({ category: ['authentication'] }, ['file']), ['auth'], undefined],
  ['an event without a category', of({}), ['auth', 'iam', 'file'], undefined],
  ['a session', of({ category: ['session'] }), ['auth', 'iam', 'file'], undefined],
  ['our own trail', of({ category: ['iam'], dataset: 'whodid.trail' }), ['iam'], undefined],
])('%s', (_, decoded, excludedCategories, dropped) => {
  const family = compileExcludedCategories({ ...NO_RULES, excludedCategories })
  const told: string[] = []
  const ruling = family?.judge(decoded, { source: 's', stream: 'default' }, new Uint8Array(16), (rule, did) =>
    told.push(`${rule} ${did}`),
  )
  expect(ruling).toEqual(dropped === undefined ? undefined : { kind: 'drop', rule: dropped })
  expect(told).toEqual(dropped === undefined ? [] : [`${dropped} drop`])
})

test('nothing excluded is no family at all', () => {
  expect(compileExcludedCategories(NO_RULES)).toBeUndefined()
})

test('the example of the page excludes what the page says', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/rules/categories.md'), 'utf8')
  const file = /^# engflow\.flags\n[^`]+/m.exec(page)?.[0] ?? ''
  const list = /^excludedCategories: \[(.+)\]$/m.exec(page)?.[1]?.split(', ') ?? []
  const excluded = afterFlags(parseExcludedCategories(list, 'whodid.yaml'), flagsOfFile(file, 'engflow.flags'))
  expect(page).toContain(`excluded categories: ${excluded.join(', ')}\n`)
  expect(excluded).toEqual(['auth', 'iam'])
  expect(() => afterFlags([], [{ operator: '+=', value: 'auht', where: 'engflow.flags:2' }])).toThrow(
    /`(engflow\.flags:2: .*)`/.exec(page)?.[1],
  )
})
