import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Decoded, DecodedEvent, Format } from '../src/formats/format.ts'
import { configuredFormat } from '../src/formats/formats.ts'

/** An example record of a format: `test/fixtures/formats/FORMAT/CASE.txt` holds its bytes, as they are. */
export interface FormatCase {
  readonly name: string
  readonly bytes: Uint8Array
  /** The format, under the options in `CASE.options.json` where there is such a file. */
  readonly format: Format
}

const FOLDER = join(import.meta.dirname, 'fixtures/formats')

/** All example records of a format, by name. */
export function casesOf(format: string): readonly FormatCase[] {
  const files = globSync('*.txt', { cwd: join(FOLDER, format) }).toSorted()
  return files.map((file) => {
    const path = join(FOLDER, format, file)
    const options = path.replace(/\.txt$/, '.options.json')
    const configured = existsSync(options) ? (JSON.parse(readFileSync(options, 'utf8')) as unknown) : undefined
    return { name: basename(file, '.txt'), bytes: readFileSync(path), format: configuredFormat(format, configured) }
  })
}

/** Decodes as a source called `example` would have it, in the middle of November 2026. */
export function decodeExample(format: Format, bytes: Uint8Array): Decoded {
  return format.decode(bytes, {
    source: 'example',
    cluster: 'prod-1',
    timezone: 'Europe/Stockholm',
    now: Date.UTC(2026, 10, 20, 14),
  })
}

/** What the first event of an example is, by the example's name. */
export function exampleOf(format: string, name: string): DecodedEvent {
  const example = casesOf(format).find((each) => each.name === name)
  if (example === undefined) throw new Error(`format ${format} has no example ${name}`)
  const decoded = decodeExample(example.format, example.bytes)
  const first = decoded.kind === 'events' ? decoded.events[0] : undefined
  if (first === undefined) throw new Error(`example ${name} of ${format} gives no event`)
  return first
}
