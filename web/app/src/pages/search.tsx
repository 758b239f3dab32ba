import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useRef, useState, type FormEvent, type KeyboardEvent } from 'react'
import { api, Problem, type Fields, type Hit, type Mode } from '../api'
import { CleanText } from '../clean'
import { count, duration } from '../format'
import { useCollections } from '../queries'
import { RecordPanel } from '../record-panel'
import { terms } from '../text'
import { Card, Choice, Code, Empty, ErrorNote, PageHeader, Skeleton, Tag, value } from '../ui'

const modes = [{ value: 'hybrid', label: 'Hybrid' }, { value: 'vector', label: 'Vector' }, { value: 'lexical', label: 'Lexical' }] as const

/** parseFilter reads the filter box; an empty one filters nothing. */
function parseFilter(text: string): { filter?: Fields; error?: string } {
  if (!text.trim()) return {}
  try {
    const filter: unknown = JSON.parse(text)
    if (typeof filter !== 'object' || filter === null || Array.isArray(filter)) return { error: 'A filter is a JSON object, such as {"status":"open"}.' }
    return { filter: filter as Fields }
  } catch (e) {
    return { error: `This is not JSON: ${(e as Error).message}` }
  }
}

export function SearchPage() {
  const parameters = useSearch({ from: '/search' })
  const navigate = useNavigate({ from: '/search' })
  const collections = useCollections()
  const items = collections.data?.items ?? []
  const collection = parameters.c ?? items[0]?.name
  const declaration = items.find((c) => c.name === collection)?.declaration
  const { q = '', mode = 'hybrid', open } = parameters
  const k = Math.min(1000, Math.max(1, Number(parameters.k) || 10))
  const { filter, error: stale } = parseFilter(parameters.filter ?? '')
  const found = useQuery({
    queryKey: ['search', collection, q, mode, k, parameters.filter],
    queryFn: ({ signal }) => api.search(collection!, { query: q, mode, k, filter }, signal),
    enabled: Boolean(collection && q && !stale),
    staleTime: Infinity, // a question may cost a call to a model: only asked when asked
    retry: false,
  })
  const filterProblem = found.error instanceof Problem && found.error.errors.some((e) => e.location.startsWith('filter')) ? found.error.message : undefined
  const set = (change: Partial<typeof parameters>) => void navigate({ search: (s) => ({ ...s, open: undefined, ...change }) })
  const openHit = (id?: string) => void navigate({ search: (s) => ({ ...s, open: id }), resetScroll: false })
  const hits = found.data?.results
  const hit = hits?.find((h) => h.id === open)
  const close = () => {
    openHit(undefined)
    document.querySelector<HTMLElement>(`[data-hit="${CSS.escape(open ?? '')}"]`)?.focus()
  }
  if (collections.data && items.length === 0) {
    return <><PageHeader title="Search" /><Card><Empty title="There is nothing to search yet">Declare a collection first, or look at <Code>holdfast demo</Code>.</Empty></Card></>
  }
  return (
    <>
      <title>{`${q || 'Search'} · Holdfast`}</title>
      <h1 className="sr-only">Search</h1>
      <Form
        collections={items.map((c) => c.name)} collection={collection ?? ''} metadata={declaration?.metadata ?? []}
        q={q} mode={mode} k={String(k)} filter={parameters.filter ?? ''} filterProblem={filterProblem} searching={found.isFetching}
        onSearch={(change) => { set(change); if (change.q === q && change.filter === parameters.filter) void found.refetch() }} onChange={set}
      />
      <ErrorNote error={collections.error ?? (filterProblem ? null : found.error)} retry={() => found.refetch()} />
      {!q && !found.error && <Empty title="Ask a question or type words">Press Enter to search. Only text that has passed the gate is shown in the results; the query passes it too.</Empty>}
      {found.isLoading && <Card><Skeleton rows={9} /></Card>}
      <div className={open ? 'items-start gap-4 lg:grid lg:grid-cols-[minmax(0,1fr)_minmax(0,28rem)]' : ''}>
        <div>{hits && <Results hits={hits} query={q} took={found.data!.took_ms} open={open} onOpen={openHit} />}</div>
        {open && collection && (
          <RecordPanel collection={collection} id={open} declaration={declaration} passage={hit?.passage} terms={terms(q)} onClose={close} />
        )}
      </div>
    </>
  )
}

interface FormProps {
  collections: string[]
  collection: string
  metadata: string[]
  q: string
  mode: Mode
  k: string
  filter: string
  filterProblem?: string
  searching: boolean
  onSearch: (p: { q?: string; k?: string; filter?: string }) => void
  onChange: (p: { c?: string; mode?: Mode; filter?: string }) => void
}

