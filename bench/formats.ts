import { FORMAT_NAMES } from '../src/formats/formats.ts'
import { casesOf, decodeExample } from '../test/format-fixtures.ts'
import type { Benchmark, Figure } from './report.ts'

const WARM_MS = 300
const MEASURED_MS = 1000
const ROUND = 50

/**
 * Records a second that one core decodes, by format: its own examples in turn, as often as each other, after the compiler
 * has seen them. Processor time and not time: what else the machine does counts less.
 */
export function measureFormats(): Benchmark {
  const figures = FORMAT_NAMES.flatMap((name): readonly Figure[] => {
    const cases = casesOf(name)
    if (cases.length === 0) return []
    decodeFor(WARM_MS, cases)
    const { records, cpuMs } = decodeFor(MEASURED_MS, cases)
    const bytes = cases.reduce((sum, each) => sum + each.bytes.length, 0) / cases.length
    const what = `${name} (${cases.length} examples, ${Math.round(bytes)} B on average)`
    return [{ what, value: (records / cpuMs) * 1000, unit: '/s', atLeast: 100_000 }]
  })
  return { title: 'records decoded by one core', figures }
}

function decodeFor(ms: number, cases: ReturnType<typeof casesOf>): { records: number; cpuMs: number } {
  const began = process.cpuUsage()
  let records = 0
  for (;;) {
    for (let round = 0; round < ROUND; round++) {
      for (const { format, bytes } of cases) decodeExample(format, bytes)
    }
    records += ROUND * cases.length
    const { user, system } = process.cpuUsage(began)
    const cpuMs = (user + system) / 1000
    if (cpuMs >= ms) return { records, cpuMs }
  }
}
