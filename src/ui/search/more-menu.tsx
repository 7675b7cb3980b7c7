import { Ellipsis, Keyboard, Layers, Link, Terminal } from 'lucide-react'
import type { ReactNode } from 'react'
import { copyText } from '../parts/copy.tsx'
import { Layer } from '../parts/layer.tsx'
import { setPreference } from '../shell/preferences.ts'
import type { Zone } from '../text/time.ts'
import { rangeOf } from './histogram-shape.ts'
import type { SearchUrl } from './search-url.ts'
import { absoluteLink, fromOf } from './search-url.ts'

export interface MoreMenuProps {
  readonly url: SearchUrl
  readonly q: string
  readonly since: number
  readonly until: number
  readonly fold: boolean
  readonly zone: Zone
  readonly onHelp: () => void
}

/** The same query elsewhere, and how the list shows it. */
export function MoreMenu({ url, q, since, until, fold, zone, onHelp }: MoreMenuProps): ReactNode {
  const range = rangeOf(since, until, zone)
  const entries: readonly (readonly [ReactNode, string, () => void])[] = [
    [
      <Link className="i" key="link" />,
      'Copy link to this range',
      () => void copyText(absoluteLink(range), 'the link'),
    ],
    [<Link className="i" key="moving" />, 'Copy link that moves along', () => void copyText(location.href, 'the link')],
    [
      <Terminal className="i" key="cli" />,
      'Copy as command',
      () =>
        void copyText(commandOf(q, edgeOf(fromOf(url), range.from), url.to && edgeOf(url.to, range.to)), 'the command'),
    ],
    [
      <Layers className="i" key="fold" />,
      fold ? 'Show every event in its own row' : 'Fold what belongs together',
      () => setPreference('fold', !fold),
    ],
    [<Keyboard className="i" key="keys" />, 'Keys on this page', onHelp],
  ]
  return (
    <Layer role="menu" name="More" className="button is-icon" layerClass="menu" label={<Ellipsis className="i" />}>
      {(close) =>
        entries.map(([icon, label, act]) => (
          <button
            key={label}
            type="button"
            role="menuitem"
            onClick={() => {
              close()
              act()
            }}
          >
            {icon}
            {label}
          </button>
        ))
      }
    </Layer>
  )
}

/** Relative where the command line knows it too, else the moment itself. */
function edgeOf(written: string, absolute: string): string {
  return /^now(?:-\d+[smhdw])?$/.test(written) ? written : absolute
}

/** `whodid search 'actor:alice' --since now-24h`, quoted for a shell. */
function commandOf(q: string, from: string, to: string | undefined): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`
  return `whodid search ${quoted(q)} --since ${quoted(from)}${to === undefined ? '' : ` --until ${quoted(to)}`}`
}
