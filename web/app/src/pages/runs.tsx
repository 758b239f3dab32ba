import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../api'
import { live } from '../queries'
import { RunTable } from '../run-table'
import { Card, ErrorNote, PageHeader, Skeleton } from '../ui'

const states = ['waiting', 'running', 'retrying', 'succeeded', 'failed', 'cancelled']

export function RunsPage() {
  const { state, pipeline } = useSearch({ from: '/runs' })
  const navigate = useNavigate({ from: '/runs' })
  const [typed, setTyped] = useState(pipeline ?? '')
  const runs = useInfiniteQuery({
    queryKey: ['runs', state, pipeline],
    queryFn: ({ pageParam, signal }) => api.runs({ state, pipeline, cursor: pageParam, limit: 50 }, signal),
    initialPageParam: '',
    getNextPageParam: (last) => last.next,
    // Further pages are of the past; only the first is asked for again.
    refetchInterval: (q) => ((q.state.data?.pages.length ?? 0) <= 1 ? live : false),
  })
  const items = runs.data?.pages.flatMap((p) => p.items) ?? []
  const pipelines = [...new Set(items.map((r) => r.pipeline))]
  return (
    <>
      <PageHeader title="Runs" hint="Every execution of a pipeline, newest first">
        <form
          className="flex flex-wrap gap-2"
          onSubmit={(e) => {
            e.preventDefault()
            void navigate({ search: (s) => ({ ...s, pipeline: typed.trim() || undefined }) })
          }}
        >
          <select className="field" aria-label="State" value={state ?? ''} onChange={(e) => navigate({ search: (s) => ({ ...s, state: e.target.value || undefined }) })}>
            <option value="">Any state</option>
            {states.map((s) => <option key={s}>{s}</option>)}
          </select>
          <input className="field w-40" aria-label="Pipeline" placeholder="Any pipeline" list="pipelines" value={typed} onChange={(e) => setTyped(e.target.value)} />
          <datalist id="pipelines">{pipelines.map((p) => <option key={p} value={p} />)}</datalist>
        </form>
      </PageHeader>
      <Card>
        {runs.data ? <RunTable runs={items} empty={state || pipeline ? 'No run matches.' : 'Nothing has run yet.'} /> : runs.error ? null : <Skeleton rows={8} />}
        {runs.error && <div className="p-4"><ErrorNote error={runs.error} retry={() => runs.refetch()} /></div>}
      </Card>
      {runs.hasNextPage && (
        <div className="mt-3 text-center">
          <button type="button" className="button" disabled={runs.isFetchingNextPage} onClick={() => runs.fetchNextPage()}>{runs.isFetchingNextPage ? 'Loading' : 'Older runs'}</button>
        </div>
      )}
    </>
  )
}
