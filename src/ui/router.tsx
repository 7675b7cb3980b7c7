import { createRootRouteWithContext, createRoute, createRouter, redirect } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { Me } from '../domain/answers.ts'
import { AuditedPage } from './rules/audited-page.tsx'
import { EditorPage } from './rules/editor-page.tsx'
import { RulesPage } from './rules/rules-page.tsx'
import { WaitingPage } from './rules/waiting-page.tsx'
import { SearchPage } from './search/search-page.tsx'
import { LedgerPage } from './ledger/ledger-page.tsx'
import { PackNewPage } from './ledger/pack-new.tsx'
import { PackOpenPage } from './ledger/pack-open.tsx'
import { parseSearch, searchUrlOf, stringifySearch } from './search/search-url.ts'
import { Shell } from './shell/shell.tsx'
import { SourcePage } from './sources/source-page.tsx'
import { SourcesPage } from './sources/sources-page.tsx'

interface Context {
  readonly me: Me
}

const root = createRootRouteWithContext<Context>()({
  component: function Root(): ReactNode {
    return <Shell me={root.useRouteContext().me} />
  },
  notFoundComponent: () => (
    <div className="empty">
      <h2>There is no such page.</h2>
      <p>
        <a className="link" href="/events">
          Search
        </a>
      </p>
    </div>
  ),
})

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: () => {
    // eslint-disable-next-line typescript/only-throw-error -- the router's own way to redirect
    throw redirect({ to: '/events', replace: true })
  },
})

const events = createRoute({
  getParentRoute: () => root,
  path: '/events',
  validateSearch: searchUrlOf,
  component: SearchPage,
})

const sources = createRoute({
  getParentRoute: () => root,
  path: '/sources',
  validateSearch: (search: Record<string, unknown>): { readonly try?: string } => textsOf(search, 'try'),
  component: SourcesPage,
})

const source = createRoute({
  getParentRoute: () => root,
  path: '/sources/$name',
  validateSearch: (search: Record<string, unknown>): { readonly reason?: string } => textsOf(search, 'reason'),
  component: SourcePage,
})

const rules = createRoute({
  getParentRoute: () => root,
  path: '/policies',
  validateSearch: (search: Record<string, unknown>): { readonly rule?: string } => textsOf(search, 'rule'),
  component: RulesPage,
})

const waiting = createRoute({ getParentRoute: () => root, path: '/policies/waiting', component: WaitingPage })
const audited = createRoute({ getParentRoute: () => root, path: '/policies/accessaudits', component: AuditedPage })
const editor = createRoute({ getParentRoute: () => root, path: '/policies/rules/$file', component: EditorPage })

const ledger = createRoute({ getParentRoute: () => root, path: '/ledger', component: LedgerPage })

const packNew = createRoute({
  getParentRoute: () => root,
  path: '/ledger/pack/new',
  validateSearch: (search: Record<string, unknown>) => ({
    ...textsOf(search, 'q'),
    ...textsOf(search, 'from'),
    ...textsOf(search, 'to'),
  }),
  component: PackNewPage,
})

const packOpen = createRoute({ getParentRoute: () => root, path: '/ledger/pack/open', component: PackOpenPage })

function textsOf<Name extends string>(search: Record<string, unknown>, name: Name): { readonly [N in Name]?: string } {
  const value = search[name]
  // An object of this one key, or of none.
  return (typeof value === 'string' ? { [name]: value } : {}) as { readonly [N in Name]?: string }
}

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    events,
    sources,
    source,
    rules,
    waiting,
    audited,
    editor,
    ledger,
    packNew,
    packOpen,
  ]),
  parseSearch,
  stringifySearch,
  // App renders the router only when it knows who is signed in, and hands it in there.
  context: { me: { name: '', scopes: [], install: '', version: '', hasEvents: true, sources: [], streams: [] } },
  defaultPreload: false,
  scrollRestoration: false,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
