import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { ArrowLeft, Check, Download, Package } from 'lucide-react'
import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'
import { AuditError } from '../../domain/errors.ts'
import type { BlockName } from '../../domain/sealed.ts'
import type { PackJob, PackWish } from '../data/ledger.ts'
import { packFilePath, startPack, useLedger, usePackJob, usePackPreview } from '../data/ledger.ts'
import { mayReadLedger, useMe } from '../data/session.ts'
import { CopyButton } from '../parts/copy.tsx'
import { SentenceText } from '../parts/sentence-text.tsx'
import { Value } from '../parts/value.tsx'
import { usePreferences } from '../shell/preferences.ts'
import { ProblemWords } from '../sources/states.tsx'
import { clockText, countText, dateText, sizeText, zoneName } from '../text/time.ts'
import { NoLedger } from './ledger-page.tsx'
import { counted } from './ledger-words.ts'

const STEPS = ['Events', 'Disclose', 'Proofs', 'Review'] as const
const BLOCKS = [
  ['actor', 'who did it: names, ids, addresses of e-mail'],
  ['place', 'from where: addresses, hosts, devices'],
  ['target', 'to what it was done'],
  ['body', 'everything else that was understood'],
  ['original', 'the record as it came; it repeats all of the above, so it comes with all of them'],
] as const satisfies readonly (readonly [BlockName, string])[]

/** Builds an evidence pack in four steps. The address holds the query and the range; the rest is of this visit. */
export function PackNewPage(): ReactNode {
  const me = useMe()
  const { q = '', from = '', to = '' } = useSearch({ from: '/ledger/pack/new' })
  const navigate = useNavigate({ from: '/ledger/pack/new' })
  const { zone } = usePreferences()
  const [step, setStep] = useState(0)
  const [kind, setKind] = useState<PackWish['kind']>('range')
  const [disclose, setDisclose] = useState<readonly BlockName[]>(['actor', 'place', 'target', 'body'])
  const [id, setId] = useState<string>()
  const [problem, setProblem] = useState<Error>()
  useEffect(() => {
    document.title = 'Build pack — Ledger — whodid'
  }, [])
  const asked = {
    query: q,
    zone: zoneName(zone),
    ...(from !== '' && { since: from }),
    ...(to !== '' && { until: to }),
  }
  const job = usePackJob(id)
  if (!mayReadLedger(me.data)) return <NoLedger />
  const build = (): void => {
    setProblem(undefined)
    startPack({ ...asked, kind, disclose }).then(
      (made) => setId(made.id),
      (error: unknown) => setProblem(error instanceof Error ? error : new AuditError('internal', String(error))),
    )
  }
  const change = (name: 'q' | 'from' | 'to', value: string): void =>
    void navigate({ search: (before) => ({ ...before, [name]: value }), replace: true })
  return (
    <div className="ledger">
      <header className="sources-head">
        <Link className="button is-ghost is-icon" to="/ledger" aria-label="Ledger" title="Ledger">
          <ArrowLeft className="i" />
        </Link>
        <h2>Build evidence pack</h2>
      </header>
      <section className="panel ledger-steps" aria-label="Steps">
        <ol>
          {STEPS.map((name, at) => (
            <li key={name}>
              <button type="button" aria-current={at === step ? 'step' : undefined} onClick={() => setStep(at)}>
                {at < step ? <Check className="i i-sm is-success" aria-label="done" /> : <span>{at + 1}</span>}
                {name}
              </button>
            </li>
          ))}
        </ol>
        {step === 0 && (
          <div className="ledger-form">
            <Field label="Query; empty is all events" value={q} onChange={(value) => change('q', value)} mono />
            <Field label="From: 7d, 2026-11-01, RFC 3339" value={from} onChange={(value) => change('from', value)} />
            <Field label="To; empty is now" value={to} onChange={(value) => change('to', value)} />
            <fieldset>
              <legend>What it shows</legend>
              <label>
                <input type="radio" name="kind" checked={kind === 'range'} onChange={() => setKind('range')} />
                By range: all leaves of a stretch, so that nothing in it can be missing
              </label>
              <label>
                <input type="radio" name="kind" checked={kind === 'selection'} onChange={() => setKind('selection')} />
                By selection: the matching events alone; it does not show that there are no others
              </label>
            </fieldset>
            <Preview asked={asked} />
          </div>
        )}
        {step === 1 && (
          <div className="ledger-form">
            <fieldset>
              <legend>What of each event is disclosed</legend>
              {BLOCKS.map(([block, words]) => (
                <label key={block}>
                  <input
                    type="checkbox"
                    checked={disclose.includes(block)}
                    onChange={({ target }) => setDisclose(chosen(disclose, block, target.checked))}
                  />
                  <b>{block}</b> {words}
                </label>
              ))}
            </fieldset>
            <p className="muted">
              Names, ids and addresses are personal data: disclose what the question needs. What you may not see is not
              in the pack either, and the pack says so. An erasure does not reach into a pack that was fetched.
            </p>
            <Preview asked={asked} />
          </div>
        )}
        {step === 2 && <Proofs kind={kind} />}
        {step === 3 && (
          <dl className="ledger-review">
            <Fact title="Events">
              <Preview asked={asked} />
              <code>{q === '' ? 'all events' : <Value text={q} limit={400} />}</code>
              <span>
                {from === '' ? 'the beginning' : <Value text={from} limit={60} />} to{' '}
                {to === '' ? 'now' : <Value text={to} limit={60} />}, by {kind}
              </span>
            </Fact>
            <Fact title="Disclosed">
              {disclose.length === 0 ? 'nothing but the leaves' : disclose.join(', ')}
              <span className="muted">
                {BLOCKS.filter(([block]) => !disclose.includes(block)).length > 0 &&
                  `not: ${BLOCKS.flatMap(([block]) => (disclose.includes(block) ? [] : [block])).join(', ')}`}
              </span>
            </Fact>
            <Fact title="May fetch it">you alone, for 7 days, while the server is not restarted</Fact>
          </dl>
        )}
        {problem !== undefined && (
          <p className="problem" role="alert">
            <ProblemWords error={problem} />
          </p>
        )}
        {id !== undefined && job.data !== undefined && <Made job={job.data} />}
        {id !== undefined && job.error !== null && (
          <p className="problem" role="alert">
            <ProblemWords error={job.error} />
          </p>
        )}
        <footer>
          <span className="muted">Building and fetching are on record.</span>
          {step < 3 ? (
            <button type="button" className="button is-primary is-md" onClick={() => setStep(step + 1)}>
              Next: {STEPS[step + 1]}
            </button>
          ) : (
            <button
              type="button"
              className="button is-primary is-md"
              disabled={id !== undefined && job.data?.state !== 'failed' && job.data?.state !== 'done'}
              onClick={build}
            >
              <Package className="i" />
              Build pack
            </button>
          )}
        </footer>
      </section>
    </div>
  )
}

