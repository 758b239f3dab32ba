import { createRootRoute, createRoute, createRouter, Link } from '@tanstack/react-router'
import type { CostBy, Mode } from './api'
import { Shell } from './shell'
import { CollectionPage } from './pages/collection'
import { DeadLettersPage } from './pages/dead-letters'
import { ModelsPage } from './pages/models'
import { OverviewPage } from './pages/overview'
import { RecordPage } from './pages/record'
import { RunPage } from './pages/run'
import { RunsPage } from './pages/runs'
import { SearchPage } from './pages/search'
import { Empty, ErrorNote } from './ui'

const root = createRootRoute({
  component: Shell,
  errorComponent: ({ error }) => <div className="p-6"><ErrorNote error={error} /></div>,
  notFoundComponent: () => (
    <Empty title="There is no such page"><Link to="/" className="link">Go to the overview</Link></Empty>
  ),
})

type Search = Record<string, unknown>
const text = (v: unknown) => (typeof v === 'string' && v ? v : undefined)

export interface SearchParameters {
  c?: string // collection
  q?: string
  mode?: Mode
  k?: string
  filter?: string
  open?: string // record in the panel
}

const routes = [
  createRoute({ getParentRoute: () => root, path: '/', component: OverviewPage }),
  createRoute({
    getParentRoute: () => root,
    path: '/search',
    component: SearchPage,
    validateSearch: (s: Search): SearchParameters => ({
      c: text(s.c),
      q: text(s.q),
      mode: s.mode === 'vector' || s.mode === 'lexical' ? s.mode : undefined,
      k: text(s.k),
      filter: text(s.filter),
      open: text(s.open),
    }),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/runs',
    component: RunsPage,
    validateSearch: (s: Search): { state?: string; pipeline?: string } => ({ state: text(s.state), pipeline: text(s.pipeline) }),
  }),
  createRoute({ getParentRoute: () => root, path: '/runs/$id', component: RunPage }),
  createRoute({
    getParentRoute: () => root,
    path: '/dead-letters',
    component: DeadLettersPage,
    validateSearch: (s: Search): { collection?: string; view?: 'flat' } => ({ collection: text(s.collection), view: s.view === 'flat' ? 'flat' : undefined }),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/models',
    component: ModelsPage,
    validateSearch: (s: Search): { by?: CostBy; days?: string } => ({
      by: s.by === 'model' || s.by === 'day' ? s.by : undefined,
      days: s.days === '7' || s.days === '90' ? s.days : undefined,
    }),
  }),
  createRoute({ getParentRoute: () => root, path: '/collections/$collection', component: CollectionPage }),
  createRoute({ getParentRoute: () => root, path: '/collections/$collection/records/$id', component: RecordPage }),
] as const

export const router = createRouter({
  routeTree: root.addChildren(routes),
  scrollRestoration: true,
  // Parameters are plain text, so that a URL can be read and typed.
  parseSearch: (s) => Object.fromEntries(new URLSearchParams(s)),
  stringifySearch: (s) => {
    const q = new URLSearchParams()
    for (const [name, v] of Object.entries(s)) if (v !== undefined && v !== '') q.set(name, String(v))
    return q.size ? `?${q}` : ''
  },
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
