import { expect, onTestFinished, test } from 'vitest'
import { AuditError } from '../domain/errors.ts'
import { NO_RULES } from '../rules/rule-set.ts'
import { createRulesInForce, type RulesRevision } from './rules-in-force.ts'
import { createSealWorkers, type SealWorkersOptions } from './workers.ts'

const KEY = { id: 1, key: new Uint8Array(32) }

function someWorkers(keysFor: SealWorkersOptions['keysFor']) {
  const workers = createSealWorkers({ dedupeKey: new Uint8Array(32), keysFor, threads: 1, log: () => undefined })
  onTestFinished(() => workers.close())
  return workers
}

function aSlice(name: string) {
  const record = { event: { action: 'read', outcome: 'success' }, user: { name } }
  return {
    source: 'api',
    authenticated: true,
    log: 'acme/n1/default/2026-11',
    received: Date.UTC(2026, 10, 20),
    format: 'ecs',
    records: [{ bytes: Buffer.from(JSON.stringify(record)) }],
  }
}

test('while the key store cannot be written, what needs new keys is refused and nothing else is harmed', async () => {
  let isFull = false
  const workers = someWorkers(async (_log, _day, wanted) => {
    if (isFull) throw new AuditError('io_failed', 'cannot write new subject keys')
    return wanted.map(() => KEY)
  })
  expect(await workers.seal(aSlice('ada'))).toMatchObject({ count: 1 })
  isFull = true
  await expect(workers.seal(aSlice('bob'))).rejects.toMatchObject({
    code: 'io_failed',
    message: expect.stringContaining('cannot write new subject keys'),
  })
  // Her key is known already.
  expect(await workers.seal(aSlice('ada'))).toMatchObject({ count: 1 })
  isFull = false
  expect(await workers.seal(aSlice('bob'))).toMatchObject({ count: 1 })
})

test('slices that wait for keys do not hold up those that need none', async () => {
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  const workers = someWorkers(async (_log, _day, wanted) => {
    asked.resolve()
    await answer.promise
    return wanted.map(() => KEY)
  })
  const waiting = workers.seal(aSlice('ada'))
  await asked.promise
  expect(await workers.seal({ ...aSlice('ada'), records: [] })).toMatchObject({ count: 0 })
  answer.resolve()
  expect(await waiting).toMatchObject({ count: 1 })
})

test('a thread is told of rules before the first slice that they judge, also of those that it let go', async () => {
  const workers = someWorkers(async (_log, _day, wanted) => wanted.map(() => KEY))
  const seal = (rules: RulesRevision) =>
    workers.seal({ ...aSlice('ada'), rules: { revision: rules.revision, stream: 'default' } }, rules)
  const all = createRulesInForce()
  const revisions = Array.from({ length: 4 }, () => all.use(NO_RULES))
  for (const rules of [...revisions, ...revisions]) expect(await seal(rules)).toMatchObject({ count: 1 })
  await Promise.all(revisions.map(seal))
})

test('a thread that began anew is told of the rules again', async () => {
  const ended = Promise.withResolvers<void>()
  const workers = createSealWorkers({
    dedupeKey: new Uint8Array(32),
    keysFor: async (_log, _day, wanted) => wanted.map(() => KEY),
    threads: 1,
    log: (line) => line.includes('starting another one') && ended.resolve(),
  })
  onTestFinished(() => workers.close())
  const rules = createRulesInForce().current()
  const slice = { ...aSlice('ada'), rules: { revision: rules.revision, stream: 'default' } }
  expect(await workers.seal(slice, rules)).toMatchObject({ count: 1 })
  // What does not compile ends a thread: the main thread never lets it get so far.
  // The set is wrong on purpose.
  const broken = { ...rules, revision: 99, set: null as unknown as typeof rules.set }
  await expect(workers.seal(slice, broken)).rejects.toMatchObject({ code: 'busy' })
  await ended.promise
  expect(await workers.seal(slice, rules)).toMatchObject({ count: 1 })
})
