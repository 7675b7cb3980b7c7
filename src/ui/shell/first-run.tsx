import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'
import { AuditError } from '../../domain/errors.ts'
import { jsonBody, meOptions } from '../data/session.ts'
import { requestJson } from '../data/request.ts'
import { CopyButton } from '../parts/copy.tsx'
import { useQuery } from '@tanstack/react-query'

export interface FirstRunProps {
  readonly waiting: boolean
  /** Matching events that came while this was shown. */
  readonly newer: number
  readonly onEvent: () => void
}

const EXAMPLE = `{"@timestamp":"NOW","event":{"action":"delete","category":["configuration"],"type":["deletion"],"outcome":"success"},"user":{"name":"alice"},"audit":{"resource":[{"type":"secret","namespace":"prod","name":"db-password"}]}}`

/** Nothing was ever recorded: the shortest way to the first event. */
export function FirstRun({ waiting, newer, onEvent }: FirstRunProps): ReactNode {
  const [token, setToken] = useState<string>()
  const [problem, setProblem] = useState<string>()
  const again = useQuery({ ...meOptions, refetchInterval: 2000 })
  const arrived = newer > 0 || again.data?.hasEvents === true
  useEffect(() => {
    if (arrived) onEvent()
  }, [arrived, onEvent])
  const make = async (): Promise<void> => {
    try {
      const made = await requestJson<{ readonly token: string }>(
        '/v1/tokens',
        {},
        jsonBody('POST', { name: 'first-event', scope: 'ingest' }),
      )
      setToken(made.token)
    } catch (error) {
      setProblem(error instanceof AuditError ? error.message : 'the token could not be made')
    }
  }
  return (
    <div className="first">
      <ol className="panel">
        <li>
          <span className="step-number">1</span>
          <div>
            <h2>Nothing is recorded yet. Make a token that may write.</h2>
            <p>It can only send events, never read them. It is shown once.</p>
            {token === undefined ? (
              <p>
                <button type="button" className="button is-primary" onClick={() => void make()}>
                  Make a token
                </button>
              </p>
            ) : (
              <div className="command is-bare">
                <code>{token}</code>
                <CopyButton text={token} what="the token" />
              </div>
            )}
            {problem !== undefined && (
              <p className="is-denied" role="alert">
                {problem}. On this machine <code>whodid token create --scope ingest</code> makes one too.
              </p>
            )}
          </div>
        </li>
        <li>
          <span className="step-number">2</span>
          <div>
            <h2>Send one event</h2>
            <div className="code">
              <pre>{curl(token ?? 'wd_…')}</pre>
              <CopyButton text={curl(token ?? 'wd_…')} what="the command" label="Copy" />
            </div>
            <p>
              Or name a source in <code>whodid.yaml</code>: a log file to follow, or the audit webhook of a Kubernetes
              cluster.
            </p>
          </div>
        </li>
        <li>
          <span className="step-number">3</span>
          <div>
            <h2 className="waiting">
              Waiting for the first event on {location.host}
              {waiting && <span className="spinner" aria-hidden="true" />}
            </h2>
            <p role="status">This page shows it as soon as it is recorded, and checks its proof in your browser.</p>
          </div>
        </li>
      </ol>
      <section className="panel is-side">
        <h2>Or look around first</h2>
        <p>The quickstart follows the invented audit logs of a small company, in a stream of its own.</p>
        <div className="command">
          <code>npm start</code>
          <CopyButton text="npm start" what="the command" />
        </div>
        <p>Then every row here is a sentence, and every sentence has a proof.</p>
      </section>
    </div>
  )
}

function curl(token: string): string {
  const body = EXAMPLE.replace('NOW', new Date().toISOString())
  return `curl -sS ${location.origin}/v1/events \\
  -H 'Authorization: Bearer ${token}' \\
  -H 'Content-Type: application/json' \\
  -d '${body}'`
}
