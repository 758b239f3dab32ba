import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { api, type Collection, type Run, type Status, type Upgrade } from '../api'
import { count, duration, lag, lagging, percent, plural, short } from '../format'
import { total, type Metrics } from '../metrics'
import { live, useMetrics, useNewestUpgrades, useStatuses } from '../queries'
import { RunTable } from '../run-table'
import { Card, Code, Empty, ErrorNote, Fact, Figure, Figures, PageHeader, Skeleton } from '../ui'

export function OverviewPage() {
  const { collections, statuses } = useStatuses()
  const metrics = useMetrics()
  const runs = useQuery({ queryKey: ['runs', 'latest'], queryFn: ({ signal }) => api.runs({ limit: 8 }, signal), refetchInterval: live })
  const upgrades = useNewestUpgrades((collections.data?.items ?? []).map((c) => c.name))
  if (collections.isPending) return <><PageHeader title="Overview" /><Card><Skeleton rows={6} /></Card></>
  if (!collections.data) return <><PageHeader title="Overview" /><ErrorNote error={collections.error} retry={() => collections.refetch()} /></>
  const items = collections.data.items
  if (items.length === 0) return <FirstSteps />
  const known = statuses.flatMap((s) => (s.data ? [s.data] : []))
  const failure = statuses.find((s) => s.error && !s.data)?.error
  return (
    <>
      <PageHeader title="Overview" hint={plural(items.length, 'collection')} />
      <div className="grid gap-4">
        <ErrorNote error={failure} />
        <Totals statuses={known} metrics={metrics.data} />
        <Attention statuses={known} upgrades={upgrades} runs={runs.data?.items ?? []} />
        <Collections items={items} statuses={statuses.map((s) => s.data)} />
        <div className="grid items-start gap-4 lg:grid-cols-2">
          <Entities metrics={metrics.data} error={metrics.error} />
          <Embedding metrics={metrics.data} error={metrics.error} />
        </div>
        <Card title="Recent runs" aside={<Link to="/runs" className="link">All runs</Link>}>
          {runs.data ? <RunTable runs={runs.data.items} empty="Nothing has run yet." /> : runs.error ? <div className="p-4"><ErrorNote error={runs.error} /></div> : <Skeleton rows={5} />}
        </Card>
      </div>
    </>
  )
}

function FirstSteps() {
  return (
    <>
      <PageHeader title="Overview" />
      <Card>
        <div data-empty className="mx-auto max-w-xl px-6 py-12">
          <h2 className="text-base font-semibold">There is no collection yet</h2>
          <p className="mt-1 text-muted">A collection is a named set of records with a declaration: what is embedded, what is only filtered on, what the privacy gate does.</p>
          <ol className="mt-5 space-y-4">
            <Step command="holdfast demo" says="shows the whole path on a sample, in a folder of its own." />
            <Step command="holdfast init FILE" says="looks at your CSV or JSON lines and proposes a declaration." />
            <Step command="holdfast apply -f FILE.yaml" says="declares the collection; holdfast ingest then loads the records." />
          </ol>
        </div>
      </Card>
    </>
  )
}

function Step({ command, says }: { command: string; says: string }) {
  return <li className="grid gap-1"><span><Code>{command}</Code></span><span className="text-muted">{says}</span></li>
}

function Totals({ statuses, metrics }: { statuses: Status[]; metrics?: Metrics }) {
  const sum = (f: (s: Status) => number) => statuses.reduce((n, s) => n + f(s), 0)
  const reused = total(metrics, 'holdfast_embedding_texts_total', { result: 'reused' })
  const texts = total(metrics, 'holdfast_embedding_texts_total')
  const dead = sum((s) => s.dead_letters)
  return (
    <Figures className="sm:grid-cols-3 lg:grid-cols-6">
      <Figure name="Records" figure={count(sum((s) => s.records))} />
      <Figure name="Passages" figure={count(sum((s) => s.passages))} />
      <Figure name="Pending changes" figure={count(sum((s) => s.pending_changes))} />
      <Figure name="Dead letters" figure={<span className={dead ? 'text-bad' : ''}>{count(dead)}</span>} />
      <Figure name="Embeddings reused" figure={percent(reused, texts)} />
      <Figure name="Values transformed" figure={short(total(metrics, 'holdfast_gate_entities_total'))} />
    </Figures>
  )
}

