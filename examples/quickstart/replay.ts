import { mkdir, open, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../src/lib/clock.ts'
import { pause, systemClock } from '../../src/lib/clock.ts'
import type { Scene } from './scenes.ts'
import { playedScene, readScenes } from './scenes.ts'
import type { Random } from './seeded.ts'
import { pick, seeded } from './seeded.ts'
import { WEEK_MICROS } from './week.ts'

/**
 * Writes the example records into log files as if they happened now: a week at once, then some every second, for ever,
 * each time with new ids. Started again, it goes on from the end of the files. What happens in a slot of time depends on
 * that slot alone, so nothing has to be remembered.
 */
export async function startReplay(options: ReplayOptions): Promise<void> {
  const { folder, clock, signal } = options
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await Promise.all(SCRIPTS.map((script) => play(script, join(folder, script.file), clock, signal)))
}

export interface ReplayOptions {
  /** Where the log files are; made when it is not there. */
  readonly folder: string
  readonly clock: Clock
  readonly signal: AbortSignal
}

interface Script {
  readonly file: string
  readonly records: string
  /** Scenes in ten minutes of a busy day: of people, and of machines. */
  readonly people: number
  readonly machines: number
  /** Scenes a second, from now on. */
  readonly live: number
}

const SCRIPTS: readonly Script[] = [
  { file: 'kubernetes-audit.log', records: 'kubernetes', people: 11, machines: 3.5, live: 0.7 },
  { file: 'builds-audit.log', records: 'builds', people: 10, machines: 1.5, live: 0.4 },
  { file: 'auth.log', records: 'hosts', people: 2, machines: 1, live: 0.1 },
  { file: 'postgresql.json', records: 'database', people: 2, machines: 2, live: 0.15 },
]

const SECOND = 1_000_000
const SLOT = 600 * SECOND
/** After a longer pause the gap is filled like the past. */
const LIVE_GAP = 60 * SECOND
const ROTATE_BYTES = 64 << 20
const TICK_MS = 1000

interface Cue {
  /** When the line is written, microseconds: the time that it says. */
  readonly at: number
  readonly line: string
}

async function play(script: Script, path: string, clock: Clock, signal: AbortSignal): Promise<void> {
  const { story, routine } = readScenes(script.records)
  const now = (): number => clock.now() * 1000
  let done = Math.max((await lastTimeIn(path)) ?? 0, now() - WEEK_MICROS)
  let waiting: readonly Cue[] = []
  while (!signal.aborted) {
    const until = now()
    const cues =
      until - done > LIVE_GAP
        ? [...past(script, routine, done, until), ...told(story, done, until, Infinity)]
        : [...live(script, routine, done, until), ...told(story, done, until, LIVE_LONGEST)]
    done = Math.max(done, until)
    const inOrder = [...waiting, ...cues].sort((a, b) => a.at - b.at)
    await append(
      path,
      inOrder.filter((cue) => cue.at <= until),
    )
    waiting = inOrder.filter((cue) => cue.at > until)
    await pause(clock, TICK_MS, signal)
  }
}

/** A request that is going on when everything ends would never be completed, so live ones are short. */
const LIVE_LONGEST = 1.5 * SECOND

/** Whole slots of the past, by the rhythm of a week. */
function past(script: Script, routine: readonly Scene[], from: number, until: number): readonly Cue[] {
  const cues: Cue[] = []
  for (let slot = Math.floor(from / SLOT); slot * SLOT < until; slot++) {
    const random = seeded(`${script.file} ${slot}`)
    const rhythm = rhythmAt(slot * SLOT)
    const people = scenesFrom(random, routine, script.people * rhythm, false)
    const machines = scenesFrom(random, routine, script.machines * (0.6 + 0.4 * rhythm), true)
    for (const [nth, scene] of [...people, ...machines].entries()) {
      const start = slot * SLOT + Math.floor(random() * SLOT)
      cues.push(...playedScene(scene, start, `${script.file} past ${slot} ${nth}`, Infinity))
    }
  }
  return cues.filter((cue) => cue.at > from && cue.at <= until)
}

/** The seconds that have just passed. */
function live(script: Script, routine: readonly Scene[], from: number, until: number): readonly Cue[] {
  const cues: Cue[] = []
  for (let second = Math.floor(from / SECOND) + 1; second * SECOND <= until; second++) {
    const random = seeded(`${script.file} live ${second}`)
    const count = Math.floor(script.live * 2 * random() + random())
    for (let nth = 0; nth < count; nth++) {
      const start = second * SECOND + Math.floor(random() * SECOND)
      cues.push(...playedScene(pick(random, routine), start, `${script.file} live ${second} ${nth}`, LIVE_LONGEST))
    }
  }
  return cues
}

/** Scenes of the story, each once a week at its own hour. */
function told(story: readonly Scene[], from: number, until: number, longest: number): readonly Cue[] {
  return story.flatMap((scene) => {
    const week = Math.floor((until - scene.start) / WEEK_MICROS)
    const start = scene.start + week * WEEK_MICROS
    return start > from && start <= until
      ? playedScene(scene, start, `story ${scene.id ?? scene.start} ${week}`, longest)
      : []
  })
}

function scenesFrom(random: Random, routine: readonly Scene[], average: number, machines: boolean): readonly Scene[] {
  const count = Math.floor(average * (0.5 + random()) + random())
  const fitting = routine.filter((scene) => scene.byMachine === machines)
  return Array.from({ length: count }, () => pick(random, fitting))
}

/** How much people do at that time: 1 in the middle of a working day. */
function rhythmAt(micros: number): number {
  const date = new Date(micros / 1000)
  const isWeekend = date.getUTCDay() === 0 || date.getUTCDay() === 6
  return (HOURS[date.getUTCHours()] ?? 0) * (isWeekend ? 0.12 : 1)
}

const HOURS = [
  0.04, 0.03, 0.03, 0.03, 0.03, 0.06, 0.15, 0.45, 0.85, 1, 1, 0.9, 0.6, 0.85, 1, 0.95, 0.8, 0.5, 0.3, 0.2, 0.15, 0.1,
  0.08, 0.05,
]

/** The time that the last whole line says, or undefined when there is none. */
async function lastTimeIn(path: string): Promise<number | undefined> {
  const file = await open(path, 'r').catch(() => undefined)
  if (file === undefined) return undefined
  try {
    const { size } = await file.stat()
    const length = Math.min(size, 65_536)
    const tail = Buffer.alloc(length)
    await file.read(tail, 0, length, size - length)
    const times = [
      ...tail.toString('utf8').matchAll(/"(?:stageTimestamp|@timestamp|timestamp)":"([^"]+)"|^(\d{4}-\S+Z) /gm),
    ]
    const [, ofJson, ofText] = times.at(-1) ?? []
    const last = Date.parse(ofJson ?? ofText ?? '')
    return Number.isNaN(last) ? undefined : last * 1000 + 999
  } finally {
    await file.close()
  }
}

async function append(path: string, cues: readonly Cue[]): Promise<void> {
  if (cues.length === 0) return
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (size > ROTATE_BYTES) await rename(path, `${path}.1`)
  const file = await open(path, 'a', 0o600)
  try {
    for (let first = 0; first < cues.length; first += 1000) {
      const lines = cues.slice(first, first + 1000).map((cue) => `${cue.line}\n`)
      await file.write(lines.join(''))
    }
  } finally {
    await file.close()
  }
}

if (import.meta.main) {
  const folder = process.argv[2] ?? join(import.meta.dirname, '../../.whodid/sample')
  const ended = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ended.abort())
  await startReplay({ folder, clock: systemClock, signal: ended.signal })
}
