import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, Outlet } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { api, Gone } from './api'
import { useStatuses } from './queries'
import { short } from './format'

export function Shell() {
  const { statuses } = useStatuses()
  const dead = statuses.reduce((n, s) => n + (s.data?.dead_letters ?? 0), 0)
  return (
    <div className="md:grid md:min-h-dvh md:grid-cols-[13rem_minmax(0,1fr)]">
      <a href="#main" className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:m-2 focus:bg-surface focus:p-2">Skip to the page</a>
      <div className="sticky top-0 z-20 border-b border-line bg-bg md:h-dvh md:border-b-0 md:border-r">
        <div className="flex items-center gap-0.5 px-2 py-2 md:h-full md:flex-col md:items-stretch md:px-3 md:py-4">
          <Link to="/" className="flex items-center gap-2 rounded px-1 font-semibold tracking-tight md:mb-4 md:px-2" aria-label="Holdfast, overview">
            <Mark />
            <span className="hidden sm:inline">Holdfast</span>
          </Link>
          <nav aria-label="Pages" className="flex min-w-0 flex-1 gap-0.5 overflow-x-auto md:flex-none md:flex-col md:overflow-visible">
            <NavLink to="/" label="Overview" exact />
            <NavLink to="/search" label="Search" />
            <NavLink to="/models" label="Models" />
            <NavLink to="/runs" label="Runs" />
            <NavLink to="/dead-letters" label="Dead letters" badge={dead} />
          </nav>
          <div className="md:mt-auto md:flex md:items-center md:justify-between md:px-2">
            <a className="hidden text-xs text-muted hover:text-ink md:inline" href="/openapi.json">API description</a>
            <ThemeButton />
          </div>
        </div>
      </div>
      <div className="min-w-0">
        <GoneBanner />
        <main id="main" className="mx-auto max-w-6xl px-4 py-5 md:px-6"><Outlet /></main>
      </div>
    </div>
  )
}

function NavLink({ to, label, badge = 0, exact = false }: { to: '/' | '/search' | '/models' | '/runs' | '/dead-letters'; label: string; badge?: number; exact?: boolean }) {
  return (
    <Link
      to={to}
      activeOptions={{ exact, includeSearch: false }}
      className="flex items-center justify-between gap-1.5 whitespace-nowrap rounded-md px-1.5 py-1.5 text-xs text-muted hover:text-ink md:px-2 md:text-sm data-[status=active]:bg-sunken data-[status=active]:font-medium data-[status=active]:text-ink"
    >
      {label}
      {badge > 0 && <span className="num rounded bg-bad/12 px-1 text-xs font-medium md:px-1.5 text-bad">{short(badge)}</span>}
    </Link>
  )
}

function Mark() {
  return (
    <svg viewBox="0 0 24 24" className="size-5 text-accent" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" aria-hidden>
      <path d="M12 2v9M12 11c0 5-3 5-3 10M12 11c0 5 3 5 3 10M12 11c0 4-7 3-8 9M12 11c0 4 7 3 8 9M12 6c3 0 4-1 5-3" />
    </svg>
  )
}

const themes = ['system', 'light', 'dark'] as const

function ThemeButton() {
  const [theme, setTheme] = useState<string>(() => document.documentElement.dataset.theme ?? 'system')
  const next = themes[(themes.indexOf(theme as (typeof themes)[number]) + 1) % themes.length]!
  const change = () => {
    setTheme(next)
    if (next === 'system') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = next
    try {
      if (next === 'system') localStorage.removeItem('theme')
      else localStorage.setItem('theme', next)
    } catch {
      // Storage is off: the choice lasts as long as the page.
    }
  }
  return (
    <button type="button" data-theme-button onClick={change} title={`Theme: ${theme}. Change to ${next}.`} aria-label={`Theme: ${theme}. Change to ${next}.`} className="flex items-center gap-1.5 rounded-md px-2 py-1.5 text-xs text-muted hover:bg-sunken hover:text-ink">
      <svg viewBox="0 0 16 16" className="size-4" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden>
        <circle cx="8" cy="8" r="5.5" />
        {theme !== 'light' && <path d={theme === 'dark' ? 'M8 2.5a5.5 5.5 0 0 0 0 11 5.5 5.5 0 0 0 0-11z' : 'M8 2.5a5.5 5.5 0 0 1 0 11z'} fill="currentColor" stroke="none" />}
      </svg>
      <span className="hidden md:inline">{theme}</span>
    </button>
  )
}

/** GoneBanner says when the server stopped answering, and reads all again once it does. */
function GoneBanner() {
  const client = useQueryClient()
  const health = useQuery({ queryKey: ['health'], queryFn: ({ signal }) => api.health(signal), retry: false, refetchInterval: 3000 })
  const gone = health.error instanceof Gone
  const wasGone = useRef(false)
  useEffect(() => {
    if (wasGone.current && !gone) void client.invalidateQueries()
    wasGone.current = gone
  }, [gone, client])
  if (!gone) return null
  return (
    <div role="alert" data-gone className="border-b border-bad/40 bg-bad/10 px-4 py-2 md:px-6">
      <span className="font-medium text-bad">The server does not answer.</span> What you see is from before; the page goes on by itself once <span className="font-mono text-xs">holdfast serve</span> runs again.
    </div>
  )
}
