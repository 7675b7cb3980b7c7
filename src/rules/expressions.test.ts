import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { AuditError, type InputFault } from '../domain/errors.ts'
import { parseExpressionRules } from './expressions.ts'

test('reads rules as they are written', () => {
  const rules = [
    { name: 'no-watch', match: 'action:watch', drop: true },
    { name: 'some', match: 'source:api -actor:root', sample: 0.1, shadow: true },
    { name: 'to-iam', match: 'category:iam', route: 'iam' },
    { name: 'team', label: { team: 'red' } },
    { name: 'cards', mask: { paths: ['audit.request.**.card'], how: 'last-four', at: 'intake' } },
    { name: 'mail', mask: { paths: ['user.email'], how: 'truncate', length: 3, at: 'read' } },
    { name: 'all', keep: true },
  ]
  expect(parseExpressionRules(rules)).toEqual(rules)
})

describe('refuses, and says where and what was meant:', () => {
  test.each([
    ['no rules', {}, 'rules', 'expected array'],
    ['no effect', [{ name: 'a', match: 'action:x' }], 'rules.0', 'rule a does nothing; it needs one of keep, drop'],
    ['two effects', [{ name: 'a', keep: true, drop: true }], 'rules.0.drop', 'this one says keep and drop'],
    ['drop: false', [{ name: 'a', drop: false }], 'rules.0.drop', 'is true, or is left out'],
    ['an unknown key', [{ name: 'a', dorp: true }], 'rules.0.dorp', 'did you mean drop?'],
    ['a name twice', [KEEP, KEEP], 'rules.1.name', 'another rule is called a'],
    ['a bad name', [{ name: 'A b', keep: true }], 'rules.0.name', '1 to 63'],
    [
      'an unknown field',
      [dropping('actoin:x')],
      'rules.0.match',
      'character 1: There is no field actoin; did you mean action?',
    ],
    ['a broken query', [dropping('action:x (')], 'rules.0.match', 'A term is missing'],
    ['an empty match', [dropping(' ')], 'rules.0.match', 'leave match out'],
    ['free text', [dropping('action:x secret')], 'rules.0.match', 'character 10: free text is for searching'],
    ['free text in a bracket', [dropping('-(action:x OR y)')], 'rules.0.match', 'free text'],
    ['a time from now on', [dropping('since:7d')], 'rules.0.match', 'since:7d counts from now'],
    ['such a value', [dropping('event.created:>now-1d')], 'rules.0.match', 'event.created counts from now'],
    ['a membership', [dropping('group:ops')], 'rules.0.match', 'group: is not there yet; Use user.group.name'],
    ['a regex', [dropping('action:/(a+)+$/')], 'rules.0.match', 'Text with brackets belongs in quotes'],
    ['what is not known yet', [dropping('index:1')], 'rules.0.match', 'no field index'],
    ['a position in a log', [dropping('log:x')], 'rules.0.match', 'whodid.log is not known yet'],
    ['the id', [dropping('has:id')], 'rules.0.match', 'event.id is not known yet'],
    ['a share of all', [{ name: 'a', sample: 1 }], 'rules.0.sample', 'less than 1'],
    ['our own stream', [{ name: 'a', route: 'whodid' }], 'rules.0.route', 'our own trail'],
    ['a stream by a wrong name', [{ name: 'a', route: 'My Stream' }], 'rules.0.route', '1 to 63'],
    ['no label', [{ name: 'a', label: {} }], 'rules.0.label', 'at least one'],
    ['a long label', [{ name: 'a', label: { a: 'x'.repeat(257) } }], 'rules.0.label.a', 'at most 256'],
    ['a way to mask', [masking({ how: 'hsah' })], 'rules.0.mask.how', 'did you mean hash?'],
    ['no length', [masking({ how: 'truncate' })], 'rules.0.mask.how', 'needs length'],
    ['a length for nothing', [masking({ length: 3 })], 'rules.0.mask.length', 'takes no length'],
    ['a field to mask', [masking({ paths: ['user.emial'] })], 'rules.0.mask.paths.0', 'did you mean user.email?'],
    ['a short name', [masking({ paths: ['ip'] })], 'rules.0.mask.paths.0', 'write source.ip'],
    ['everything', [masking({ paths: ['**'] })], 'rules.0.mask.paths.0', 'name a key'],
    ['what is sealed', [masking({ paths: ['event.action'] })], 'rules.0.mask.paths.0', 'it stays'],
    ['what is ours', [masking({ paths: ['whodid.masked'] })], 'rules.0.mask.paths.0', 'our own'],
    ['a hashed address', [masking({ paths: ['source.ip'], how: 'hash' })], 'rules.0.mask.paths.0', 'of type ip'],
    ['a hashed choice', [masking({ paths: ['user.kind'], how: 'hash' })], 'rules.0.mask.paths.0', 'is one of person'],
    ['a match at read', [{ ...masking({ at: 'read' }), match: 'action:x' }], 'rules.0.match', 'leave match out'],
  ])('%s', (_, value, path, message) => {
    const found = faultsOf(value)
    expect(found.map((fault) => fault.path)).toContain(path)
    expect(found.map((fault) => fault.message).join('\n')).toContain(message)
  })
})

test('names every fault at once', () => {
  expect(faultsOf([dropping('since:7d'), { name: 'b' }]).map(({ path }) => path)).toEqual(['rules.0.match', 'rules.1'])
})

const KEEP = { name: 'a', keep: true }

function dropping(match: string): object {
  return { name: 'a', match, drop: true }
}

function masking(rest: object): object {
  return { name: 'a', mask: { paths: ['user.email'], how: 'remove', at: 'intake', ...rest } }
}

function faultsOf(value: unknown): readonly InputFault[] {
  try {
    parseExpressionRules(value)
  } catch (error) {
    if (error instanceof AuditError && error.code === 'invalid_config') return error.details.faults ?? []
    throw error
  }
  return []
}

test.each(['expressions', 'masks'])('the rules on the page of %s are rules', (page) => {
  const text = readFileSync(`docs/rules/${page}.md`, 'utf8')
  const [, yaml = ''] = /^```yaml\n(.*?)^```/ms.exec(text) ?? []
  const { rules } = parse(yaml) as { rules: unknown[] }
  expect(parseExpressionRules(rules)).toHaveLength(rules.length)
  expect(rules.length).toBeGreaterThan(2)
})

test('what the page says of faults is what is said', () => {
  const text = readFileSync('docs/rules/expressions.md', 'utf8')
  const faults = faultsOf([
    { ...dropping('actoin:x'), name: 'a' },
    { ...dropping('since:7d'), name: 'b' },
    { name: 'quiet', match: 'action:x' },
  ])
  for (const { path, message } of faults) expect(text).toContain(`${path}: ${message}\n`)
})
