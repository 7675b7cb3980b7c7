import { Link, useParams } from '@tanstack/react-router'
import { ArrowLeft, FlaskConical, RotateCcw } from 'lucide-react'
import type { ReactNode } from 'react'
import { useRef, useState } from 'react'
import type { RuleLint } from '../../domain/rule-answers.ts'
import { AuditError } from '../../domain/errors.ts'
import { useRuleDocument, useRuleLint } from '../data/rules.ts'
import { Value } from '../parts/value.tsx'
import { ProblemWords, SourcesProblem } from '../sources/states.tsx'
import { ChangeList } from './change-list.tsx'
import { CheckPanel, useCheck } from './check-panel.tsx'
import { CodeField, goToLine } from './code-field.tsx'
import { ProposePanel } from './propose-panel.tsx'
import type { Remark } from './rule-words.ts'
import { remarksOf } from './rule-words.ts'
import { RulesFrame } from './rules-frame.tsx'
import { useCandidate } from './use-candidate.ts'

const FIRST = `apiVersion: whodid.dev/v1
kind: Rules
rules:
  - name: no-health-checks
    match: 'url.path:/healthz'
    drop: true
    shadow: true
`

/** A candidate: typed, checked while it is typed, tried on what is stored, and proposed. */
export function EditorPage(): ReactNode {
  const { file } = useParams({ from: '/policies/rules/$file' })
  return (
    <RulesFrame title={file === 'new' ? 'New rule' : file.slice(0, 80)}>
      {(mayEdit) =>
        mayEdit ? (
          <Loaded key={file} file={file} />
        ) : (
          <p className="quiet-note">Only who administers this server may edit and try rules.</p>
        )
      }
    </RulesFrame>
  )
}

function Loaded({ file }: { file: string }): ReactNode {
  const { data, error, refetch, isFetching } = useRuleDocument(file === 'new' ? undefined : file)
  if (file === 'new') return <Editor file={file} original={FIRST} />
  if (data !== undefined) return <Editor file={file} original={data} />
  if (error instanceof AuditError && error.code === 'not_found') {
    return (
      <div className="empty">
        <h2>There is no such rule.</h2>
        <p>
          <code>
            <Value text={file} limit={200} />
          </code>{' '}
          is not in force, or has no document of its own.
        </p>
      </div>
    )
  }
  if (error !== null) return <SourcesProblem error={error} retrying={isFetching} onRetry={() => void refetch()} />
  return <p className="quiet-note">Fetching the rule…</p>
}

function Editor({ file, original }: { file: string; original: string }): ReactNode {
  const { text, settled, isDraft, onText, onReset } = useCandidate(file, original)
  const field = useRef<HTMLTextAreaElement>(null)
  const lint = useRuleLint(settled)
  const check = useCheck()
  const isBehind = text !== settled || lint.isPlaceholderData
  const remarks = isBehind && lint.error === null ? [] : remarksFor(lint)
  const isGood = lint.error === null && lint.data !== undefined && !isBehind && text.trim() !== ''
  return (
    <>
      <header className="sources-head">
        <Link className="button is-ghost is-icon" to="/policies" aria-label="All rules" title="All rules">
          <ArrowLeft className="i" />
        </Link>
        <h2>{file === 'new' ? 'New rule' : <Value text={file} limit={160} />}</h2>
        {isDraft && (
          <button type="button" className="button" onClick={onReset}>
            <RotateCcw className="i" />
            Back to what {file === 'new' ? 'was here' : 'is in force'}
          </button>
        )}
      </header>
      <div className="editing">
        <section className="panel editor" aria-label="Candidate">
          <CodeField
            label="Documents of rules, YAML or JSON"
            text={text}
            remarks={remarks}
            describedBy="candidate-remarks"
            field={field}
            onText={onText}
          />
          <div className="editor-acts">
            <button
              type="button"
              className="button is-md"
              disabled={!isGood || check.isRunning}
              onClick={() => check.run(text)}
            >
              <FlaskConical className="i" />
              Try on last 24 h
            </button>
            {check.isRunning && (
              <button type="button" className="button is-md" onClick={check.cancel}>
                Cancel
              </button>
            )}
            {isGood && <ProposePanel key={text} lint={lint.data} onApplied={onReset} />}
          </div>
        </section>
        <div className="editor-answers">
          <section
            className="panel remarks"
            aria-label="What was found in it"
            id="candidate-remarks"
            aria-live="polite"
          >
            <Remarks
              remarks={remarks}
              lint={isBehind ? undefined : lint.data}
              isEmpty={text.trim() === ''}
              error={lint.error}
              onLine={(line) => goToLine(field.current, line)}
            />
          </section>
          <CheckPanel check={check} isOld={check.of !== undefined && check.of !== text} />
        </div>
      </div>
    </>
  )
}

function remarksFor({ data, error }: Pick<ReturnType<typeof useRuleLint>, 'data' | 'error'>): readonly Remark[] {
  if (error instanceof AuditError) {
    const faults = remarksOf(error.details.faults ?? [])
    return faults.length > 0 || error.code !== 'bad_request' ? faults : [{ severity: 'error', message: error.message }]
  }
  return data?.findings ?? []
}

interface RemarksProps {
  readonly remarks: readonly Remark[]
  readonly lint: RuleLint | undefined
  readonly isEmpty: boolean
  readonly error: Error | null
  readonly onLine: (line: number) => void
}

const MOST_SHOWN = 50

function Remarks({ remarks, lint, isEmpty, error, onLine }: RemarksProps): ReactNode {
  const [shown, setShown] = useState(false)
  if (isEmpty) return <p className="quiet-note">Type a document of rules, a policy or an AccessAudit.</p>
  if (error !== null && remarks.length === 0) {
    return (
      <p className="quiet-note">
        <ProblemWords error={error} />
      </p>
    )
  }
  const errors = remarks.filter(({ severity }) => severity === 'error').length
  return (
    <>
      <h3>{headOf(errors, remarks.length - errors, error !== null, lint)}</h3>
      <ol>
        {remarks.slice(0, MOST_SHOWN).map(({ line, severity, message }, at) => (
          // A place may have several.
          <li key={`${line} ${at}`} className={severity === 'error' ? 'is-failed' : undefined}>
            {line === undefined ? (
              <span className="tag">{severity}</span>
            ) : (
              <button type="button" className="link" onClick={() => onLine(line)}>
                line {line}
              </button>
            )}{' '}
            {line !== undefined && `${severity}: `}
            <Value text={message} limit={400} />
          </li>
        ))}
      </ol>
      {lint !== undefined && lint.changes.length > 0 && (
        <>
          <button type="button" className="link" aria-expanded={shown} onClick={() => setShown(!shown)}>
            {shown ? 'Hide' : 'Show'} what would change ({lint.changes.length})
          </button>
          {shown && <ChangeList changes={lint.changes} />}
        </>
      )}
    </>
  )
}

function headOf(errors: number, warnings: number, isRefused: boolean, lint: RuleLint | undefined): string {
  if (isRefused) return `Not understood: ${errors} ${errors === 1 ? 'error' : 'errors'}. The rules in force stay.`
  if (lint === undefined) return 'Checking…'
  const found = [
    errors > 0 ? `${errors} without effect` : undefined,
    warnings > 0 ? `${warnings} doubtful` : undefined,
  ].filter((part) => part !== undefined)
  const same = lint.changes.length === 0 ? ' It says what is in force.' : ''
  return `${found.length === 0 ? 'Understood.' : `Understood; ${found.join(', ')}.`}${same}`
}
