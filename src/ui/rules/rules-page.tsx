import { Link, useSearch } from '@tanstack/react-router'
import { CircleAlert, Plus } from 'lucide-react'
import type { ReactNode } from 'react'
import type { RuleAnswer, RulesAnswer } from '../../domain/rule-answers.ts'
import { useRules } from '../data/rules.ts'
import { Ago } from '../parts/ago.tsx'
import { Value } from '../parts/value.tsx'
import { SourcesProblem } from '../sources/states.tsx'
import { RuleItem } from './rule-item.tsx'
import type { FamilyWords } from './rule-words.ts'
import { FAMILIES, rulesWords } from './rule-words.ts'
import { RulesFrame } from './rules-frame.tsx'

/** What is kept, dropped, changed and masked: every rule in force, by family, with what it did. */
export function RulesPage(): ReactNode {
  return <RulesFrame title="">{(mayEdit) => <InForce mayEdit={mayEdit} />}</RulesFrame>
}

function InForce({ mayEdit }: { mayEdit: boolean }): ReactNode {
  const { rule: lit } = useSearch({ from: '/policies' })
  const { data, error, refetch, isFetching } = useRules(true)
  return (
    <>
      <header className="sources-head">
        <h2>{data === undefined ? 'Rules' : rulesWords(data.rules)}</h2>
        {mayEdit && (
          <Link className="button" to="/policies/rules/$file" params={{ file: 'new' }}>
            <Plus className="i" />
            New rule
          </Link>
        )}
      </header>
      {error !== null && <SourcesProblem error={error} retrying={isFetching} onRetry={() => void refetch()} />}
      {data !== undefined && <Standing answer={data} lit={lit} />}
      {data?.rules !== undefined && <Families rules={data.rules} lit={lit} mayEdit={mayEdit} />}
      {data === undefined && error === null && <p className="quiet-note">Asking which rules are in force…</p>}
      {data !== undefined && (
        <p className="sources-foot muted">
          In the order in which they are asked. Dropped is counted in records, the rest in events; today is UTC. Rules
          of files are changed in the file, and those of the API here or by <code>whodid rules</code>.
        </p>
      )}
    </>
  )
}

/** Since when, and what an operator should know: files that were not understood first. */
function Standing({ answer, lit }: { answer: RulesAnswer; lit: string | undefined }): ReactNode {
  const { revision, hash, since, error, notes, rules } = answer
  const isGone = lit !== undefined && !rules.some(({ name }) => name === lit)
  return (
    <>
      <p className="muted rules-since">
        Revision {revision}, <code title={hash}>{hash.slice(0, 12)}</code>, in force since <Ago at={since} />.
        Heartbeats in the ledger seal this hash.
      </p>
      {error !== undefined && (
        <div className="problem" role="alert">
          <CircleAlert className="i is-failed" />
          <div>
            <p>
              <b>
                Not applied: <Value text={error.message} limit={400} />.
              </b>{' '}
              The rules from before stay in force. <Ago at={error.at} />
            </p>
            <ul>
              {error.faults.slice(0, 20).map((fault, at) => (
                // A place may have several faults.
                <li key={`${fault.path} ${at}`}>
                  <code>
                    <Value text={fault.path} limit={200} />
                  </code>{' '}
                  <Value text={fault.message} limit={400} />
                </li>
              ))}
            </ul>
            {error.hint !== undefined && (
              <p>
                <Value text={error.hint} limit={400} />
              </p>
            )}
          </div>
        </div>
      )}
      {notes.length > 0 && (
        <ul className="rules-notes">
          {notes.map((note) => (
            <li key={note}>
              <Value text={note} limit={600} />
            </li>
          ))}
        </ul>
      )}
      {isGone && (
        <p className="rules-gone" role="status">
          <code>
            <Value text={lit} limit={200} />
          </code>{' '}
          is not listed now: it may act without being written down, or is no longer in force.
        </p>
      )}
    </>
  )
}

interface FamiliesProps {
  readonly rules: readonly RuleAnswer[]
  readonly lit: string | undefined
  readonly mayEdit: boolean
}

function Families({ rules, lit, mayEdit }: FamiliesProps): ReactNode {
  return FAMILIES.map((words) => {
    const own = rules.filter(({ family }) => family === words.family)
    if (own.length === 0 && words.none === '') return null
    return <Family key={words.family} words={words} rules={own} lit={lit} mayEdit={mayEdit} />
  })
}

function Family({ words, rules, lit, mayEdit }: FamiliesProps & { words: FamilyWords }): ReactNode {
  return (
    <section className="panel rule-family" aria-labelledby={`family-${words.family}`}>
      <header>
        <h3 id={`family-${words.family}`}>
          {words.title} {rules.length > 0 && <span className="muted num">{rules.length}</span>}
        </h3>
        <p className="muted">{words.says}</p>
      </header>
      {rules.length === 0 ? (
        <p className="quiet-note">{words.none}</p>
      ) : (
        <ul>
          {rules.map((rule) => (
            <RuleItem key={rule.name} rule={rule} isLit={rule.name === lit} mayEdit={mayEdit} />
          ))}
        </ul>
      )}
    </section>
  )
}
