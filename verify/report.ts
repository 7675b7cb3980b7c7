import { VerifyError } from './errors.ts'

/** What a pack is checked for, in the order in which it is told. */
const CHECKS = [
  'container',
  'members',
  'signature',
  'witnesses',
  'inclusion',
  'consistency',
  'chain',
  'completeness',
  'accounting',
  'numbers',
  'disclosure',
  'hidden',
  'time',
  'stamps',
] as const
export type Check = (typeof CHECKS)[number]

/** One check and what it came to. `open`: there is nothing in the pack to tell it by, and that is said. */
export interface ReportLine {
  readonly check: Check
  readonly verdict: 'yes' | 'no' | 'open'
  /** The log that it is about; absent: the whole pack. */
  readonly log?: string
  /** One or two sentences for a person. */
  readonly text: string
}

export interface Report {
  /** What a reader must know first: what a pack of this kind can show at all. */
  readonly about: string
  readonly lines: readonly ReportLine[]
  /** `verified`: no line says no. */
  readonly verdict: 'verified' | 'not verified'
  /** One sentence. */
  readonly summary: string
}

/** Takes lines as checks are made; what a check throws becomes its line. */
export interface Findings {
  readonly lines: ReportLine[]
  say(check: Check, verdict: ReportLine['verdict'], text: string, log?: string): void
  /** Runs a check: `yes` with the text that it gives, `no` with what it throws. Undefined after a `no`. */
  judge<T>(check: Check, log: string | undefined, work: () => T): T | undefined
}

export function createFindings(): Findings {
  const lines: ReportLine[] = []
  const say: Findings['say'] = (check, verdict, text, log) =>
    void lines.push({ check, verdict, text, ...(log !== undefined && { log }) })
  return {
    lines,
    say,
    judge(check, log, work) {
      try {
        return work()
      } catch (error) {
        say(check, 'no', reasonOf(error), log)
        return undefined
      }
    },
  }
}

/** What is wrong, in words; an error that is not about the pack goes on. */
export function reasonOf(error: unknown): string {
  if (error instanceof VerifyError) return error.message
  throw error
}

/** Lines of one check together, in the order of CHECKS. */
export function reportOf(about: string, findings: Findings, summary: (isVerified: boolean) => string): Report {
  const lines = findings.lines.toSorted((a, b) => CHECKS.indexOf(a.check) - CHECKS.indexOf(b.check))
  const isVerified = lines.every(({ verdict }) => verdict !== 'no')
  return { about, lines, verdict: isVerified ? 'verified' : 'not verified', summary: summary(isVerified) }
}

/** What a check is called where its line is printed. */
export const CHECK_NAMES: Readonly<Record<Check, string>> = {
  container: 'Pack',
  members: 'Members',
  signature: 'Log signature',
  witnesses: 'Witnesses',
  inclusion: 'Inclusion',
  consistency: 'Consistency',
  chain: 'Chain of logs',
  completeness: 'Completeness',
  accounting: 'Accounting',
  numbers: 'Numbers',
  disclosure: 'Disclosure',
  hidden: 'Not shown',
  time: 'Time',
  stamps: 'Time stamps',
}

/** 1,204: as people write numbers. */
export function countText(count: number): string {
  return String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ',')
}

/** `1 leaf`, `1,204 leaves`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`
}

/** To the second, UTC. */
export function timeText(seconds: number): string {
  const time = new Date(seconds * 1000)
  return Number.isFinite(time.getTime()) ? `${time.toISOString().slice(0, 19)}Z` : 'no time'
}
