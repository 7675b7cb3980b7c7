import { ChevronDown, ChevronRight, X } from 'lucide-react'
import type { ReactNode } from 'react'
import { useState } from 'react'
import type { Facet, FacetValue } from '../../domain/answers.ts'
import type { State } from '../../domain/event.ts'
import { STATE_WORDS, StateMark, STATES } from '../parts/state-mark.tsx'
import { Value } from '../parts/value.tsx'
import { countText } from '../text/time.ts'
import type { Counts } from './histogram-shape.ts'
import type { Filters } from './query-text.ts'

export interface FacetsProps {
  readonly counts: Counts | undefined
  readonly facets: readonly Facet[] | undefined
  readonly filters: Filters
  readonly onToggle: (field: string, value: string) => void
  readonly onOnly: (field: string, value: string) => void
  readonly onNot: (field: string, value: string) => void
  readonly onState: (state: State) => void
  /** There when the panel lies over the page. */
  readonly onClose?: () => void
}

const TITLES: ReadonlyMap<string, string> = new Map([
  ['policy', 'Policy'],
  ['actor', 'Who'],
  ['action', 'Action'],
  ['resource.type', 'Item type'],
  ['resource', 'Item'],
  ['source', 'Source'],
  ['stream', 'Stream'],
  ['decision', 'Decision'],
  ['category', 'Category'],
  ['ip', 'From'],
])

const FIRST_SHOWN = 5

/** What could be filtered by, with exact counts over the whole match. Everything here only edits the query. */
export function Facets(props: FacetsProps): ReactNode {
  const { counts, facets, filters, onState, onClose } = props
  return (
    <aside className="facets" aria-label="Filters">
      <div className="facets-head">
        Filters
        {onClose !== undefined && (
          <button type="button" className="button is-ghost is-icon" aria-label="Close filters" onClick={onClose}>
            <X className="i" />
          </button>
        )}
      </div>
      <section className="facet">
        <FacetTitle>Outcome</FacetTitle>
        <ul>
          {STATES.map((state) => (
            <li key={state} className="facet-value">
              <label>
                <input
                  type="checkbox"
                  checked={filters.states.has(state)}
                  onChange={() => onState(state)}
                  aria-label={`${STATE_WORDS[state]}, ${counts?.[state] ?? 0}`}
                />
                <StateMark state={state} small />
                <span className="facet-name">{STATE_WORDS[state]}</span>
              </label>
              <span className="facet-count num">{counts === undefined ? '' : countText(counts[state])}</span>
            </li>
          ))}
        </ul>
      </section>
      {facets === undefined
        ? Array.from({ length: 3 }, (_, at) => <FacetBones key={at} />)
        : shown(facets, filters).map((facet) => <FacetSection key={facet.field} facet={facet} {...props} />)}
    </aside>
  )
}

/** Facets with something to choose. Values that are filtered by stay listed, also at 0. */
function shown(facets: readonly Facet[], filters: Filters): readonly Facet[] {
  return facets
    .map((facet) => ({ ...facet, values: withActive(facet.values, filters.values.get(facet.field)) }))
    .filter((facet) => facet.values.length > 0)
    .toSorted((a, b) => orderOf(a.field) - orderOf(b.field))
}

function orderOf(field: string): number {
  const at = [...TITLES.keys()].indexOf(field)
  return at === -1 ? TITLES.size : at
}

function withActive(values: readonly FacetValue[], active: ReadonlySet<string> | undefined): readonly FacetValue[] {
  const known = new Set(values.map((each) => each.value))
  const missing = [...(active ?? [])].filter((value) => !known.has(value))
  return [...missing.map((value) => ({ value, count: 0 })), ...values]
}

interface FacetSectionProps extends FacetsProps {
  readonly facet: Facet
}

function FacetSection({ facet, filters, onToggle, onOnly, onNot }: FacetSectionProps): ReactNode {
  const [open, setOpen] = useState(true)
  const [all, setAll] = useState(false)
  const { field, values, distinct, newest } = facet
  const visible = all ? values : values.slice(0, FIRST_SHOWN)
  const title = TITLES.get(field) ?? field
  return (
    <section className="facet">
      <FacetTitle open={open} onToggle={() => setOpen(!open)}>
        {title}
      </FacetTitle>
      {open && (
        <ul>
          {visible.map(({ value, count }) => (
            <li key={value} className="facet-value">
              <label>
                <input
                  type="checkbox"
                  checked={filters.values.get(field)?.has(value) === true}
                  onChange={() => onToggle(field, value)}
                  aria-label={`${title} ${value}, ${count}`}
                />
                <span className="facet-name">
                  <FacetName value={value} identity={field === 'actor'} />
                </span>
              </label>
              <span className="facet-acts">
                <button
                  type="button"
                  className="button is-xs"
                  aria-label={`Only ${value}`}
                  onClick={() => onOnly(field, value)}
                >
                  only
                </button>
                <button
                  type="button"
                  className="button is-xs"
                  aria-label={`Not ${value}`}
                  onClick={() => onNot(field, value)}
                >
                  not
                </button>
              </span>
              <span className="facet-count num">{countText(count)}</span>
            </li>
          ))}
        </ul>
      )}
      {open && values.length > FIRST_SHOWN && (
        <button type="button" className="facet-more" onClick={() => setAll(!all)}>
          {all ? 'Show fewer' : `Show ${values.length - FIRST_SHOWN} more`}
        </button>
      )}
      {open && (all || values.length <= FIRST_SHOWN) && distinct > values.length && (
        <p className="facet-more">{countText(distinct - values.length)} others</p>
      )}
      {open && newest !== undefined && (
        <p className="facet-more" title={`Since ${newest.since}. A shorter time counts them all.`}>
          of the newest {countText(newest.events)}
        </p>
      )}
    </section>
  )
}

const TAIL = 9

/** Cut in the middle where it is cut: names of machines differ at their end. */
function FacetName({ value, identity }: { value: string; identity: boolean }): ReactNode {
  const at = value.length - TAIL
  const isLong = value.length > 24 && !/[\uDC00-\uDFFF\p{M}]/u.test(value.charAt(at))
  if (!isLong) return <Value text={value} limit={60} identity={identity} />
  return (
    <span className="middle-cut" title={value.slice(0, 300)}>
      <span>
        <Value text={value.slice(0, at)} limit={60} identity={identity} />
      </span>
      <span>
        <Value text={value.slice(at)} />
      </span>
    </span>
  )
}

interface FacetTitleProps {
  readonly children: ReactNode
  readonly open?: boolean
  readonly onToggle?: () => void
}

function FacetTitle({ children, open = true, onToggle }: FacetTitleProps): ReactNode {
  if (onToggle === undefined) return <h2>{children}</h2>
  return (
    <h2>
      <button type="button" aria-expanded={open} onClick={onToggle}>
        {children}
        {open ? <ChevronDown className="i i-sm" /> : <ChevronRight className="i i-sm" />}
      </button>
    </h2>
  )
}

function FacetBones(): ReactNode {
  return (
    <section className="facet" aria-hidden="true">
      <h2>
        <span className="bone" />
      </h2>
      {Array.from({ length: 4 }, (_, at) => (
        <div key={at} className="facet-value">
          <span className="bone" />
        </div>
      ))}
    </section>
  )
}
