import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { z } from 'zod'

import { AuditError } from '../domain/errors.ts'
import type { AuditedAnswer, RuleCheck, RuleLint, RuleOutcome } from '../domain/rule-answers.ts'
import { tryRules } from '../ingest/rule-try.ts'
import type { Visibility } from '../query/visibility.ts'
import { auditedGrid } from '../rules/access-audit-grid.ts'
import { compileRules } from '../rules/compile.ts'
import { parseExpressionRules } from '../rules/expressions.ts'
import { type Candidate, candidateRules } from '../rules/rule-candidate.ts'
import { lintRules } from '../rules/rule-lint.ts'
import type { RuleSet } from '../rules/rule-set.ts'
import { documentOf } from '../rules/rule-text.ts'
import type { ApiDeps } from './deps.ts'
import { closedSignal } from './closed.ts'
import { parseBody, parseParams, wholeNumber } from './input.ts'
import { rulesAnswer, versionAnswer, waitingAnswer } from './rule-answers.ts'
import { whoCalls } from './trail.ts'
import { tryRecords } from './try-records.ts'

type Params<Name extends string> = { Params: Readonly<Record<Name, string>> }

/** Rules in force, what waits for a decision, and how they change. */
export function addRuleRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const reading = { config: { needs: ['LEDGER_READ'] } } as const
  const editing = { config: { needs: ['RULE_EDIT'] } } as const
  const { desk } = deps.rules

  app.get('/v1/rules', reading, (request) => {
    parseParams(noParams, request.query)
    return rulesAnswer(deps, seesAll(request.visibility))
  })

  app.get('/v1/rules/versions', reading, (request) => {
    const { limit = 50 } = parseParams(listParams, request.query)
    return { versions: desk.versions(limit).map(versionAnswer) }
  })

  app.get('/v1/rules/waiting', reading, () => ({ waiting: desk.status().waiting.map(waitingAnswer) }))

  app.get('/v1/rules::audited', reading, (request) => {
    parseParams(noParams, request.query)
    return auditedGrid(desk.status().set) satisfies AuditedAnswer
  })

  app.get('/v1/rules::document', editing, (request) => {
    const { name } = parseParams(documentParams, request.query)
    const text = documentOf(name, desk.status().set)
    if (text === undefined)
      throw new AuditError('not_found', `there is no document of ${name}`, { hint: 'GET /v1/rules' })
    return { name, text }
  })

  app.post('/v1/rules::lint', { ...editing, bodyLimit: RULES_BYTES }, (request) => {
    const { documents } = parseBody(lintBody, request)
    return asInput(() => lintRules(documents, desk.status().layers)) satisfies RuleLint
  })

  app.put<Params<'name'>>('/v1/rules/:name', editing, async (request, reply) => {
    const { name } = request.params
    const rule = parseBody(anyObject, request)
    if (rule['name'] !== undefined && rule['name'] !== name)
      throw new AuditError('bad_request', 'the name in the body is not the one in the address', {
        hint: 'leave it out',
      })
    const by = whoCalls(request)
    const [value] = asInput(() => parseExpressionRules([{ ...rule, name }]))
    if (value === undefined) throw new AuditError('internal', 'one rule went in')
    return answered(reply, await desk.put({ kind: 'rule', value, by: by.id, at: deps.clock.now() }, by))
  })

  app.delete<Params<'name'>>('/v1/rules/:name', editing, async (request, reply) =>
    answered(reply, await desk.remove('rule', request.params.name, whoCalls(request))),
  )

  app.post<Params<'id'>>(`${WAITING}::confirm`, editing, async (request, reply) =>
    answered(reply, await desk.confirm(request.params.id, whoCalls(request))),
  )

  app.post<Params<'id'>>(`${WAITING}::refuse`, editing, async (request) => {
    const { reason } = parseBody(refusal, request)
    return waitingAnswer(await desk.refuse(request.params.id, whoCalls(request), reason))
  })

  app.post(
    '/v1/rules::check',
    { config: { needs: ['RULE_EDIT', 'EVENT_READ'] }, bodyLimit: RULES_BYTES },
    (request, reply) => {
      if (!seesAll(request.visibility))
        throw new AuditError('forbidden', 'rules are tried on stored events only by those from whom nothing is hidden')
      const { most, ...given } = parseBody(checkBody, request)
      const candidate = candidateOf(deps, given)
      const lines = request.headers.accept?.includes('application/x-ndjson') === true
      const check = (onProgress?: (read: number) => void) =>
        deps.rules.check({
          candidate,
          signal: closedSignal(reply),
          ...(most && { most }),
          ...(onProgress && { onProgress }),
        })
      if (!lines) return check().then((done) => checkAnswer(deps, request.visibility, candidate, done))
      return reply
        .type('application/x-ndjson')
        .send(Readable.from(progress(check, (done) => checkAnswer(deps, request.visibility, candidate, done))))
    },
  )

  app.post('/v1/rules::try', { ...editing, bodyLimit: RULES_BYTES }, (request) => {
    const { records, format = 'ecs', source = 'api', stream = 'default', ...given } = parseBody(tryBody, request)
    const set = candidateOf(deps, given)
    const rules = { set, compiled: compileRules(set) }
    const scope = deps.rules.scopeOf(source, stream)
    const tried = tryRecords(Buffer.from(records), { format }, deps.clock.now())
    return {
      records: tried.map(({ events, ...record }) => ({
        ...record,
        events: events.map(({ sentence, event }) => ({ sentence, ...tryRules(event, scope, rules) })),
      })),
    }
  })
}

