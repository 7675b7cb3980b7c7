import type { LogInfo } from '../../domain/answers.ts'
import type { Line } from '../proof/verdict-lines.ts'
import { clockText, countText } from '../text/time.ts'
import type { Zone } from '../text/time.ts'
import type { QuickReport, Tally } from './quick-check.ts'

/** The root log first, then what still grows, then by name, newest period first. */
export function ordered(logs: readonly LogInfo[]): readonly LogInfo[] {
  const rank = ({ stream, state }: LogInfo): number => (stream === 'root' ? 0 : 2) + (state === 'open' ? 0 : 1)
  return logs.toSorted(
    (a, b) => rank(a) - rank(b) || b.period.localeCompare(a.period) || a.origin.localeCompare(b.origin),
  )
}

/** What a quick check came to, a line for each kind of check. */
export function quickLines(report: QuickReport, zone: Zone): readonly Line[] {
  const { signed, consistent, notCompared, included, unchanged, rooted, notRooted } = report
  const first = notCompared === 0 ? '' : `; ${counted(notCompared, 'log')} had nothing to compare with`
  const later = notRooted === 0 ? '' : `; ${countText(notRooted)} will be there within 10 s`
  return [
    lineOf(
      'Signed',
      signed,
      (count) => `${counted(count, 'checkpoint')}, each with the key of its log`,
      'there is none',
    ),
    witnessed(report, zone),
    lineOf(
      'Consistent',
      consistent,
      (count) => `${counted(count, 'log')} continue what this browser saw before${first}`,
      'first look at these logs; kept to compare next time',
    ),
    lineOf(
      'Included',
      included,
      (count) => `${counted(count, 'random leaf', 'random leaves')}, up to the signed root`,
      'no leaf',
    ),
    lineOf(
      'Unchanged',
      unchanged,
      (count) => `${counted(count, 'event')} of these, down to their text`,
      'none is an event',
    ),
    lineOf('Root log', rooted, (count) => `${counted(count, 'event')} up to the root log${later}`, 'none is there yet'),
  ]
}

function lineOf(name: string, { checked, faults }: Tally, words: (count: number) => string, none: string): Line {
  const [fault] = faults
  if (fault !== undefined) {
    return { name, state: 'no', words: `${countText(faults.length)} of ${countText(checked)} not: ${fault}` }
  }
  return checked === 0 ? { name, state: 'unset', words: none } : { name, state: 'yes', words: words(checked) }
}

function witnessed({ cosigned, witnessFault }: QuickReport, zone: Zone): Line {
  const name = 'Witnessed'
  if (witnessFault !== undefined) return { name, state: 'no', words: witnessFault }
  if (cosigned === undefined) return { name, state: 'unset', words: 'no checkpoint that witnesses have signed' }
  const who = cosigned.by.map(({ name: each, time }) => `${each} ${clockText(time * 1000, zone)}`).join(', ')
  return { name, state: 'yes', words: `root log signed by ${cosigned.by.length} of ${cosigned.of}: ${who}` }
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`
}
