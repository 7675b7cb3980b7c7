import { expect, test } from 'vitest'
import { compileAccessAudits } from './access-audit-family.ts'
import { auditedGrid } from './access-audit-grid.ts'
import type { AccessAudit } from './access-audit.ts'

const AUDITS: readonly AccessAudit[] = [
  { name: 'a', rules: [{ types: ['MeshTimeout', 'Mesh'], mesh: 'default', access: ['CREATE', 'DELETE'] }] },
  { name: 'b', rules: [{ types: [], access: ['DELETE', 'GENERATE_USER_TOKEN'] }] },
  { name: 'c', rules: [{ types: ['ZoneInsight', 'OwnThing'], access: [], accessAll: true }] },
]
const grid = auditedGrid({ accessAudits: AUDITS })
const cell = (type: string, n: number) => grid.types.find((each) => each.type === type)?.by[n]

test('says for each type and operation which AccessAudit asks for it, and in which mesh alone', () => {
  expect(grid.operations).toEqual(['CREATE', 'UPDATE', 'DELETE'])
  expect(cell('MeshTimeout', 0)).toEqual([{ audit: 'a', meshes: ['default'] }])
  expect(cell('MeshTimeout', 1)).toEqual([])
  expect(cell('MeshTimeout', 2)).toEqual([{ audit: 'a', meshes: ['default'] }, { audit: 'b' }])
  expect(cell('Zone', 2)).toEqual([{ audit: 'b' }])
  expect(cell('ZoneInsight', 2)).toEqual([{ audit: 'c' }])
  expect(cell('OwnThing', 1)).toEqual([{ audit: 'c' }])
  expect(grid.types.find(({ type }) => type === 'ZoneInsight')?.skipped).toBe(true)
})

test('operations without a type are asked for by whoever names them, or all', () => {
  const by = new Map(grid.others.map((each) => [each.operation, each.by]))
  expect(by.get('GENERATE_USER_TOKEN')).toEqual([{ audit: 'b' }, { audit: 'c' }])
  expect(by.get('VIEW_STATS')).toEqual([{ audit: 'c' }])
})

test('says of every type and operation what judging an event says', () => {
  const family = compileAccessAudits({ accessAudits: AUDITS })
  for (const { type, by } of grid.types) {
    for (const [n, operation] of grid.operations.entries()) {
      const event = {
        '@timestamp': '2026-11-24T12:00:00Z',
        event: { action: operation.toLowerCase(), dataset: 'shop' },
        audit: { resource: [{ type, name: 'default', parent: 'default' }] },
      }
      const ruling = family.judge(
        { event },
        { source: 's', stream: 'mesh', accessAudit: true },
        new Uint8Array(16),
        () => {},
      )
      expect(ruling?.kind, `${operation} ${type}`).toBe((by[n] ?? []).length > 0 ? 'keep' : 'drop')
    }
  }
})
