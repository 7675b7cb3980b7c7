import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

import { Command } from 'commander'

import { AuditError, type ErrorCode } from '../domain/errors.ts'
import type { AuditEvent } from '../domain/event.ts'
import type { RuleCheck } from '../domain/rule-answers.ts'
import { plainSentence } from '../domain/sentence.ts'
import { escapeTerminal } from '../lib/text.ts'
import type { Candidate } from '../rules/rule-candidate.ts'
import type { RuleSet } from '../rules/rule-set.ts'
import { loadConfig } from '../server/config.ts'
import { call, findServer } from './client.ts'
import type { Io } from './io.ts'
import { addServerOptions, type OutputFormat, outputOption, positiveInteger, type ServerOptions } from './options.ts'
import { jsonText, print, tableText } from './output.ts'

interface CheckOptions extends ServerOptions {
  readonly config?: string
  readonly most?: number
  readonly output: OutputFormat
}

/** As `POST /v1/rules:check` answers. */
type CheckAnswer = Omit<RuleCheck, 'examples'> & {
  readonly examples: readonly AuditEvent[]
  readonly droppedBefore: readonly { readonly rule: string; readonly records: number; readonly bytes: number }[]
  readonly cannotKnow: readonly string[]
}

/** `whodid rules check` */
export function checkCommand(io: Io): Command {
  const command = new Command('check')
    .description('say what other rules would have made of the stored events of the last day; nothing is changed')
    .argument('[file...]', 'files of rules: they come to those in force, or in place of those of their names')
    .option('--config <file>', 'a configuration with its resources: all rules of files that there are')
    .option('--most <n>', 'read that many events, the newest (at most 100000)', positiveInteger)
    .addOption(outputOption(['table', 'json']))
  return addServerOptions(command).action(async (files: readonly string[], options: CheckOptions) => {
    const server = findServer(options, io)
    const body = { ...candidateOf(files, options.config), ...(options.most !== undefined && { most: options.most }) }
    const headers = { accept: 'application/x-ndjson' }
    const response = await call(server, { method: 'POST', path: '/v1/rules:check', body, headers, signal: io.signal })
    const answer = await lastLine(createInterface({ input: response }), io)
    await print(io, options.output === 'json' ? `${jsonText(answer, 2)}\n` : checkText(answer, io))
  })
}

function candidateOf(files: readonly string[], config: string | undefined): Candidate {
  if (config !== undefined && files.length > 0)
    throw new AuditError('bad_request', 'either files of rules or --config', { hint: 'see whodid rules check --help' })
  if (files.length > 0) return { documents: files.map((name) => ({ name, text: textOf(name) })) }
  const { rules } = loadConfig(config === undefined ? {} : { file: config })
  if (rules === undefined) throw new AuditError('internal', 'a configuration without rules')
  return wholeOf(rules.rules.set)
}

/** A set that was read here, to be read there once more: what is sent is what its files say. */
function wholeOf(set: RuleSet): Candidate {
  const policies = Object.entries(set.kubernetesPolicies).map(([name, text]) => ({ name: `${name}.yaml`, text }))
  const audits = set.accessAudits.map((each) => {
    return { name: `${each.name}.json`, text: JSON.stringify({ type: 'AccessAudit', ...each }) }
  })
  return {
    documents: [...policies, ...audits],
    rules: set.expressions,
    excludedCategories: set.excludedCategories,
    masksOff: set.defaultMasksOff,
    ...(set.skipDefaultTypes !== undefined && { skipDefaultTypes: set.skipDefaultTypes }),
    whole: true,
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new AuditError('not_found', `cannot read ${file}`, { cause })
  }
}

/** The answer comes last; what comes before it says how far it is. */
async function lastLine(lines: AsyncIterable<string>, io: Io): Promise<CheckAnswer> {
  let told = Date.now()
  for await (const line of lines) {
    // A server of the same version wrote it.
    const said = JSON.parse(line) as { readonly reading: number } | { readonly problem: Problem } | CheckAnswer
    if ('problem' in said) throw new AuditError(said.problem.code, said.problem.detail, hinted(said.problem))
    if (!('reading' in said)) return said
    if (Date.now() - told < 1000) continue
    told = Date.now()
    io.err(`read ${said.reading} events so far\n`)
  }
  throw new AuditError('io_failed', 'the answer broke off', { hint: 'the log of the server says why' })
}

interface Problem {
  readonly code: ErrorCode
  readonly detail: string
  readonly hint?: string
}

function hinted({ hint }: Problem): { readonly hint?: string } {
  return hint === undefined ? {} : { hint }
}

function checkText(answer: CheckAnswer, io: Io): string {
  const { read, since, now, candidate, newlyDropped, newlyKept, neverMatched, examples, droppedBefore, cannotKnow } =
    answer
  const effects = [
    ['now', String(now.kept), String(now.dropped), String(now.changed)],
    ['candidate', String(candidate.kept), String(candidate.dropped), String(candidate.changed)],
  ]
  const rules = answer.rules.map(({ name, matched, bytes, dropped, shadow }) => {
    return [name, String(matched), String(bytes), String(dropped), String(shadow)]
  })
  const lines = [
    `${newlyDropped} newly dropped, ${newlyKept} newly kept`,
    ...(answer.ownTrail > 0 ? [`${answer.ownTrail} events of our own trail match; no rule drops them`] : []),
    ...neverMatched.map((name) => `never matched: ${name}`),
    ...examples.map(
      (event) => `would be dropped: ${event['@timestamp']} ${plainSentence(event)} (${event.event.id ?? ''})`,
    ),
    ...droppedBefore.map(({ rule, records, bytes }) => `dropped today by ${rule}: ${records} records, ${bytes} bytes`),
    ...cannotKnow.map((each) => `not known: ${each}`),
  ]
  return (
    `${read} events since ${since}\n\n` +
    tableText(['RULES', 'KEPT', 'DROPPED', 'CHANGED'], effects, io) +
    (rules.length === 0 ? '' : `\n${tableText(['RULE', 'MATCHED', 'BYTES', 'DROPPED', 'SHADOW'], rules, io)}`) +
    `\n${lines.map((line) => `${escapeTerminal(line)}\n`).join('')}`
  )
}
