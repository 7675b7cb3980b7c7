import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { AuditError } from '../domain/errors.ts'
import { parseFlexDataPolicies } from './flex-data-policies.ts'

/** As Kpow's documents have it. */
const CREDIT_CARD = `
policies:
  - name: Credit Card
    category: PII
    resources:
      - [ 'cluster', '*', 'topic', '*', 'value']
    redaction: ShowLast4
    type: non-scalar
    fields: [ credit_card, pan ]
`

test('makes a mask at read of a policy', () => {
  expect(parseFlexDataPolicies(parse(CREDIT_CARD), 'data.yaml')).toEqual({
    rules: [
      {
        name: 'flex-credit-card',
        mask: {
          paths: [
            'audit.request.**.credit_card',
            'audit.response.**.credit_card',
            'audit.change.old.**.credit_card',
            'audit.change.new.**.credit_card',
            'audit.request.**.pan',
            'audit.response.**.pan',
            'audit.change.old.**.pan',
            'audit.change.new.**.pan',
          ],
          how: 'show-last',
          length: 4,
          at: 'read',
        },
      },
    ],
    notOurs: [],
  })
})

test('says what of it is not ours, and masks more rather than less', () => {
  const document = {
    policies: [
      { ...aPolicy('a'), resources: [['cluster', 'N9xn', 'topic', 'tx']] },
      { ...aPolicy('b'), resources: [['cluster', '*', 'topic', '*', 'headers']] },
    ],
    exclusions: { topics: ['tx_meta'] },
  }
  const { rules, notOurs } = parseFlexDataPolicies(document, 'data.yaml')
  expect(rules.map(({ name }) => name)).toEqual(['flex-a'])
  expect(notOurs.map(({ path }) => path)).toEqual([
    'policies.0.resources.0',
    'policies.1.resources.0',
    'exclusions.topics',
  ])
})

test.each([
  ['Full', 'remove', undefined],
  ['SHAHash', 'hash', undefined],
  ['ShowFirst', 'show-first', 1],
  ['ShowFirst6', 'show-first', 6],
  ['ShowLast2', 'show-last', 2],
  ['ShowEmailHost', 'show-email-host', undefined],
])('%s is %s', (redaction, how, length) => {
  const { rules } = parseFlexDataPolicies({ policies: [{ ...aPolicy('a'), redaction }] }, 'data.yaml')
  expect(rules[0]).toMatchObject({ mask: { how, ...(length !== undefined && { length }) } })
})

test.each([
  ['a redaction', { redaction: 'ShowLst4' }, 'policies.0.redaction', 'did you mean ShowLast4?'],
  ['a key', { feilds: ['x'] }, 'policies.0.feilds', 'did you mean fields?'],
  ['no fields', { type: 'non-scalar' }, 'policies.0.fields', 'names the fields'],
  ['a resource', { resources: [['schema', '*']] }, 'policies.0.resources.0', 'is like'],
  ['a part', { resources: [['cluster', '*', 'topic', '*', 'valu']] }, 'policies.0.resources.0', 'no part valu'],
])('refuses %s, with the place', (_, wrong, path, message) => {
  const read = () => parseFlexDataPolicies({ policies: [{ ...aPolicy('a'), ...wrong }] }, 'data.yaml')
  expect(read).toThrow(AuditError)
  expect(read).toThrow(path)
  expect(read).toThrow(message)
})

function aPolicy(name: string): object {
  return { name, resources: [['cluster', '*']], redaction: 'Full', type: 'scalar' }
}
