import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { EyeOff, Pencil, Trash2 } from 'lucide-react'
import type { ReactNode } from 'react'
import { useEffect, useRef, useState } from 'react'
import type { RuleAnswer } from '../../domain/rule-answers.ts'
import { removeRule } from '../data/rules.ts'
import { Ago } from '../parts/ago.tsx'
import { announce } from '../parts/announcer.tsx'
import { Value } from '../parts/value.tsx'
import { ProblemWords } from '../sources/states.tsx'
import { AskDialog } from './ask-dialog.tsx'
import { countsWords, neverMatched, outcomeWords, saidBy } from './rule-words.ts'

export interface RuleItemProps {
  readonly rule: RuleAnswer
  /** The address names it. */
  readonly isLit: boolean
  readonly mayEdit: boolean
}

/** One rule in force: its name, what it says, where it comes from, and what it did. */
export function RuleItem({ rule, isLit, mayEdit }: RuleItemProps): ReactNode {
  const item = useRef<HTMLLIElement>(null)
  useEffect(() => {
    if (isLit) item.current?.scrollIntoView({ block: 'center' })
  }, [isLit])
  const { name, says, shadow } = rule
  return (
    <li className="rule-item" ref={item} aria-current={isLit ? 'true' : undefined}>
      <div className="rule-name">
        <b className="mono">
          <Value text={name} limit={160} />
        </b>
        {shadow === true && (
          <span className="chip is-plain" title="It only counts what it would have done">
            <EyeOff className="i i-sm" />
            shadow
          </span>
        )}
        {neverMatched(rule) && <span className="chip is-warning">never matched</span>}
      </div>
      <p className="rule-says">
        {saidBy(says).map(([key, text], at) => (
          // A key comes once.
          <span key={`${key} ${at}`}>
            {key !== '' && <i>{key}</i>} {text !== '' && <Value text={text} limit={300} />}
          </span>
        ))}
      </p>
      <Counts rule={rule} />
      <div className="rule-origin">
        <small>
          <Origin rule={rule} />
        </small>
        {mayEdit && <Acts rule={rule} />}
      </div>
    </li>
  )
}

function Counts({ rule: { today, total } }: { rule: RuleAnswer }): ReactNode {
  if (total === undefined) return <p className="rule-counts muted">counts are not for you</p>
  const ever = countsWords(total)
  return (
    <p className="rule-counts num">
      <span>
        <small>today</small> {countsWords(today) ?? <span className="muted">nothing</span>}
      </span>
      {ever !== undefined && (
        <span>
          <small>ever</small> {ever}
        </span>
      )}
    </p>
  )
}

function Origin({ rule: { origin, by, at } }: { rule: RuleAnswer }): ReactNode {
  if (origin === '') return 'always there'
  if (origin !== 'api') return <Value text={origin} limit={200} />
  return (
    <>
      by the API
      {by !== undefined && (
        <>
          , <Value text={by} limit={80} />
        </>
      )}
      {at !== undefined && (
        <>
          , <Ago at={at} />
        </>
      )}
    </>
  )
}

/** What has a document can be looked at and tried; what the API holds can be taken away. */
function Acts({ rule: { name, family, origin } }: { rule: RuleAnswer }): ReactNode {
  const client = useQueryClient()
  const [asked, setAsked] = useState(false)
  const removing = useMutation({
    mutationFn: () => removeRule(name),
    onSuccess: async (outcome) => {
      announce(outcome.kind === 'applied' ? `${name} was removed` : outcomeWords(`The removal of ${name}`, outcome))
      await Promise.all([['rules'], ['rules-waiting']].map((queryKey) => client.invalidateQueries({ queryKey })))
    },
  })
  const hasDocument = /^(?:rule|access-audit|policy)\//.test(name) && family !== 'gone' && !name.endsWith('/default')
  return (
    <span className="rule-acts">
      {hasDocument && (
        <Link
          className="button is-xs"
          to="/policies/rules/$file"
          params={{ file: name }}
          aria-label={`${origin === 'api' ? 'Edit' : 'Look at and try'} ${name.slice(0, 160)}`}
        >
          <Pencil className="i i-sm" />
          {origin === 'api' ? 'Edit' : 'Try a change'}
        </Link>
      )}
      {origin === 'api' && (
        <button
          type="button"
          className="button is-xs"
          disabled={removing.isPending}
          aria-label={`Remove ${name.slice(0, 160)}`}
          onClick={() => setAsked(true)}
        >
          <Trash2 className="i i-sm" />
          Remove…
        </button>
      )}
      {removing.error !== null && (
        <span className="is-failed" role="alert">
          <ProblemWords error={removing.error} />
        </span>
      )}
      {asked && (
        <AskDialog
          title={`Remove ${name.slice(0, 160)}`}
          act="Remove"
          onClose={() => setAsked(false)}
          onAct={() => {
            setAsked(false)
            removing.mutate()
          }}
        >
          <p>
            What comes from now on is judged without it. What was dropped or masked until now stays so. This is an event
            of our own trail.
          </p>
        </AskDialog>
      )}
    </span>
  )
}
