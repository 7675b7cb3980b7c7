import type { UseQueryResult } from '@tanstack/react-query'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { AuditEvent } from '../../domain/event.ts'
import type {
  AuditedAnswer,
  CandidateRule,
  RuleCheck,
  RuleLint,
  RuleOutcome,
  RulesAnswer,
  WaitingRules,
} from '../../domain/rule-answers.ts'
import { AuditError, type ErrorCode } from '../../domain/errors.ts'
import { passes, request, requestJson, retryDelay } from './request.ts'
import { jsonBody } from './session.ts'

const EVERY_MS = 10_000
const WAITING_EVERY_MS = 20_000
const ASKING = { retry: (_count: number, error: Error) => passes(error), retryDelay } as const

/** Rules in force, asked again every few seconds: what was known stays until more is. */
export function useRules(enabled: boolean): UseQueryResult<RulesAnswer> {
  return useQuery({
    queryKey: ['rules'],
    enabled,
    // What fails is asked again with the next round, and the page says so in the meantime.
    retry: false,
    refetchInterval: EVERY_MS,
    queryFn: ({ signal }) => requestJson<RulesAnswer>('/v1/rules', {}, { signal }),
  })
}

/** Changes that wait for a decision. */
export function useWaiting(enabled: boolean): UseQueryResult<readonly WaitingRules[]> {
  return useQuery({
    queryKey: ['rules-waiting'],
    enabled,
    retry: false,
    refetchInterval: WAITING_EVERY_MS,
    queryFn: async ({ signal }) => {
      const { waiting } = await requestJson<{ readonly waiting: readonly WaitingRules[] }>(
        '/v1/rules/waiting',
        {},
        { signal },
      )
      return waiting
    },
  })
}

/** What AccessAudits ask for. */
export function useAudited(enabled: boolean): UseQueryResult<AuditedAnswer> {
  return useQuery({
    queryKey: ['rules', 'audited'],
    enabled,
    ...ASKING,
    queryFn: ({ signal }) => requestJson<AuditedAnswer>('/v1/rules:audited', {}, { signal }),
  })
}

/** A rule in force as a file would have it. Undefined name: none is asked for. */
export function useRuleDocument(name: string | undefined): UseQueryResult<string> {
  return useQuery({
    queryKey: ['rules', 'document', name],
    enabled: name !== undefined,
    ...ASKING,
    queryFn: async ({ signal }) => {
      const { text } = await requestJson<{ readonly text: string }>('/v1/rules:document', { name }, { signal })
      return text
    },
  })
}

/** The name by which the server speaks of what is typed. */
const CANDIDATE = 'candidate.yaml'

function documentsOf(text: string): { readonly documents: readonly { name: string; text: string }[] } {
  return { documents: [{ name: CANDIDATE, text }] }
}

/** What a candidate says and would change; what was known of the text before stays until it is told. */
export function useRuleLint(text: string): UseQueryResult<RuleLint> {
  return useQuery({
    queryKey: ['rules', 'lint', text],
    enabled: text.trim() !== '',
    ...ASKING,
    placeholderData: keepPreviousData,
    gcTime: 60_000,
    queryFn: ({ signal }) =>
      requestJson<RuleLint>('/v1/rules:lint', {}, { ...jsonBody('POST', documentsOf(text)), signal }),
  })
}

export type RuleCheckAnswer = Omit<RuleCheck, 'examples'> & {
  readonly examples: readonly AuditEvent[]
  readonly droppedBefore: readonly { readonly rule: string; readonly records: number; readonly bytes: number }[]
  readonly cannotKnow: readonly string[]
}

/**
 * What a candidate would have made of the stored events of the last day. `onProgress` is told how many were read. Throws
 * what the server refused; an abort rejects with its reason.
 */
export async function checkCandidate(
  text: string,
  signal: AbortSignal,
  onProgress: (read: number) => void,
): Promise<RuleCheckAnswer> {
  const init = jsonBody('POST', documentsOf(text))
  const headers = new Headers(init.headers)
  headers.set('accept', 'application/x-ndjson')
  const { body } = await request('/v1/rules:check', {}, { ...init, headers, signal })
  if (body === null) throw new AuditError('io_failed', 'the server answered nothing')
  let left = ''
  for await (const chunk of chunksOf(body.pipeThrough(new TextDecoderStream()))) {
    const lines = (left + chunk).split('\n')
    left = lines.pop() ?? ''
    for (const line of lines) {
      // The API's own contract: progress, then the answer or what went wrong.
      const said = JSON.parse(line) as { reading: number } | { problem: Problem } | RuleCheckAnswer
      if ('reading' in said) onProgress(said.reading)
      else if ('problem' in said) throw refusal(said.problem)
      else return said
    }
  }
  throw new AuditError('io_failed', 'the answer ended early')
}

interface Problem {
  readonly code: ErrorCode
  readonly detail: string
  readonly hint?: string
}

function refusal({ code, detail, hint }: Problem): AuditError {
  return new AuditError(code, detail, hint === undefined ? {} : { hint })
}

/** Not every browser iterates a stream itself. */
async function* chunksOf(stream: ReadableStream<string>): AsyncGenerator<string> {
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    yield value
  }
}

/** Asks for one rule to be in force. Throws what the API refuses. */
export async function proposeRule(rule: CandidateRule): Promise<RuleOutcome> {
  if (rule.kind === 'policy') throw new AuditError('unsupported', `policy/${rule.name} is changed in its file`)
  const path = pathOf(rule.kind, rule.name)
  return outcomeOf(await requestJson<Put>(path, {}, jsonBody('PUT', rule.value)))
}

/** Takes a rule of the API away. @param name in full, as accounts say it. */
export async function removeRule(name: string): Promise<RuleOutcome> {
  const [, kind, bare = ''] = /^(rule|access-audit)\/(.+)$/s.exec(name) ?? []
  const path = pathOf(kind === 'access-audit' ? kind : 'rule', bare)
  return outcomeOf(await requestJson<Put>(path, {}, { method: 'DELETE' }))
}

function pathOf(kind: 'rule' | 'access-audit', name: string): string {
  return `${kind === 'rule' ? '/v1/rules' : '/accessaudits'}/${encodeURIComponent(name)}`
}

/** AccessAudits are answered as Kuma answers: nothing, or in words that it waits. */
type Put = RuleOutcome | { readonly waiting?: string; readonly warnings?: readonly string[] }

function outcomeOf(answer: Put): RuleOutcome {
  if ('kind' in answer) return answer
  const { waiting, warnings = [] } = answer
  if (waiting !== undefined) return { kind: 'waiting', id: waiting, reasons: warnings, changes: [] }
  return { kind: 'applied', revision: 0, hash: '', changes: [] }
}

export async function confirmWaiting(id: string): Promise<RuleOutcome> {
  return requestJson<RuleOutcome>(`/v1/rules/waiting/${encodeURIComponent(id)}:confirm`, {}, { method: 'POST' })
}

export async function refuseWaiting(id: string, reason: string): Promise<void> {
  await request(`/v1/rules/waiting/${encodeURIComponent(id)}:refuse`, {}, jsonBody('POST', { reason }))
}