function Form(p: FormProps) {
  const [q, setQ] = useState(p.q)
  const [k, setK] = useState(p.k)
  const [filter, setFilter] = useState(p.filter)
  const box = useRef<HTMLInputElement>(null)
  // The URL has the last word: back, forward and a pasted link change the form.
  useEffect(() => setQ(p.q), [p.q])
  useEffect(() => setK(p.k), [p.k])
  useEffect(() => setFilter(p.filter), [p.filter])
  const local = parseFilter(filter).error
  const problem = local ?? (filter === p.filter ? p.filterProblem : undefined)
  useEffect(() => {
    const focus = (e: globalThis.KeyboardEvent) => {
      if (e.key !== '/' || e.ctrlKey || e.metaKey || (e.target as HTMLElement).closest('input, textarea, select')) return
      e.preventDefault()
      box.current?.select()
      box.current?.focus()
    }
    addEventListener('keydown', focus)
    return () => removeEventListener('keydown', focus)
  }, [])
  const submit = (e: FormEvent) => {
    e.preventDefault()
    if (!local && q.trim()) p.onSearch({ q: q.trim(), k: k === '10' ? undefined : k, filter: filter.trim() || undefined })
  }
  return (
    <form role="search" onSubmit={submit} className="mb-4 space-y-2" data-search>
      <div className="flex gap-2">
        <select className="field h-9 max-w-[35%] shrink-0" aria-label="Collection" value={p.collection} onChange={(e) => p.onChange({ c: e.target.value, filter: undefined })}>
          {p.collections.map((c) => <option key={c}>{c}</option>)}
        </select>
        <div className="relative min-w-0 flex-1">
          <input
            ref={box} className="field h-9 w-full pr-8" aria-label="Query" placeholder="Search" autoFocus={!p.q} value={q} onChange={(e) => setQ(e.target.value)}
            onKeyDown={(e) => { if (e.key === 'ArrowDown' && focusHit(0)) e.preventDefault() }} autoComplete="off" spellCheck={false} name="q"
          />
          <kbd className="pointer-events-none absolute right-2 top-2 hidden rounded border border-line px-1.5 text-2xs leading-4 text-muted sm:block">/</kbd>
        </div>
        <button type="submit" className="button button-primary h-9" disabled={Boolean(local)}>{p.searching ? 'Searching' : 'Search'}</button>
      </div>
      <div className="flex flex-wrap items-start gap-2">
        <Choice label="Mode" options={modes} value={p.mode} onChange={(mode) => p.onChange({ mode: mode === 'hybrid' ? undefined : mode })} />
        <div className="min-w-48 flex-1">
          <input
            className={`field w-full font-mono text-xs ${problem ? 'border-bad' : ''}`} aria-label="Filter" aria-invalid={Boolean(problem)} aria-describedby="filter-note" name="filter"
            placeholder={`Filter, such as {"${p.metadata[0] ?? 'field'}": "value"}`} value={filter} onChange={(e) => setFilter(e.target.value)} autoComplete="off" spellCheck={false}
          />
          <p id="filter-note" className={`mt-1 text-xs ${problem ? 'text-bad' : 'sr-only'}`}>{problem ?? `Metadata fields: ${p.metadata.join(', ')}`}</p>
        </div>
        <label className="flex h-8 items-center gap-1.5 text-xs text-muted">at most <input className="field num w-16" type="number" min={1} max={1000} aria-label="Most results" value={k} onChange={(e) => setK(e.target.value)} /></label>
      </div>
    </form>
  )
}

function focusHit(i: number): boolean {
  const hits = document.querySelectorAll<HTMLElement>('[data-hit]')
  hits[i]?.focus()
  return i >= 0 && i < hits.length
}

function Results({ hits, query, took, open, onOpen }: { hits: Hit[]; query: string; took: number; open?: string; onOpen: (id?: string) => void }) {
  const wanted = terms(query)
  const move = (e: KeyboardEvent, i: number) => {
    if (e.key === 'ArrowDown' && focusHit(i + 1)) e.preventDefault()
    else if (e.key === 'ArrowUp') {
      e.preventDefault()
      if (!focusHit(i - 1)) document.querySelector<HTMLElement>('[data-search] input[name=q]')?.focus()
    } else if (e.key === 'Escape') document.querySelector<HTMLElement>('[data-search] input[name=q]')?.focus()
  }
  if (hits.length === 0) return <Card><Empty title="Nothing was found">Try other words, another mode, or a wider filter.</Empty></Card>
  return (
    <>
      <p className="num mb-2 flex justify-between text-xs text-muted" role="status">
        <span>{count(hits.length)} {hits.length === 1 ? 'record' : 'records'} in {duration(took)}</span>
        <span className="hidden sm:inline">arrows move, Enter opens, Esc closes</span>
      </p>
      <ol className="card divide-y divide-line overflow-hidden">
        {hits.map((h, i) => (
          <li key={h.id}>
            <div
              role="button" tabIndex={0} data-hit={h.id} aria-expanded={open === h.id}
              className={`block w-full px-4 py-3 text-left hover:bg-sunken/60 focus-visible:-outline-offset-2 ${open === h.id ? 'bg-sunken' : ''}`}
              onClick={() => { if (!getSelection()?.toString()) onOpen(h.id) }}
              onKeyDown={(e) => { if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); onOpen(h.id) } else move(e, i) }}
            >
              <HitBody hit={h} wanted={wanted} />
            </div>
          </li>
        ))}
      </ol>
    </>
  )
}

function HitBody({ hit, wanted }: { hit: Hit; wanted: string[] }) {
  return (
    <>
      <p className="num flex items-baseline gap-2 text-xs text-muted">
        <span className="truncate font-mono font-medium text-ink">{hit.id}</span>
        <span>{hit.passage.field}</span>
        <span className="ml-auto" title="Score: higher is better, comparable within one answer">{hit.score.toFixed(4)}</span>
      </p>
      <p className="mt-1 line-clamp-6 break-words leading-6"><CleanText text={hit.passage.text} terms={wanted} /></p>
      <div className="mt-1.5 flex flex-wrap gap-1">
        {Object.entries(hit.fields).map(([f, v]) => <Tag key={f} name={f}>{Array.isArray(v) ? v.map(value).join(', ') : value(v)}</Tag>)}
      </div>
    </>
  )
}
