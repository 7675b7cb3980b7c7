import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { timeOf } from './kubernetes-record.ts'
import { uuidOf } from './seeded.ts'

/** The lines of one request or connection, or one line: what is played together. */
export interface Scene {
  /** Id in the lines, of the request or the event. Lines of text have places for their numbers instead. */
  readonly id?: string
  /** When it began as it was written down, microseconds since 1970. */
  readonly start: number
  readonly byMachine: boolean
  readonly lines: readonly TimedLine[]
}

interface TimedLine {
  readonly text: string
  /** Every time in it, as text; the last one is when the line was written. */
  readonly times: readonly string[]
}

/** The example records of a script: what happens once a week, and what happens all the time. */
export function readScenes(script: string): { readonly story: readonly Scene[]; readonly routine: readonly Scene[] } {
  const [scenes, end] = existsSync(pathOf(`${script}-story.log`)) ? [textScenesIn, 'log'] : [scenesIn, 'jsonl']
  return { story: scenes(`${script}-story.${end}`), routine: scenes(`${script}-routine.${end}`) }
}

function pathOf(file: string): string {
  return join(import.meta.dirname, 'records', file)
}

/**
 * The lines of a scene as they would be if it began at `start`: under an id made from `name`, the same in all of them.
 *
 * @param longest Microseconds; what took longer is made that short.
 */
export function playedScene(
  scene: Scene,
  start: number,
  name: string,
  longest: number,
): readonly { readonly at: number; readonly line: string }[] {
  const id = uuidOf(name)
  return scene.lines.map(({ text, times }) => {
    let line = scene.id === undefined ? withNumbers(text, id) : text.replaceAll(scene.id, id)
    let at = start
    for (const time of times) {
      at = start + Math.min(microsOf(time) - scene.start, longest)
      line =
        scene.id === undefined
          ? line.replace(time, writtenAs(time, at))
          : line.replaceAll(`:"${time}"`, `:"${timeOf(at)}"`)
    }
    return { at, line }
  })
}

/** In the way of another time: as PostgreSQL writes it, or as everybody else. */
function writtenAs(time: string, micros: number): string {
  const text = timeOf(micros)
  return time.endsWith(' UTC') ? `${text.slice(0, 10)} ${text.slice(11, 23)} UTC` : text
}

/** Numbers of two processes and of a port, as a host would give them: the same for the same scene. */
function withNumbers(text: string, id: string): string {
  const pid = 2000 + (Number.parseInt(id.slice(0, 7), 16) % 4_000_000)
  const port = 32_768 + (Number.parseInt(id.slice(9, 13), 16) % 28_000)
  return text
    .replaceAll('{pid}', String(pid))
    .replaceAll('{child}', String(pid + 22))
    .replaceAll('{port}', String(port))
    .replaceAll('{session}', `${id.slice(0, 8)}.${pid.toString(16)}`)
}

const BY_MACHINE = / CRON\[|"user":"shop_web"/
const TIME = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d{3}(?:\d{3}Z| UTC)/

/** Scenes of lines with places for numbers, each with one time in it, parted by blank lines. */
function textScenesIn(file: string): readonly Scene[] {
  const scenes = readFileSync(pathOf(file), 'utf8').split('\n\n').filter(Boolean)
  return scenes.map((scene) => {
    const lines = scene.split('\n').filter(Boolean)
    const timed = lines.map((text) => ({ text, times: [TIME.exec(text)?.[0] ?? ''] }))
    const start = Math.min(...timed.flatMap(({ times }) => times.map(microsOf)))
    return { start, byMachine: BY_MACHINE.test(scene), lines: timed }
  })
}

function scenesIn(file: string): readonly Scene[] {
  const lines = readFileSync(pathOf(file), 'utf8').split('\n').filter(Boolean)
  const byId = Map.groupBy(lines.map(parsed), (line) => line.id)
  return [...byId].map(([id, parts]) => ({
    id,
    start: Math.min(...parts.flatMap((part) => part.times.map(microsOf))),
    byMachine: parts.some((part) => part.byMachine),
    lines: parts.map(({ text, times }) => ({ text, times })),
  }))
}

interface Parsed extends TimedLine {
  readonly id: string
  readonly byMachine: boolean
}

function parsed(text: string): Parsed {
  // Written by make-records.ts: one of two known shapes.
  const record = JSON.parse(text) as KubernetesLine | EcsLine
  if ('auditID' in record) {
    const times = [...new Set([record.requestReceivedTimestamp, record.stageTimestamp])]
    return { text, times, id: record.auditID, byMachine: record.user.username?.startsWith('system:') === true }
  }
  return { text, times: [record['@timestamp']], id: record.event.id, byMachine: record.labels?.pipeline === 'nightly' }
}

interface KubernetesLine {
  readonly auditID: string
  readonly requestReceivedTimestamp: string
  readonly stageTimestamp: string
  readonly user: { readonly username?: string }
}

interface EcsLine {
  readonly '@timestamp': string
  readonly event: { readonly id: string }
  readonly labels?: { readonly pipeline?: string }
}

/** To the microsecond: Date.parse knows milliseconds only. */
function microsOf(time: string): number {
  return (
    Date.parse(`${time.slice(0, 19)}Z`) * 1000 +
    Number((/^\d+/.exec(time.slice(20))?.[0] ?? '0').padEnd(6, '0').slice(0, 6))
  )
}
