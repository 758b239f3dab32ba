import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { api, type Attempt, type Run, type State, type Step } from '../api'
import { at, between, count, duration, plural } from '../format'
import { live } from '../queries'
import { Card, ErrorNote, PageHeader, Skeleton, stateColour, StateLabel, value } from '../ui'

const final = new Set<State>(['succeeded', 'failed', 'skipped', 'cancelled'])

export function RunPage() {
  const { id } = useParams({ from: '/runs/$id' })
  const query = useQuery({
    queryKey: ['run', id],
    queryFn: ({ signal }) => api.run(id, signal),
    refetchInterval: (q) => (q.state.data && final.has(q.state.data.state) ? false : live),
  })
  const run = query.data
  return (
    <>
      <PageHeader name={`Run ${id}`} title={<>Run <span className="break-all font-mono text-base">{id}</span></>} hint={<Link to="/runs" className="link">All runs</Link>} />
      {query.error && <ErrorNote error={query.error} retry={() => query.refetch()} />}
      {query.isPending && <Card><Skeleton rows={6} /></Card>}
      {run && (
        <div className="grid gap-4">
          <Facts run={run} />
          <Card title="Timeline" aside={plural(run.steps.reduce((n, s) => n + s.attempts.length, 0), 'attempt')}><Gantt run={run} /></Card>
          <Errors run={run} />
          <Card title="Steps"><Steps steps={run.steps} /></Card>
        </div>
      )}
    </>
  )
}

function Facts({ run }: { run: Run }) {
  const facts = [
    ['State', <StateLabel key="s" state={run.state} />],
    ['Pipeline', run.pipeline],
    ['Started', at(run.started_at)],
    ['Finished', run.finished_at ? at(run.finished_at) : '–'],
    ['Took', duration(between(run.started_at, run.finished_at))],
  ] as const
  return (
    <dl className="card num flex flex-wrap gap-x-10 gap-y-2 px-4 py-3">
      {facts.map(([name, fact]) => <div key={name}><dt className="text-xs text-muted">{name}</dt><dd>{fact}</dd></div>)}
    </dl>
  )
}

/** Gantt draws every attempt between the run's start and its end. */
function Gantt({ run }: { run: Run }) {
  const start = Date.parse(run.started_at)
  const whole = Math.max(1, between(run.started_at, run.finished_at))
  const left = (iso: string) => Math.min(100, Math.max(0, (100 * (Date.parse(iso) - start)) / whole))
  const ticks = [0, 0.25, 0.5, 0.75, 1]
  return (
    <div className="px-4 py-3">
      <div className="grid grid-cols-[minmax(3.5rem,auto)_minmax(0,1fr)_4.5rem] items-center gap-x-3 gap-y-1">
        {run.steps.map((s) => (s.attempts.length ? s.attempts : [undefined]).map((a, i) => (
          <div key={`${s.name} ${i}`} className="contents" data-attempt={a && `${s.name} ${a.number}`}>
            <span className="truncate">{i === 0 && s.name}{s.attempts.length > 1 && <span className="num text-muted"> #{a?.number}</span>}</span>
            <span className="relative h-5 border-l border-line bg-[linear-gradient(to_right,transparent_calc(100%-1px),var(--line)_0)] bg-[length:25%_100%]">
              {a ? (
                <span
                  className={`absolute top-1 h-3 min-w-[3px] rounded-xs ${stateColour(a.state)}`}
                  style={{ left: `${left(a.started_at)}%`, width: `${left(a.finished_at ?? new Date().toISOString()) - left(a.started_at)}%` }}
                  title={describe(s, a)}
                />
              ) : <span className="absolute left-2 text-xs text-muted">no attempt yet</span>}
            </span>
            <span className="num text-right text-xs text-muted">{a && duration(between(a.started_at, a.finished_at))}</span>
          </div>
        )))}
        <span />
        <span className="num relative mt-1 h-4 text-2xs text-muted" aria-hidden>
          {ticks.map((t) => (
            <span key={t} className={`absolute whitespace-nowrap ${t === 0 ? '' : t === 1 ? '-translate-x-full' : 'hidden -translate-x-1/2 sm:inline'}`} style={{ left: `${100 * t}%` }}>{t === 0 ? '0' : duration(whole * t)}</span>
          ))}
        </span>
        <span />
      </div>
    </div>
  )
}

const describe = (s: Step, a: Attempt) => `${s.name}, attempt ${a.number}: ${a.state}${a.worker ? `, on ${a.worker}` : ''}, from ${at(a.started_at)}`

function Errors({ run }: { run: Run }) {
  const failed = run.steps.flatMap((s) => s.attempts.filter((a) => a.error).map((a) => ({ s, a })))
  if (failed.length === 0) return null
  return (
    <Card title="Errors" aside={count(failed.length)}>
      <ul className="divide-y divide-line">
        {failed.map(({ s, a }) => (
          <li key={`${s.name} ${a.number}`} className="px-4 py-2">
            <p className="text-xs text-muted">{s.name}, attempt {a.number} <span className="ml-1 rounded bg-bad/12 px-1.5 font-medium text-bad">{a.kind}</span></p>
            <p className="break-words font-mono text-xs leading-5">{a.error}</p>
          </li>
        ))}
      </ul>
    </Card>
  )
}

function Steps({ steps }: { steps: Step[] }) {
  return (
    <table className="rows">
      <thead><tr><th>Step</th><th>State</th><th className="!text-right">Attempts</th><th className="hidden sm:table-cell">Worker</th><th>Output</th></tr></thead>
      <tbody>
        {steps.map((s) => (
          <tr key={s.name}>
            <td className="font-medium">{s.name}</td>
            <td><StateLabel state={s.state} /></td>
            <td className="num text-right">{s.attempts.length}</td>
            <td className="hidden font-mono text-xs text-muted sm:table-cell">{s.attempts.at(-1)?.worker ?? '–'}</td>
            <td><Output output={s.output} /></td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Output({ output }: { output: unknown }) {
  if (output === null || output === undefined) return <span className="text-muted">–</span>
  if (typeof output !== 'object') return <span className="num">{value(output)}</span>
  return (
    <span className="num flex flex-wrap gap-x-4 gap-y-0.5">
      {Object.entries(output).map(([k, v]) => <span key={k} className="whitespace-nowrap"><span className="text-muted">{k}</span> {typeof v === 'number' ? count(v) : value(v)}</span>)}
    </span>
  )
}