function Attention({ statuses, upgrades, runs }: { statuses: Status[]; upgrades: Upgrade[]; runs: Run[] }) {
  const notes: ReactNode[] = []
  for (const u of upgrades) {
    if (u.state !== 'planned' && u.state !== 'held') continue
    notes.push(
      <li key={`u${u.id}`} data-waits={u.collection} className="flex flex-wrap items-baseline justify-between gap-x-4 px-4 py-2">
        <span><b className="font-medium">{u.collection}</b> has an upgrade that {u.state === 'planned' ? 'waits for approval' : 'is built and waits to be switched or aborted'}.</span>
        <Link to="/collections/$collection" params={{ collection: u.collection }} className="link">See upgrade</Link>
      </li>,
    )
  }
  for (const s of statuses) {
    if (s.dead_letters > 0) {
      notes.push(
        <li key={`d${s.collection}`} className="flex flex-wrap items-baseline justify-between gap-x-4 px-4 py-2">
          <span><b className="font-medium">{s.collection}</b> has {plural(s.dead_letters, 'dead letter')}: {s.dead_letters === 1 ? 'that record is' : 'those records are'} not searchable in the latest version.</span>
          <Link to="/dead-letters" search={{ collection: s.collection }} className="link">See causes</Link>
        </li>,
      )
    }
    if (s.lag_seconds > lagging) {
      notes.push(<li key={`l${s.collection}`} className="px-4 py-2"><b className="font-medium">{s.collection}</b> is {duration(s.lag_seconds * 1000)} behind, with {plural(s.pending_changes, 'change')} pending.</li>)
    }
    if (!s.generation) {
      notes.push(<li key={`g${s.collection}`} className="px-4 py-2"><b className="font-medium">{s.collection}</b> has no active generation: it can't be searched yet.</li>)
    }
  }
  for (const state of ['failed', 'retrying'] as const) {
    const some = runs.filter((r) => r.state === state)
    if (some.length === 0) continue
    notes.push(
      <li key={state} className="flex flex-wrap items-baseline justify-between gap-x-4 px-4 py-2">
        <span>{count(some.length)} of the latest {plural(runs.length, 'run')} {state === 'failed' ? 'failed' : some.length === 1 ? 'is being tried again' : 'are being tried again'}.</span>
        <Link to="/runs" search={{ state }} className="link">See runs</Link>
      </li>,
    )
  }
  if (notes.length === 0) return null
  return (
    <section className="rounded-lg border border-warn/40 bg-surface" aria-label="Needs attention">
      <h2 className="border-b border-line px-4 py-2 font-medium text-warn">Needs attention</h2>
      <ul className="divide-y divide-line">{notes}</ul>
    </section>
  )
}

function Collections({ items, statuses }: { items: Collection[]; statuses: (Status | undefined)[] }) {
  return (
    <Card title="Collections" aside="live">
      <table className="rows hidden md:table">
        <thead>
          <tr>
            <th>Name</th>
            {['Records', 'Passages', 'Pending', 'Lag', 'Dead letters'].map((h) => <th key={h} className="!text-right">{h}</th>)}
            <th>Model</th>
            <th>Policy</th>
            <th>Fingerprint</th>
          </tr>
        </thead>
        <tbody>
          {items.map((c, i) => {
            const s = statuses[i]
            return (
              <tr key={c.name} data-collection={c.name}>
                <td className="font-medium"><Link to="/collections/$collection" params={{ collection: c.name }} className="hover:text-accent hover:underline">{c.name}</Link></td>
                {s ? <StatusCells s={s} /> : <td colSpan={8}><Skeleton rows={1} className="" /></td>}
              </tr>
            )
          })}
        </tbody>
      </table>
      <ul className="divide-y divide-line md:hidden">
        {items.map((c, i) => {
          const s = statuses[i]
          return (
            <li key={c.name} className="px-4 py-3">
              <Link to="/collections/$collection" params={{ collection: c.name }} className="font-medium">{c.name}</Link>
              {s && (
                <dl className="num mt-1 grid grid-cols-3 gap-x-3 gap-y-1">
                  <Fact name="Records">{count(s.records)}</Fact>
                  <Fact name="Passages">{count(s.passages)}</Fact>
                  <Fact name="Pending">{count(s.pending_changes)}</Fact>
                  <Fact name="Lag">{lag(s)}</Fact>
                  <Fact name="Dead letters">{count(s.dead_letters)}</Fact>
                  <Fact name="Model">{s.generation?.model ?? 'none'}</Fact>
                </dl>
              )}
            </li>
          )
        })}
      </ul>
    </Card>
  )
}

function StatusCells({ s }: { s: Status }) {
  const n = 'num text-right'
  return (
    <>
      <td className={n} data-cell="records">{count(s.records)}</td>
      <td className={n}>{count(s.passages)}</td>
      <td className={`${n} ${s.pending_changes ? 'text-info' : 'text-muted'}`}>{count(s.pending_changes)}</td>
      <td className={`${n} ${s.lag_seconds > lagging ? 'text-warn' : 'text-muted'}`}>{lag(s)}</td>
      <td className={n}>
        {s.dead_letters ? <Link to="/dead-letters" search={{ collection: s.collection }} className="font-medium text-bad hover:underline">{count(s.dead_letters)}</Link> : <span className="text-muted">0</span>}
      </td>
      {s.generation ? (
        <>
          <td>{s.generation.model} <span className="num text-muted">{s.generation.dimensions} d</span></td>
          <td>{s.generation.policy}</td>
          <td className="font-mono text-xs text-muted" title={`Generation ${s.generation.id}, fingerprint ${s.generation.fingerprint}`}>{s.generation.fingerprint.slice(0, 8)}</td>
        </>
      ) : (
        <td colSpan={3} className="text-warn">no active generation</td>
      )}
    </>
  )
}

const actions = ['pseudonym', 'mask', 'hash', 'replace', 'keep'] as const
const actionColour: Record<string, string> = { pseudonym: 'bg-accent', mask: 'bg-warn', hash: 'bg-info', replace: 'bg-strong', keep: 'bg-line' }
const shownEntities = 9

function Entities({ metrics, error }: { metrics?: Metrics; error: unknown }) {
  const samples = metrics?.get('holdfast_gate_entities_total') ?? []
  const byEntity = new Map<string, Map<string, number>>()
  for (const s of samples) {
    const one = byEntity.get(s.labels.entity ?? '') ?? new Map<string, number>()
    one.set(s.labels.action ?? '', s.value)
    byEntity.set(s.labels.entity ?? '', one)
  }
  const sum = (m: Map<string, number>) => [...m.values()].reduce((a, b) => a + b, 0)
  const rows = [...byEntity].map(([entity, m]) => ({ entity, m, n: sum(m) })).sort((a, b) => b.n - a.n)
  const rest = rows.slice(shownEntities)
  const most = rows[0]?.n ?? 1
  const used = actions.filter((a) => rows.some((r) => r.m.has(a)))
  return (
    <Card title="What the gate transformed" aside="since the server started">
      {error ? <div className="p-4"><ErrorNote error={error} /></div> : !metrics ? <Skeleton rows={6} /> : rows.length === 0 ? (
        <Empty title="Nothing yet">Values that the gate finds are counted here by type.</Empty>
      ) : (
        <div className="px-4 py-3">
          <ul className="mb-3 flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted">
            {used.map((a) => <li key={a} className="flex items-center gap-1.5"><span className={`size-2 rounded-sm ${actionColour[a]}`} />{a}</li>)}
          </ul>
          <div className="grid grid-cols-[minmax(0,auto)_minmax(0,1fr)_auto] items-center gap-x-3 gap-y-1.5">
            {rows.slice(0, shownEntities).map((r) => (
              <div key={r.entity} className="contents">
                <span className="truncate font-mono text-2xs text-muted">{r.entity}</span>
                <span className="flex h-2" aria-hidden>
                  {actions.map((a) => r.m.get(a) && <span key={a} className={`h-full first:rounded-l-sm last:rounded-r-sm ${actionColour[a]}`} style={{ width: `${Math.max(0.5, (100 * r.m.get(a)!) / most)}%` }} />)}
                </span>
                <span className="num text-right">{count(r.n)}</span>
              </div>
            ))}
          </div>
          {rest.length > 0 && (
            <details className="mt-3 text-xs text-muted">
              <summary className="cursor-pointer">{plural(rest.length, 'rarer type')}, {plural(rest.reduce((n, r) => n + r.n, 0), 'value')}</summary>
              <ul className="num mt-2 grid grid-cols-2 gap-x-6 gap-y-0.5 sm:grid-cols-3 lg:grid-cols-2">
                {rest.map((r) => <li key={r.entity} className="flex justify-between gap-2"><span className="truncate font-mono text-2xs leading-4">{r.entity}</span>{count(r.n)}</li>)}
              </ul>
            </details>
          )}
        </div>
      )}
    </Card>
  )
}

function Embedding({ metrics, error }: { metrics?: Metrics; error: unknown }) {
  const computed = total(metrics, 'holdfast_embedding_texts_total', { result: 'computed' })
  const reused = total(metrics, 'holdfast_embedding_texts_total', { result: 'reused' })
  const calls = metrics?.get('holdfast_embedding_requests_total') ?? []
  const dropped = metrics?.get('holdfast_search_hits_dropped_total')?.filter((s) => s.value > 0) ?? []
  const searches = total(metrics, 'holdfast_search_duration_seconds_count')
  const mean = (1000 * total(metrics, 'holdfast_search_duration_seconds_sum')) / searches
  return (
    <Card title="Embedding and search" aside="since the server started">
      {error ? <div className="p-4"><ErrorNote error={error} /></div> : !metrics ? <Skeleton rows={6} /> : (
        <div className="space-y-4 px-4 py-3">
          <div>
            <div className="flex h-2 overflow-hidden rounded-sm bg-sunken" aria-hidden>
              <span className="bg-accent" style={{ width: `${(100 * reused) / (reused + computed || 1)}%` }} />
              <span className="bg-strong" style={{ width: `${(100 * computed) / (reused + computed || 1)}%` }} />
            </div>
            <dl className="num mt-2 grid grid-cols-2 gap-x-4">
              <Fact name="Reused, not paid again">{count(reused)} <span className="text-muted">{percent(reused, reused + computed)}</span></Fact>
              <Fact name="Computed">{count(computed)} <span className="text-muted">{percent(computed, reused + computed)}</span></Fact>
            </dl>
          </div>
          <Lines title="Calls to a model" rows={calls.map((s) => [s.labels.model ?? '', count(s.value)])} none="none" />
          <Lines title="Searches" rows={[['answered', count(searches)], ...(searches ? [['mean time', duration(mean)] as [string, string]] : [])]} none="none" />
          <Lines title="Hits refused by the check against the records" rows={dropped.map((s) => [s.labels.reason ?? '', count(s.value)])} none="none" />
        </div>
      )}
    </Card>
  )
}

function Lines({ title, rows, none }: { title: string; rows: [string, string][]; none: string }) {
  return (
    <div>
      <h3 className="mb-0.5 text-xs text-muted">{title}</h3>
      {rows.length === 0 ? <p className="text-muted">{none}</p> : (
        <dl className="num divide-y divide-line">
          {rows.map(([k, v]) => <div key={k} className="flex justify-between gap-4 py-1"><dt>{k}</dt><dd>{v}</dd></div>)}
        </dl>
      )}
    </div>
  )
}
