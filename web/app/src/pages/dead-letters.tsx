import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState, type ReactNode } from 'react'
import { api, type DeadLetter } from '../api'
import { count, plural } from '../format'
import { live, useStatuses } from '../queries'
import { ConfirmReplay, outcome, ReplayOutcome, type Replay, type Scope } from '../replay'
import { Card, Choice, Empty, ErrorNote, PageHeader, Skeleton, Time } from '../ui'

const views = [{ value: 'cause', label: 'By cause' }, { value: 'flat', label: 'All' }] as const

export function DeadLettersPage() {
  const { collection, view } = useSearch({ from: '/dead-letters' })
  const navigate = useNavigate({ from: '/dead-letters' })
  const client = useQueryClient()
  const { collections, statuses } = useStatuses()
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [scope, setScope] = useState<Scope>()
  const [done, setDone] = useState<Replay>()
  const query = useInfiniteQuery({
    queryKey: ['dead-letters', collection],
    queryFn: ({ pageParam, signal }) => api.deadLetters({ collection, cursor: pageParam, limit: 100 }, signal),
    initialPageParam: '',
    getNextPageParam: (last) => last.next,
    refetchInterval: live,
  })
  const replay = useMutation({
    mutationFn: (s: Scope) => api.replay(s.body),
    onSuccess: (answer, s) => {
      setDone({ scope: s, replayed: answer.replayed })
      setScope(undefined)
      setChosen(new Set())
      void client.invalidateQueries()
    },
  })
  const letters = query.data?.pages.flatMap((p) => p.items) ?? []
  const all = statuses.reduce((n, s) => n + (s.data && (!collection || s.data.collection === collection) ? s.data.dead_letters : 0), 0)
  const ask = (s: Scope) => { replay.reset(); setScope(s) }
  const selected = letters.filter((l) => chosen.has(l.id))
  const choose = (some: DeadLetter[], on: boolean) => {
    const next = new Set(chosen)
    for (const l of some) if (on) next.add(l.id); else next.delete(l.id)
    setChosen(next)
  }
  const everything: Scope = {
    what: `All ${plural(Math.max(all, letters.length), 'dead letter')}${collection ? ` of ${collection}` : ''}`,
    body: collection ? { collection } : {},
    letters,
  }
  return (
    <>
      <PageHeader title="Dead letters" hint="Items that failed for good: the rest went on without them">
        <div className="flex flex-wrap gap-2">
          <select className="field" aria-label="Collection" value={collection ?? ''} onChange={(e) => { setChosen(new Set()); void navigate({ search: (s) => ({ ...s, collection: e.target.value || undefined }) }) }}>
            <option value="">Every collection</option>
            {collections.data?.items.map((c) => <option key={c.name}>{c.name}</option>)}
          </select>
          <Choice label="View" options={views} value={view ?? 'cause'} onChange={(v) => navigate({ search: (s) => ({ ...s, view: v === 'flat' ? v : undefined }) })} />
          <button type="button" className="button button-primary" disabled={letters.length === 0} onClick={() => ask(everything)} data-replay-all>
            {collection ? `Replay ${collection}` : 'Replay all'}
          </button>
        </div>
      </PageHeader>
      <div className="grid gap-4">
        {done && <ReplayOutcome replay={done} result={outcome(done, letters)} onClose={() => setDone(undefined)} />}
        <ErrorNote error={query.error} retry={() => query.refetch()} />
        {query.isPending && <Card><Skeleton rows={6} /></Card>}
        {query.data && letters.length === 0 && (
          <Card><div data-no-letters><Empty title="There are no dead letters">A record that keeps failing lands here with its cause, and can be tried again once that is mended.</Empty></div></Card>
        )}
        {letters.length > 0 && (view === 'flat'
          ? <Card><Letters letters={letters} chosen={chosen} onChoose={choose} cause /></Card>
          : <Causes letters={letters} more={query.hasNextPage} chosen={chosen} onChoose={choose} onReplay={ask} />)}
        {query.hasNextPage && (
          <div className="num text-center text-muted">
            <p className="mb-2 text-xs">{count(letters.length)} of {count(Math.max(all, letters.length))} are shown</p>
            <button type="button" className="button" disabled={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>Show more</button>
          </div>
        )}
      </div>
      {selected.length > 0 && (
        <div className="sticky bottom-4 z-10 mt-4 flex justify-center">
          <div className="card num flex items-center gap-3 px-3 py-2 shadow-lg" role="toolbar" aria-label="Selection">
            <span>{count(selected.length)} selected</span>
            <button type="button" className="button button-small" onClick={() => setChosen(new Set())}>Clear</button>
            <button type="button" className="button button-small button-primary" onClick={() => ask({ what: plural(selected.length, 'chosen dead letter'), body: { ids: selected.map((l) => l.id) }, letters: selected })}>Replay selected</button>
          </div>
        </div>
      )}
      {scope && <ConfirmReplay scope={scope} pending={replay.isPending} error={replay.error} onConfirm={() => replay.mutate(scope)} onCancel={() => setScope(undefined)} />}
    </>
  )
}

interface Choosing {
  chosen: ReadonlySet<string>
  onChoose: (letters: DeadLetter[], on: boolean) => void
}

function Causes({ letters, more, chosen, onChoose, onReplay }: Choosing & { letters: DeadLetter[]; more: boolean; onReplay: (s: Scope) => void }) {
  const groups = new Map<string, DeadLetter[]>()
  for (const l of letters) {
    const cause = `${l.kind}\n${l.message}`
    groups.set(cause, [...(groups.get(cause) ?? []), l])
  }
  const sorted = [...groups].sort(([, a], [, b]) => b.length - a.length)
  return sorted.map(([cause, some]) => {
    const { kind, message } = some[0]!
    return (
      <section key={cause} className="card min-w-0" data-cause>
        <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2 px-4 py-3">
          <div className="min-w-0 flex-1 basis-64">
            <p className="break-words font-medium">{message}</p>
            <p className="num mt-0.5 text-muted"><Kind kind={kind} /> {plural(some.length, 'record')}{more && ' so far'} in {[...new Set(some.map((l) => l.collection))].join(', ')}, at step {[...new Set(some.map((l) => l.step))].join(', ')}</p>
          </div>
          <button type="button" className="button button-small" onClick={() => onReplay({ what: `${plural(some.length, 'dead letter')} of this cause`, body: { ids: some.map((l) => l.id) }, letters: some })}>
            Replay {count(some.length)}
          </button>
        </div>
        <details className="border-t border-line" open={sorted.length === 1 || undefined}>
          <summary className="cursor-pointer px-4 py-2 text-xs text-muted">Records</summary>
          <Letters letters={some} chosen={chosen} onChoose={onChoose} />
        </details>
      </section>
    )
  })
}

function Kind({ kind }: { kind: string }) {
  return <span className="rounded bg-bad/12 px-1.5 text-xs font-medium text-bad">{kind}</span>
}

function Letters({ letters, chosen, onChoose, cause = false }: Choosing & { letters: DeadLetter[]; cause?: boolean }) {
  const every = letters.every((l) => chosen.has(l.id))
  const wide = (children: ReactNode, extra = '') => <td className={`hidden md:table-cell ${extra}`}>{children}</td>
  return (
    <table className="rows" data-letters>
      <thead>
        <tr>
          <th className="w-8"><input type="checkbox" aria-label="Select all of these" checked={every} onChange={(e) => onChoose(letters, e.target.checked)} /></th>
          <th>Record</th>
          <th className="hidden md:table-cell">Collection</th>
          <th className="hidden md:table-cell">Step</th>
          {cause && <th className="hidden md:table-cell">Cause</th>}
          <th className="!text-right">Tries</th>
          <th>Last try</th>
          <th className="hidden md:table-cell">Run</th>
        </tr>
      </thead>
      <tbody>
        {letters.map((l) => (
          <tr key={l.id} data-letter={l.record} className={chosen.has(l.id) ? 'bg-accent/6' : ''}>
            <td><input type="checkbox" aria-label={`Select ${l.record}`} checked={chosen.has(l.id)} onChange={(e) => onChoose([l], e.target.checked)} /></td>
            <td className="max-w-52 truncate"><Link to="/collections/$collection/records/$id" params={{ collection: l.collection, id: l.record }} className="link font-mono text-xs">{l.record}</Link>{cause && <p className="whitespace-normal break-words text-xs text-muted md:hidden">{l.message}</p>}</td>
            {wide(l.collection)}
            {wide(l.step, 'text-muted')}
            {cause && wide(<><Kind kind={l.kind} /> {l.message}</>, 'break-words')}
            <td className="num text-right">{count(l.attempts)}</td>
            <td className="text-muted"><Time iso={l.last_at} /></td>
            {wide(l.run ? <Link to="/runs/$id" params={{ id: l.run }} className="link font-mono text-xs">{l.run.slice(0, 12)}</Link> : '–')}
          </tr>
        ))}
      </tbody>
    </table>
  )
}
