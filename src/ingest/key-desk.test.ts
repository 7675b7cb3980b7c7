import { expect, onTestFinished, test } from 'vitest'
import { aFolder } from '../../test/a-server.ts'
import { openSubjectKeys } from '../ledger/subject-keys.ts'
import { realFiles } from '../lib/real-files.ts'
import { createKeyDesk } from './key-desk.ts'

const LOG = 'acme/n1/default/2026-11'

async function aDesk() {
  const store = await openSubjectKeys(realFiles, aFolder(), true)
  onTestFinished(() => store.close())
  return { store, desk: createKeyDesk(store) }
}

test('who is known gets a key of their own, all others share that of the day', async () => {
  const { desk } = await aDesk()
  const wanted = [
    { identity: 'ada', known: true },
    { identity: 'guess', known: false },
    { identity: '', known: true },
    { identity: 'guess 2', known: false },
  ]
  const [ada, guess, nobody, guess2] = (await desk(LOG, '2026-11-20', wanted)).map(({ id }) => id)
  expect(guess).toBe(nobody)
  expect(guess2).toBe(nobody)
  expect(ada).not.toBe(nobody)
  const [nextDay] = await desk(LOG, '2026-11-21', [{ identity: 'guess', known: false }])
  expect(nextDay?.id).not.toBe(guess)
})

test('who was known once keeps their key, also when a sign-in fails', async () => {
  const { desk } = await aDesk()
  const [before] = await desk(LOG, '2026-11-20', [{ identity: 'ada', known: true }])
  const [after] = await desk(LOG, '2026-11-21', [{ identity: 'ada', known: false }])
  expect(after).toEqual(before)
})

test('guessing names makes no keys', async () => {
  const { desk, store } = await aDesk()
  const names = Array.from({ length: 500 }, (_, n) => ({ identity: `guess ${n}`, known: false }))
  const [first] = await desk(LOG, '2026-11-20', names)
  expect(store.find([(first?.id ?? 0) + 1]).size).toBe(0)
})

test('a key is in the key store before it is handed out', async () => {
  const { desk, store } = await aDesk()
  const keys = await desk(LOG, '2026-11-20', [
    { identity: 'ada', known: true },
    { identity: 'bob', known: true },
  ])
  for (const { id, key } of keys) expect(store.find([id]).get(id)).toEqual(key)
})
