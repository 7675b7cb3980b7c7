import { Cable, Link2, ListFilter, LogOut, Moon, Search, Sun, SunMoon } from 'lucide-react'
import type { ReactNode } from 'react'
import { Link, Outlet, useRouterState } from '@tanstack/react-router'
import { useQueryClient } from '@tanstack/react-query'
import type { Me } from '../../domain/answers.ts'
import { useWaiting } from '../data/rules.ts'
import { mayReadSources, signOut, useReadiness } from '../data/session.ts'
import { Announcer } from '../parts/announcer.tsx'
import { useNow } from '../parts/use-now.ts'
import { Layer } from '../parts/layer.tsx'
import { offsetText } from '../text/time.ts'
import { Mark } from './mark.tsx'
import type { Preferences } from './preferences.ts'
import { setPreference, usePreferences } from './preferences.ts'

/** What is around every page: the pages there are, the server's state in words, the zone, and who is signed in. */
export function Shell({ me }: { me: Me }): ReactNode {
  return (
    <div className="app">
      <a className="skip" href="#content">
        To the content
      </a>
      <Rail me={me} />
      <Top me={me} />
      <main className="page" id="content" tabIndex={-1}>
        <Outlet />
      </main>
      {mayReadSources(me) && <Bottom />}
      <Announcer />
    </div>
  )
}

const THEMES: readonly Preferences['theme'][] = ['system', 'light', 'dark']
const THEME_ICONS = { system: SunMoon, light: Sun, dark: Moon } as const

function Rail({ me }: { me: Me }): ReactNode {
  const { theme } = usePreferences()
  const client = useQueryClient()
  const ThemeIcon = THEME_ICONS[theme]
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system'
  return (
    <nav className="rail" aria-label="Pages">
      <div className="brand">
        <Mark />
        <b>whodid</b>
        <span>{me.install}</span>
      </div>
      <div className="pages">
        <section>
          <h2>Look</h2>
          <ul>
            <li>
              <Link to="/events" title="Search">
                <Search className="i" />
                <span>Search</span>
              </Link>
            </li>
          </ul>
        </section>
        {mayReadSources(me) && <Control />}
        {mayReadSources(me) && (
          <section>
            <h2>Run</h2>
            <ul>
              <li>
                <Link to="/sources" title="Sources">
                  <Cable className="i" />
                  <span>Sources</span>
                </Link>
              </li>
              <li>
                <Link to="/ledger" title="Ledger">
                  <Link2 className="i" />
                  <span>Ledger</span>
                </Link>
              </li>
            </ul>
          </section>
        )}
        <section className="foot">
          <ul>
            <li>
              <button type="button" title={`Theme: ${theme}`} onClick={() => setPreference('theme', next)}>
                <ThemeIcon className="i" />
                <span>Theme</span>
                <span className="end">{theme}</span>
              </button>
            </li>
            <li>
              <button type="button" title="Sign out" onClick={() => void leave(client)}>
                <LogOut className="i" />
                <span>Sign out</span>
              </button>
            </li>
          </ul>
        </section>
      </div>
    </nav>
  )
}

/** Rules, and how many changes of them wait for somebody. */
function Control(): ReactNode {
  const waiting = useWaiting(true).data?.length ?? 0
  return (
    <section>
      <h2>Control</h2>
      <ul>
        <li>
          <Link to="/policies" title="Rules">
            <ListFilter className="i" />
            <span>Rules</span>
            {waiting > 0 && (
              <span className="end badge num" title="Changes that wait">
                {waiting}
                <span className="unseen"> waiting</span>
              </span>
            )}
          </Link>
        </li>
      </ul>
    </section>
  )
}

/** The pages where there is no room for a rail. */
function Bottom(): ReactNode {
  return (
    <nav className="bottom" aria-label="Pages">
      <Link to="/events">
        <Search className="i" />
        Search
      </Link>
      <Link to="/policies">
        <ListFilter className="i" />
        Rules
      </Link>
      <Link to="/sources">
        <Cable className="i" />
        Sources
      </Link>
      <Link to="/ledger">
        <Link2 className="i" />
        Ledger
      </Link>
    </nav>
  )
}

function Top({ me }: { me: Me }): ReactNode {
  const { zone, theme } = usePreferences()
  const client = useQueryClient()
  const ready = useReadiness()
  const path = useRouterState({ select: ({ location }) => location.pathname })
  const dot = ready.state === 'recording' ? 'dot' : ready.state === 'waiting' ? 'dot is-waiting' : 'dot is-broken'
  const now = useNow()
  return (
    <header className="top">
      <span className="brand only-narrow">
        <Mark />
      </span>
      <h1>{PAGES.find(([prefix]) => path.startsWith(prefix))?.[1] ?? 'Search'}</h1>
      <div className="end">
        <span className="state-words" role="status">
          <span className={dot} />
          {ready.words}
        </span>
        <span className="separator only-wide" />
        <button
          type="button"
          className="button is-ghost is-xs only-wide"
          aria-keyshortcuts="u"
          title="Switch between local time and UTC (u)"
          onClick={() => setPreference('zone', zone === 'utc' ? 'local' : 'utc')}
        >
          {zone === 'utc' ? 'UTC' : 'Local'} <span className="muted num">UTC{offsetText(now, zone)}</span>
        </button>
        <Layer role="menu" name="You and your settings" className="avatar" layerClass="menu" label={initialOf(me.name)}>
          {(close) => (
            <>
              {THEMES.map((each) => {
                const Icon = THEME_ICONS[each]
                return (
                  <button
                    key={each}
                    type="button"
                    role="menuitemradio"
                    aria-checked={each === theme}
                    onClick={() => {
                      setPreference('theme', each)
                      close()
                    }}
                  >
                    <Icon className="i" />
                    {each === 'system' ? 'Theme of the system' : `${each === 'light' ? 'Light' : 'Dark'} theme`}
                    {each === theme && <span className="end">✓</span>}
                  </button>
                )
              })}
              {(['local', 'utc'] as const).map((each) => (
                <button
                  key={each}
                  type="button"
                  role="menuitemradio"
                  aria-checked={each === zone}
                  onClick={() => {
                    setPreference('zone', each)
                    close()
                  }}
                >
                  <span className="i" />
                  {each === 'utc' ? 'Times in UTC' : `Local times, UTC${offsetText(now, 'local')}`}
                  {each === zone && <span className="end">✓</span>}
                </button>
              ))}
              <button type="button" role="menuitem" onClick={() => void leave(client)}>
                <LogOut className="i" />
                Sign out {me.name}
              </button>
            </>
          )}
        </Layer>
      </div>
    </header>
  )
}

/** What the page is called, by its address. */
const PAGES = [
  ['/sources', 'Sources'],
  ['/policies', 'Rules'],
  ['/ledger', 'Ledger'],
] as const

function initialOf(name: string): string {
  return /\p{L}|\p{N}/u.exec(name)?.[0].toUpperCase() ?? '·'
}

async function leave(client: ReturnType<typeof useQueryClient>): Promise<void> {
  await signOut()
  // Nothing of what was read stays in the page.
  client.clear()
  location.assign('/')
}
