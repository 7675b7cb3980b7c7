import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openState } from './state.ts'

const ADA = { names: ['ada.of.the.test'], ids: [], emails: [], identities: [], mentions: false }
const WHY = { reference: 'R-1', basis: 'GDPR 17(1)', requestedBy: 'local:0', requestedAt: 1000 }

function aState() {
  const folder = mkdtempSync(join(tmpdir(), 'whodid-erasures-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const clock = { now: () => 1000, later: () => ({ cancel() {} }) }
  return { folder, state: openState({ folder, clock }) }
}

const holding = (folder: string) =>
  readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes('ada.of.the.test'))

test.each(['done', 'refused'] as const)('nothing on the disk names the person once it is %s', (how) => {
  const { folder, state } = aState()
  const { erasures } = state
  erasures.add({ id: 'e1', ...WHY }, ADA)
  expect(holding(folder)).not.toEqual([])

  const decided = { decidedBy: 'local:0', decidedAt: 2000 }
  if (how === 'refused') erasures.decide('e1', { ...decided, state: 'refused', reason: 'a claim in court' })
  else {
    erasures.decide('e1', { ...decided, state: 'approved' })
    erasures.learn('e1', { ...ADA, identities: ['["","ada.of.the.test"]'] })
    erasures.forget('e1')
  }

  expect(holding(folder)).toEqual([])
  expect(erasures.find('e1')).toMatchObject({ state: how, reference: 'R-1' })
  expect(erasures.find('e1')?.person).toBeUndefined()
  state.close()
})

test('keeps the list of what is covered, and adds blocks to rows that are on it', () => {
  const { state } = aState()
  state.erasures.cover('e1', [{ log: 'a', index: 1, blocks: 3 }])
  state.erasures.cover('e1', [
    { log: 'a', index: 1, blocks: 16 },
    { log: 'b', index: 7, blocks: 4 },
  ])
  expect(state.erasures.covered('e1')).toEqual([
    { log: 'a', index: 1, blocks: 19 },
    { log: 'b', index: 7, blocks: 4 },
  ])
  state.close()
})