/** Letters only up to the colon: what follows it is what is done. */
const WAITING = String.raw`/v1/rules/waiting/:id(^[\w-]+)`
const RULES_BYTES = 4 * 1024 * 1024

const noParams = z.strictObject({})
const listParams = z.strictObject({ limit: wholeNumber(1, 1000).optional() })
const documentParams = z.strictObject({ name: z.string().min(1).max(1024) })
const anyObject = z.record(z.string(), z.unknown())
const refusal = z.strictObject({ reason: z.string().trim().min(1).max(1000) })

const documents = z.array(z.strictObject({ name: z.string().min(1).max(1024), text: z.string() })).max(1000)
const lintBody = z.strictObject({ documents })
const candidate = {
  documents: documents.optional(),
  rules: z.array(z.unknown()).max(2000).optional(),
  excludedCategories: z.array(z.string().max(100)).max(100).optional(),
  masksOff: z.array(z.string().max(100)).max(100).optional(),
  skipDefaultTypes: z.array(z.string().max(100)).max(1000).optional(),
  whole: z.boolean().optional(),
}
const MOST_EVENTS = 100_000
const checkBody = z.strictObject({ ...candidate, most: z.int().min(1).max(MOST_EVENTS).optional() })
const tryBody = z.strictObject({
  ...candidate,
  records: z.string(),
  format: z.string().max(100).optional(),
  source: z.string().max(100).optional(),
  stream: z.string().max(100).optional(),
})

/** Waiting is no failure, and not done either. */
function answered(reply: FastifyReply, outcome: RuleOutcome): FastifyReply {
  return reply.code(outcome.kind === 'waiting' ? 202 : 200).send(outcome)
}

/** Masks show what they leave; who edits rules could lift them, which is an event. Hidden is hidden. */
function seesAll({ rowFilter, fields }: Visibility): boolean {
  return rowFilter === undefined && ![...fields.values()].includes('hide')
}

function candidateOf({ rules }: ApiDeps, given: { [Key in keyof Candidate]?: Candidate[Key] | undefined }): RuleSet {
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return asInput(() => candidateRules(said, rules.desk.status().layers))
}

/** What is wrong in rules that were sent is the caller's fault, not the configuration's. */
function asInput<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof AuditError) || error.code !== 'invalid_config') throw error
    throw new AuditError('bad_request', error.message, { ...error.details, cause: error })
  }
}

/** What a dry run cannot know, said with it. */
async function checkAnswer(deps: ApiDeps, visibility: Visibility, set: RuleSet, check: RuleCheck) {
  const examples = await Promise.all(check.examples.map((id) => deps.reads.get(id, visibility)))
  const { rules } = rulesAnswer(deps, true)
  return {
    ...check,
    examples: examples.filter((event) => event !== undefined),
    droppedBefore: rules.flatMap(({ name, today }) =>
      today === undefined || today.dropped === 0
        ? []
        : [{ rule: name, records: today.dropped, bytes: today.droppedBytes }],
    ),
    cannotKnow: [
      'events that the rules of now drop were not stored: of them only counts by rule exist (droppedBefore, of today)',
      ...(check.isPart ? [`only the newest ${check.read} events were read, there are more`] : []),
      ...(set.defaultMasksOff.length > 0 || check.candidate.changed > 0
        ? ['events were masked when they were stored: what a mask took out cannot be looked at again']
        : []),
    ],
  }
}

/** Lines of `{"reading":n}` while it goes on, and at the end the answer, or `{"problem":{…}}`: 200 was said before. */
async function* progress(
  check: (onProgress: (read: number) => void) => Promise<RuleCheck>,
  answer: (done: RuleCheck) => Promise<unknown>,
): AsyncGenerator<string> {
  let read = 0
  let wake = Promise.withResolvers<undefined>()
  const running = check((now) => {
    read = now
    wake.resolve(undefined)
  }).catch(asProblem)
  for (;;) {
    const done = await Promise.race([running, wake.promise])
    if (done !== undefined) {
      yield `${JSON.stringify('problem' in done ? done : await answer(done))}\n`
      return
    }
    wake = Promise.withResolvers()
    yield `${JSON.stringify({ reading: read })}\n`
  }
}

function asProblem(error: unknown) {
  if (!(error instanceof AuditError)) throw error
  const { code, message, hint } = error
  return { problem: { code, detail: message, ...(hint !== undefined && { hint }) } }
}