/** `original` repeats the others, so it brings them along, and goes when one of them goes. */
function chosen(now: readonly BlockName[], block: BlockName, on: boolean): readonly BlockName[] {
  const all = BLOCKS.map(([name]) => name)
  if (on) return block === 'original' ? all : all.filter((name) => name === block || now.includes(name))
  return all.filter((name) => name !== block && name !== 'original' && now.includes(name))
}

type Asked = Parameters<typeof usePackPreview>[0]

function Preview({ asked }: { asked: Asked }): ReactNode {
  const { data, error } = usePackPreview(asked)
  if (error !== null) {
    return (
      <p className="is-failed" role="alert">
        <ProblemWords error={error} />
      </p>
    )
  }
  if (data === undefined) return <p className="muted">Counting…</p>
  const { summary, example } = data
  return (
    <p role="status">
      <b>{counted(summary.total, 'event')}</b>
      {example === undefined ? ' match.' : ', newest: '}
      {example !== undefined && <SentenceText event={example} />}
    </p>
  )
}

function Proofs({ kind }: { kind: PackWish['kind'] }): ReactNode {
  const { data } = useLedger(true)
  const root = data?.logs.find(({ stream, state }) => stream === 'root' && state === 'open')
  const witnesses = data?.witnesses?.length ?? 0
  return (
    <ul className="ledger-form">
      <li>A proof of inclusion for every event, up to a signed checkpoint of its log.</li>
      <li>
        {root === undefined ? 'No root log stands yet.' : 'The way from there to the root log, where it is there yet.'}
      </li>
      <li>
        {witnesses === 0
          ? 'No witness is configured, so none vouches for it.'
          : `The cosignatures of ${counted(witnesses, 'witness', 'witnesses')} on the root log, and the policy that names them.`}
      </li>
      <li>
        {kind === 'range'
          ? 'The heartbeats around the range, which account for every record that was received in it.'
          : 'No account: a selection says nothing about what is not in it.'}
      </li>
      <li>Records of erasures that concern these events.</li>
      <li>
        <code>verify.html</code>, a page that checks the pack without a network.
      </li>
    </ul>
  )
}

function Made({ job }: { job: PackJob }): ReactNode {
  const { zone } = usePreferences()
  if (job.state === 'running') {
    return (
      <div className="ledger-progress" role="status">
        <progress aria-label="How far the pack is" {...(job.total > 0 && { value: job.done, max: job.total })} />
        {countText(job.done)} of {counted(job.total, 'event')}
      </div>
    )
  }
  if (job.state === 'failed') {
    return (
      <p className="problem" role="alert">
        The pack could not be made: <Value text={`${job.reason}.`} limit={300} />{' '}
        {job.hint !== undefined && <Value text={`${job.hint}.`} limit={300} />}
      </p>
    )
  }
  const command = `whodid verify evidence-${job.id}.tar`
  const until = Date.parse(job.until)
  return (
    <dl className="ledger-review" aria-label="The pack">
      <Fact title="Made">
        <b>
          {counted(job.events ?? 0, 'event')} in {counted(job.logs ?? 0, 'log')}, {sizeText(job.sizeBytes)}
        </b>
        <a className="button" href={packFilePath(job.id)} download>
          <Download className="i" />
          Download
        </a>
        <span className="muted">
          until {dateText(until, zone)} {clockText(until, zone)}
        </span>
      </Fact>
      <Fact title="SHA-256">
        <code>{job.sha256}</code>
        <CopyButton text={job.sha256 ?? ''} what="the SHA-256" />
      </Fact>
      <Fact title="Check it with">
        <code>{command}</code>
        <CopyButton text={command} what="the command" />
      </Fact>
    </dl>
  )
}

function Fact({ title, children }: { title: string; children: ReactNode }): ReactNode {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  )
}

interface FieldProps {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
  readonly mono?: boolean
}

function Field({ label, value, onChange, mono = false }: FieldProps): ReactNode {
  return (
    <label className="ledger-field">
      <span>{label}</span>
      <input
        className={`text-field${mono ? ' mono' : ''}`}
        autoComplete="off"
        spellCheck={false}
        value={value}
        onChange={({ target }) => onChange(target.value)}
      />
    </label>
  )
}
