import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useState } from 'react'
import type { RuleLint, RuleOutcome } from '../../domain/rule-answers.ts'
import { proposeRule } from '../data/rules.ts'
import { counted } from '../sources/source-words.ts'
import { ProblemWords } from '../sources/states.tsx'
import { Value } from '../parts/value.tsx'
import { AskDialog } from './ask-dialog.tsx'
import { ChangeList } from './change-list.tsx'
import { outcomeWords } from './rule-words.ts'

export interface ProposePanelProps {
  readonly lint: RuleLint
  /** All of it is in force: the draft is no longer one. */
  readonly onApplied: () => void
}

interface Answered {
  readonly name: string
  readonly outcome: RuleOutcome
}

/** Shows the diff, then asks for each rule to be in force, one after another: it is applied, or it waits. */
export function ProposePanel({ lint, onApplied }: ProposePanelProps): ReactNode {
  const client = useQueryClient()
  const [asked, setAsked] = useState(false)
  const [answers, setAnswers] = useState<readonly Answered[]>([])
  const policies = lint.rules.filter(({ kind }) => kind === 'policy')
  const proposing = useMutation({
    mutationFn: async () => {
      const done: Answered[] = []
      // One after another: each is judged against what the one before it has left.
      for (const rule of lint.rules) {
        done.push({ name: `${rule.kind}/${rule.name}`, outcome: await proposeRule(rule) })
        setAnswers([...done])
      }
      return done
    },
    onSettled: async () => {
      await client.invalidateQueries({ queryKey: ['rules'] })
      await client.invalidateQueries({ queryKey: ['rules-waiting'] })
    },
  })
  const isDone = proposing.isSuccess && answers.every(({ outcome }) => outcome.kind !== 'waiting')
  return (
    <>
      <button
        type="button"
        className="button is-md is-primary"
        disabled={policies.length > 0 || lint.changes.length === 0 || proposing.isPending || proposing.isSuccess}
        onClick={() => setAsked(true)}
      >
        Propose…
      </button>
      {policies.length > 0 && (
        <p className="editor-note">
          A policy is put into force by its file: write it into the folder of resources, and the server sees it within a
          second. Here it can be checked and tried.
        </p>
      )}
      <div role="status" className="editor-note">
        {answers.map(({ name, outcome }) => (
          <p key={name}>
            <Value text={outcomeWords(name, outcome)} limit={600} />{' '}
            {outcome.kind === 'waiting' && (
              <Link className="link" to="/policies/waiting">
                Decide
              </Link>
            )}
          </p>
        ))}
        {isDone && (
          <button type="button" className="link" onClick={onApplied}>
            Done
          </button>
        )}
      </div>
      {proposing.error !== null && (
        <p className="editor-note is-failed" role="alert">
          <ProblemWords error={proposing.error} />
        </p>
      )}
      {asked && (
        <AskDialog
          title={`Propose ${counted(lint.changes.length, 'change')} of rules`}
          act="Propose"
          onClose={() => setAsked(false)}
          onAct={() => {
            setAsked(false)
            proposing.mutate()
          }}
        >
          <ChangeList changes={lint.changes} />
          <p>
            It is tried on the last day first. It applies at once, or waits for a decision when it would drop much.
            Either way it is an event of our own trail, with this diff and your name.
          </p>
        </AskDialog>
      )}
    </>
  )
}
