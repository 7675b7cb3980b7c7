import { isDeepStrictEqual } from 'node:util'
import type { Frame } from '../../src/journal/frame.ts'
import { openJournal } from '../../src/journal/journal.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { createFeed } from '../../src/journal/feed.ts'
import { seeded } from '../seeded.ts'
import type { Random } from '../seeded.ts'
import { createSimulatedDisk } from '../simulated-disk.ts'
import type { SimulatedDisk } from '../simulated-disk.ts'
import { mutated } from './mutants.ts'
import type { Mutant } from './mutants.ts'

/** Each of these, left out, must make some seed fail. */
export const JOURNAL_MUTANTS: readonly Mutant[] = [
  { name: 'journal: no sync after a group', skipsFileSync: (path) => path.endsWith('.wdj') },
  { name: 'journal: no sync of a new file before its rename', skipsFileSync: (path) => path.endsWith('.wdj.tmp') },
  {
    name: 'journal: no sync of the folder after a rename',
    skipsFolderSync: (folder, after) => folder === FOLDER && after === 'rename',
  },
  {
    name: 'journal: no sync of the folder between two removals',
    skipsFolderSync: (folder, after) => folder === FOLDER && after === 'remove',
  },
  { name: 'journal: recovery goes on in the file it found', replacesInPlace: (path) => path.endsWith('.wdj') },
]

/**
 * Some lives of one journal, each ended by power loss, a failed sync or a kill at a random point, also in recovery. Throws
 * what was wrong: an acknowledged frame lost or changed, one out of order, one that nobody appended.
 */
export async function runJournal(seed: number, mutant?: Mutant): Promise<void> {
  const random = seeded(seed)
  const model: Model = { frames: [], acknowledged: 0, signedFeed: 1, trimmedTo: 1, followed: 1, now: 1 }
  let disk = createSimulatedDisk(random)
  for (let life = random.between(3, 6); life > 0; life--) {
    disk.failAfter(random.chance(0.3) ? random.between(0, 30) : random.between(20, 200))
    if (random.chance(0.3)) disk.failSyncAfter(random.between(0, 20))
    const fileBytes = random.between(200, 2500)
    await ended(disk, live(disk, model, random, { fileBytes, mutant }))
    disk = random.chance(0.7) ? disk.crash() : disk.kill()
  }
  const journal = await open(disk, model, { fileBytes: 1000, mutant })
  await checkRecovered(journal, model)
}

const FOLDER = '/data/journal'

interface ModelFrame {
  readonly frame: number
  readonly firstFeed: number
  readonly events: number
  readonly payload: string
}

interface Model {
  /** All that were appended and may still be there, in order. */
  frames: ModelFrame[]
  /** Highest frame that was acknowledged or seen by a follower. */
  acknowledged: number
  signedFeed: number
  trimmedTo: number
  /** Events before it were taken by the follower of this life. */
  followed: number
  now: number
}

interface Setting {
  readonly fileBytes: number
  readonly mutant: Mutant | undefined
}

/** A life may end by the disk's end, and only by that: any other error is what we are looking for. */
async function ended(disk: SimulatedDisk, life: Promise<void>): Promise<void> {
  try {
    await life
  } catch (cause) {
    const isExpected = cause instanceof Error && /\(simulated\)/.test(cause.message)
    if (!isExpected) throw cause
  }
  disk.stop()
}

async function open(disk: SimulatedDisk, model: Model, { fileBytes, mutant }: Setting): Promise<Journal> {
  return await openJournal({
    files: mutated(disk.files, mutant),
    folder: FOLDER,
    install: 'sim',
    clock: { now: () => model.now++, later: () => ({ cancel() {} }) },
    fileBytes,
    holdsAllSigned: async (frames) => {
      let end = 1
      for await (const frame of frames) end = frame.firstFeed + frame.events
      return end >= model.signedFeed
    },
  })
}

async function live(disk: SimulatedDisk, model: Model, random: Random, setting: Setting): Promise<void> {
  const journal = await open(disk, model, setting)
  await checkRecovered(journal, model)
  model.followed = journal.oldestFeed
  const stop = new AbortController()
  const following = follow(journal, model, stop.signal)
  try {
    while (!disk.isStopped()) await act(journal, model, random)
  } finally {
    stop.abort()
    await following
  }
}

