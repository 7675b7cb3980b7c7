import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { manualClock } from '../../test/manual-clock.ts'
import { openState } from './state.ts'

test('what was in force is found by its hash after a restart, and the newest is known', () => {
  const folder = mkdtempSync(join(tmpdir(), 'whodid-rule-versions-'))
  const first = openState({ folder, clock: manualClock() })
  expect(first.ruleVersions.latest()).toBeUndefined()
  first.ruleVersions.add({ hash: 'aa', since: 1, by: 'files' }, { rules: 1 })
  first.ruleVersions.add({ hash: 'bb', since: 2, by: 'token:x', approval: 'w1' }, { rules: 2 })
  first.ruleVersions.add({ hash: 'aa', since: 3, by: 'files' }, { rules: 1 })
  first.close()

  const again = openState({ folder, clock: manualClock() })
  const { ruleVersions } = again
  expect(ruleVersions.latest()).toEqual({ revision: 3, hash: 'aa', since: 3, by: 'files', rules: { rules: 1 } })
  expect(ruleVersions.list(2).map(({ revision }) => revision)).toEqual([3, 2])
  expect(ruleVersions.list(2)[1]).toMatchObject({ approval: 'w1' })
  expect(ruleVersions.find('bb')).toEqual({ rules: 2 })
  expect(ruleVersions.find('cc')).toBeUndefined()
  again.close()
})
