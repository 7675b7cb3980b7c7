import { Link } from '@tanstack/react-router'
import { useMutation } from '@tanstack/react-query'
import { ArrowLeft } from 'lucide-react'
import type { KeyboardEvent, ReactNode } from 'react'
import { useState } from 'react'
import { AuditError } from '../../domain/errors.ts'
import { mayEditSources, useMe } from '../data/session.ts'
import { trySample, useFormats } from '../data/sources.ts'
import { ProblemWords } from './states.tsx'
import { TriedRecords } from './tried-records.tsx'

export interface TryPanelProps {
  /** Of the address; one that is not known is as if none were chosen. */
  readonly format: string
  readonly onFormat: (format: string) => void
}

/** What would become of pasted records: by the code that decides for a source, and nothing is stored. */
export function TryPanel({ format: asked, onFormat }: TryPanelProps): ReactNode {
  const me = useMe()
  const formats = useFormats().data ?? [{ name: 'ecs', words: 'ECS, our own shape' }]
  const format = formats.find(({ name }) => name === asked)?.name ?? 'ecs'
  const [records, setRecords] = useState('')
  const [options, setOptions] = useState('')
  const [timezone, setTimezone] = useState('')
  const [cluster, setCluster] = useState('')
  const trying = useMutation({
    mutationFn: async () =>
      trySample({
        records,
        format,
        ...(options.trim() !== '' && { options: await optionsOf(options) }),
        ...(timezone.trim() !== '' && { timezone: timezone.trim() }),
        ...(cluster.trim() !== '' && { cluster: cluster.trim() }),
      }),
  })
  const run = (): void => {
    if (records.trim() !== '' && !trying.isPending) trying.mutate()
  }
  const runByKey = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) run()
  }
  return (
    <div className="sources">
      <header className="sources-head">
        <Link className="button is-ghost is-icon" to="/sources" aria-label="All sources" title="All sources">
          <ArrowLeft className="i" />
        </Link>
        <h2>Try a format</h2>
      </header>
      {mayEditSources(me.data) ? (
        <div className="trying">
          <form
            className="panel try-form"
            onSubmit={(event) => {
              event.preventDefault()
              run()
            }}
          >
            <label className="is-wide">
              <span>
                Records <small>one JSON object, an array, or lines; at most 1 MiB. Nothing of it is stored.</small>
              </span>
              <textarea
                className="text-field"
                rows={10}
                spellCheck={false}
                value={records}
                onChange={(event) => setRecords(event.target.value)}
                onKeyDown={runByKey}
              />
            </label>
            <label className="is-wide">
              <span>Format</span>
              <select className="text-field" value={format} onChange={(event) => onFormat(event.target.value)}>
                {formats.map(({ name, words }) => (
                  <option key={name} value={name}>
                    {name} – {words}
                  </option>
                ))}
              </select>
            </label>
            <label className="is-wide">
              <span>
                Options <small>as under options: of a source, YAML or JSON; empty for none</small>
              </span>
              <textarea
                className="text-field"
                rows={3}
                spellCheck={false}
                value={options}
                onChange={(event) => setOptions(event.target.value)}
                onKeyDown={runByKey}
              />
            </label>
            <label>
              <span>
                Time zone <small>for times without one</small>
              </span>
              <input
                className="text-field"
                placeholder="Europe/Stockholm"
                value={timezone}
                onChange={(event) => setTimezone(event.target.value)}
              />
            </label>
            <label>
              <span>Cluster</span>
              <input
                className="text-field"
                placeholder="prod-1"
                value={cluster}
                onChange={(event) => setCluster(event.target.value)}
              />
            </label>
            <button
              type="submit"
              className="button is-md is-primary"
              disabled={records.trim() === '' || trying.isPending}
            >
              Try <kbd className="key">Ctrl Enter</kbd>
            </button>
          </form>
          <section className="try-answer" aria-label="What would become of them" aria-busy={trying.isPending}>
            {trying.error !== null && (
              <p className="problem" role="alert">
                <span>
                  <ProblemWords error={trying.error} />
                </span>
              </p>
            )}
            {trying.data !== undefined && trying.error === null && <TriedRecords records={trying.data} />}
            {trying.data === undefined && trying.error === null && (
              <p className="quiet-note">
                What each record would become stands here: its events as sentences, with all their fields, or why it
                would be rejected.
              </p>
            )}
          </section>
        </div>
      ) : (
        <p className="quiet-note">
          Only who administers this server may try formats here. On the command line: <code>whodid sources try</code>.
        </p>
      )}
    </div>
  )
}

/** YAML, of which JSON is a part. The parser is loaded with the first use. */
async function optionsOf(text: string): Promise<unknown> {
  const { parse } = await import('yaml')
  try {
    const value: unknown = parse(text)
    return value
  } catch (cause) {
    const [said = ''] = cause instanceof Error ? cause.message.split('\n') : []
    throw new AuditError('bad_request', `the options are no YAML: ${said.replace(/[.:]$/, '')}`, { cause })
  }
}
