import { parentPort, workerData } from 'node:worker_threads'
import { AuditError } from '../domain/errors.ts'
import type { Format } from '../formats/format.ts'
import { configuredFormat } from '../formats/formats.ts'
import { type CompiledRules, compileRules } from '../rules/compile.ts'
import { deriveRuleKeys } from '../rules/masks-hash.ts'
import type { RuleSet } from '../rules/rule-set.ts'
import { encodeRows } from '../store/encode.ts'
import { createIsErased } from './erasure-tombstones.ts'
import { createEventIds } from './event-id.ts'
import { eventsOf, parsePayload } from './payload.ts'
import {
  type KeysFor,
  type SealDeps,
  sealSlice,
  type Slice,
  type SubjectKey,
  TRAIL_FORMAT,
  type Wanted,
} from './seal.ts'
import { type Answer, KNOWN_REVISIONS, type RowsTask, type SealTask, type Task, type WorkerSeed } from './tasks.ts'
import { trailFormat } from './trail.ts'

/** The thread that turns records into sealed events, and sealed events into rows of the store. */
const port = parentPort
if (port === null) throw new Error('seal-worker.ts runs as a worker thread')
// Given by createSealWorkers, in this process.
const seed = workerData as WorkerSeed

const MOST_CACHED = 50_000
const cached = new Map<string, SubjectKey>()
const asked = new Map<number, PromiseWithResolvers<readonly SubjectKey[]>>()
let questions = 0

const formats = createFormatCache()
const compiled = new Map<number, CompiledRules>()
const ruleKeys = deriveRuleKeys(seed.dedupeKey)
let isErased = createIsErased(seed.dedupeKey, seed.tombstones)

const deps: SealDeps = {
  ids: createEventIds(seed.dedupeKey),
  keysFor,
  format: (name, options) => (name === TRAIL_FORMAT ? trailFormat : formats.of(name, options)),
  rules: rulesOf,
  get isErased() {
    return isErased
  },
}

port.on('message', (task: Task) => {
  switch (task.kind) {
    case 'keys':
      asked.get(task.question)?.resolve(task.keys)
      asked.delete(task.question)
      return
    case 'no-keys':
      asked.get(task.question)?.reject(new AuditError(task.code, task.message))
      asked.delete(task.question)
      return
    case 'rules':
      learn(task.revision, task.rules)
      return
    case 'erased':
      isErased = createIsErased(seed.dedupeKey, task.tombstones)
      cached.clear()
      return
    case 'seal':
      void answer(task.id, () => seal(task))
      return
    case 'rows':
      void answer(task.id, async () => rows(task))
      return
  }
})

async function answer(id: number, work: () => Promise<{ answer: Answer; transfer: ArrayBuffer[] }>): Promise<void> {
  try {
    const { answer: done, transfer } = await work()
    port?.postMessage(done, transfer)
  } catch (error) {
    const code = error instanceof AuditError ? error.code : 'internal'
    post({ kind: 'failed', id, code, message: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
}

function post(message: Answer): void {
  port?.postMessage(message)
}

async function seal({ id, slice, bytes, spans, known }: SealTask) {
  const records = Array.from({ length: spans.length / 2 }, (_, n) => {
    const from = spans[n * 2] ?? 0
    return { bytes: bytes.subarray(from, from + (spans[n * 2 + 1] ?? 0)), ...known?.[n] }
  })
  const whole: Slice = { ...slice, records }
  const sealed = await sealSlice(whole, deps)
  const own = [sealed.table, sealed.contents, sealed.arena, sealed.ids, sealed.recordOf]
  const transfer = own.filter(ownsItsMemory).map((each) => each.buffer)
  // A view would take with it all that it is a view of.
  const rejected = sealed.rejected.map((each) =>
    each.bytes === undefined ? each : { ...each, bytes: new Uint8Array(each.bytes) },
  )
  return { answer: { kind: 'sealed' as const, id, sealed: { ...sealed, rejected } }, transfer }
}

/** Tasks are begun in the order in which they came, and a slice asks for its rules as it begins. */
function learn(revision: number, rules: RuleSet): void {
  compiled.set(revision, compileRules(rules, ruleKeys))
  const [oldest] = compiled.keys()
  if (compiled.size > KNOWN_REVISIONS && oldest !== undefined) compiled.delete(oldest)
}

function rulesOf(revision: number): CompiledRules {
  const rules = compiled.get(revision)
  if (rules === undefined) throw new RangeError(`a slice came before revision ${revision} of its rules`)
  return rules
}

/** Small buffers lie in a pool that they share: those are copied, others move. */
function ownsItsMemory(bytes: Uint8Array | Uint32Array): bytes is Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
}

function rows({ id, frames, from }: RowsTask): { answer: Answer; transfer: ArrayBuffer[] } {
  const events = frames.flatMap(({ payload, events: count, firstFeed }) =>
    eventsOf(parsePayload(payload, count), firstFeed),
  )
  const block = encodeRows(events.filter((event) => event.index >= from))
  return { answer: { kind: 'rows', id, block }, transfer: [] }
}

/** From the cache where it can be; else asks the main thread, which makes missing keys durable first. */
async function keysFor(...[log, day, wanted]: Parameters<KeysFor>): Promise<readonly SubjectKey[]> {
  const missing = new Map<string, Wanted>()
  const own = new Map<string, SubjectKey>()
  for (const each of wanted) {
    const name = cacheName(log, day, each.identity)
    const key = cached.get(name)
    if (key !== undefined) own.set(each.identity, key)
    else if (each.known || !missing.has(each.identity)) missing.set(each.identity, each)
  }
  if (missing.size > 0) {
    const questionsList = [...missing.values()]
    const keys = await ask(log, day, questionsList)
    for (const [at, { identity, known }] of questionsList.entries()) {
      const key = keys[at]
      if (key === undefined) throw new RangeError('the key desk answered too few keys')
      own.set(identity, key)
      // An unknown identity may become known at any time: its borrowed key is not kept.
      if (known || identity === '') remember(cacheName(log, day, identity), key)
    }
  }
  return wanted.map(({ identity }) => {
    const key = own.get(identity)
    if (key === undefined) throw new RangeError('a key that was asked for is missing')
    return key
  })
}

function ask(log: string, day: string, wanted: readonly Wanted[]): Promise<readonly SubjectKey[]> {
  const question = ++questions
  const answered = Promise.withResolvers<readonly SubjectKey[]>()
  asked.set(question, answered)
  post({ kind: 'keys', question, log, day, wanted })
  return answered.promise
}

function remember(name: string, key: SubjectKey): void {
  if (cached.size >= MOST_CACHED) cached.clear()
  cached.set(name, key)
}

function cacheName(log: string, day: string, identity: string): string {
  return identity === '' ? `${log}\n${day}` : `${log}\n\n${identity}`
}

/** Formats under their options: compiled once, not once a slice. */
function createFormatCache() {
  const known = new Map<string, Format>()
  return {
    of(name: string, options: unknown): Format {
      const key = options === undefined ? name : `${name} ${JSON.stringify(options)}`
      const format = known.get(key) ?? configuredFormat(name, options)
      known.set(key, format)
      return format
    },
  }
}
