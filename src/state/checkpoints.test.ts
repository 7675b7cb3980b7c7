import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { systemClock } from '../lib/clock.ts'
import { type State, openState } from './state.ts'

let folder: string
let state: State
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whodid-state-'))
  state = openState({ folder, clock: systemClock })
})
afterEach(() => {
  state.close()
  rmSync(folder, { recursive: true, force: true })
})

test('gives back the last checkpoint of a log, also after a restart', () => {
  state.checkpoints.save([{ origin: 'a/n1/default/2026-11', size: 3, note: 'three', previousSize: 0 }])
  state.checkpoints.save([{ origin: 'a/n1/default/2026-11', size: 5, note: 'five', previousSize: 3 }])
  state.close()
  state = openState({ folder, clock: systemClock })

  expect(state.checkpoints.last('a/n1/default/2026-11')).toEqual({
    origin: 'a/n1/default/2026-11',
    size: 5,
    note: 'five',
  })
  expect(state.checkpoints.last('a/n1/other/2026-11')).toBeUndefined()
})

test('refuses the whole commit when one log was signed by somebody else', () => {
  state.checkpoints.save([{ origin: 'a/n1/x/2026-11', size: 3, note: 'x3', previousSize: 0 }])

  const changes = [
    { origin: 'a/n1/y/2026-11', size: 1, note: 'y1', previousSize: 0 },
    { origin: 'a/n1/x/2026-11', size: 4, note: 'x4', previousSize: 2 },
  ]
  expect(() => state.checkpoints.save(changes)).toThrow(/signed at size 3, not at 2/)
  expect(state.checkpoints.all()).toEqual([{ origin: 'a/n1/x/2026-11', size: 3, note: 'x3' }])
})