async function act(journal: Journal, model: Model, random: Random): Promise<void> {
  const choice = random.next()
  if (choice < 0.7) {
    const group = Array.from({ length: random.between(1, 4) }, () => append(journal, model, random))
    if (random.chance(0.8)) await group.at(-1)
  } else if (choice < 0.8) {
    model.signedFeed = journal.durableFeed
  } else if (choice < 0.9) {
    const feed = random.between(0, model.followed)
    model.trimmedTo = Math.max(model.trimmedTo, feed)
    await journal.trim(feed, model.now - random.between(0, 3))
  } else {
    for await (const frame of journal.readFrom(random.between(1, journal.nextFrame))) checkFrame(frame, model)
  }
}

function append(journal: Journal, model: Model, random: Random): Promise<void> {
  const events = random.between(0, 3)
  const payload = `${journal.nextFrame} ${'x'.repeat(random.between(0, 300))} ${random.next()}`
  const bytes = new TextEncoder().encode(payload)
  const cut = random.between(0, bytes.length)
  const { frame, firstFeed, durable } = journal.append([bytes.subarray(0, cut), bytes.subarray(cut)], events)
  model.frames.push({ frame, firstFeed, events, payload })
  const acknowledged = durable.then(() => {
    model.acknowledged = Math.max(model.acknowledged, frame)
  })
  // Not every caller waits: the journal's own `failed` ends the life.
  acknowledged.catch(() => undefined)
  return acknowledged
}

/** Ledger, store and sinks act on what they are given, so that counts as acknowledged. */
async function follow(journal: Journal, model: Model, signal: AbortSignal): Promise<void> {
  let next = 0
  try {
    for await (const frame of createFeed(journal, 700).follow(journal.oldestFeed, signal)) {
      checkFrame(frame, model)
      if (next && frame.frame !== next) throw new Error(`the feed gave frame ${frame.frame} where ${next} comes`)
      next = frame.frame + 1
      model.followed = frame.firstFeed + frame.events
      model.acknowledged = Math.max(model.acknowledged, frame.frame)
    }
  } catch (cause) {
    const isExpected = cause instanceof Error && /\(simulated\)/.test(cause.message)
    if (!isExpected) throw cause
  }
}

async function checkRecovered(journal: Journal, model: Model): Promise<void> {
  const found: ModelFrame[] = []
  for await (const { frame, firstFeed, events, payload } of journal.read(0)) {
    found.push({ frame, firstFeed, events, payload: new TextDecoder().decode(payload) })
  }
  const [first] = found
  const from = first ? model.frames.findIndex((each) => each.frame === first.frame) : model.frames.length
  const expected = model.frames.slice(from, from + found.length)
  if (from < 0 || !isDeepStrictEqual(found, expected)) throw new Error('found frames that were not appended like that')
  const early = first && model.frames.slice(0, from).find((each) => each.firstFeed + each.events > model.trimmedTo)
  if (early) throw new Error(`frame ${early.frame} is gone and was not trimmed`)
  const lost = model.frames.slice(from + found.length).find((each) => each.frame <= model.acknowledged)
  if (lost) throw new Error(`frame ${lost.frame} was acknowledged and is lost`)
  const kept = found.at(-1)
  if (kept && (journal.nextFrame !== kept.frame + 1 || journal.nextFeed !== kept.firstFeed + kept.events)) {
    throw new Error(`the next frame would be ${journal.nextFrame} after ${kept.frame}`)
  }
  model.frames = found
  model.acknowledged = Math.max(model.acknowledged, kept?.frame ?? 0)
}

function checkFrame(frame: Frame, model: Model): void {
  const expected = model.frames.find((each) => each.frame === frame.frame)
  const found = new TextDecoder().decode(frame.payload)
  if (expected && (expected.payload !== found || expected.firstFeed !== frame.firstFeed)) {
    throw new Error(`frame ${frame.frame} is not what was appended`)
  }
}
