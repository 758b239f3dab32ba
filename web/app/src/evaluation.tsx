import type { Evaluation, Upgrade } from './api'
import { count, plural } from './format'

const ms = (n: number) => `${n.toFixed(1)} ms`
const share = (n: number) => n.toFixed(2)

/** EvaluationView compares two generations: what they find, how fast, and the terms of the switch. */
export function EvaluationView({ upgrade, evaluation: e }: { upgrade: Upgrade; evaluation: Evaluation }) {
  return (
    <div className="grid gap-x-8 gap-y-5 lg:grid-cols-3" data-evaluation>
      <Overlaps e={e} />
      <Pairs upgrade={upgrade} e={e} />
      <Thresholds upgrade={upgrade} e={e} />
    </div>
  )
}

function Overlaps({ e }: { e: Evaluation }) {
  const most = Math.max(1, ...e.overlaps)
  return (
    <div>
      <h3 className="text-xs text-muted">Of the first 10 results, how many stayed: {plural(e.queries, 'query', 'queries')} from {e.source}</h3>
      <ol className="mt-2 flex h-32 items-stretch gap-1" aria-label="Queries by how many of their first 10 results stayed">
        {e.overlaps.map((n, kept) => (
          <li key={kept} className="flex min-w-0 flex-1 flex-col" title={`${kept} of 10 stayed: ${plural(n, 'query', 'queries')}`}>
            <span className="num flex flex-1 flex-col justify-end text-center text-2xs text-muted">
              {n > 0 && <span>{count(n)}</span>}
              <span className={`rounded-t-xs ${n ? 'bg-accent' : 'bg-line'}`} style={{ height: n ? `${Math.max(3, (80 * n) / most)}%` : '1px' }} aria-hidden />
            </span>
            <span className="num border-t border-strong pt-0.5 text-center text-2xs text-muted">{kept}</span>
          </li>
        ))}
      </ol>
    </div>
  )
}

function Pairs({ upgrade: u, e }: { upgrade: Upgrade; e: Evaluation }) {
  const slowest = Math.max(e.old_p95_ms, e.new_p95_ms, 0.001)
  const rows: { name: string; old: number; next: number; whole: number; show: (n: number) => string }[] = [
    { name: 'Median time', old: e.old_p50_ms, next: e.new_p50_ms, whole: slowest, show: ms },
    { name: '95th percentile', old: e.old_p95_ms, next: e.new_p95_ms, whole: slowest, show: ms },
  ]
  if (e.judged > 0) rows.push({ name: `nDCG@10, ${count(e.judged)} judged`, old: e.old_ndcg_at_10 ?? 0, next: e.new_ndcg_at_10 ?? 0, whole: 1, show: (n) => n.toFixed(3) })
  return (
    <div>
      <ul className="flex flex-wrap gap-x-4 text-xs text-muted">
        <li className="flex items-center gap-1.5"><span className="size-2 rounded-sm bg-strong" />old, generation {u.from_generation}</li>
        <li className="flex items-center gap-1.5"><span className="size-2 rounded-sm bg-accent" />new, generation {u.to_generation}</li>
      </ul>
      <dl className="num mt-2 space-y-2">
        {rows.map((r) => (
          <div key={r.name}>
            <dt className="text-xs text-muted">{r.name}</dt>
            {([['old', r.old, 'bg-strong'], ['new', r.next, 'bg-accent']] as const).map(([which, n, colour]) => (
              <dd key={which} className="flex items-center gap-3 leading-4">
                <span className="h-2 flex-1"><span className={`block h-full min-w-0.5 rounded-sm ${colour}`} style={{ width: `${(100 * n) / r.whole}%` }} /></span>
                <span className="w-16 text-right text-xs"><span className="sr-only">{which} </span>{r.show(n)}</span>
              </dd>
            ))}
          </div>
        ))}
      </dl>
      {e.judged === 0 && <p className="mt-2 text-xs text-muted">nDCG needs judgements: <span className="font-mono text-2xs">holdfast models upgrade --judgements</span></p>}
    </div>
  )
}

const quick = 20 // milliseconds up to which a slowdown does not count

/** Thresholds reads the evaluation as the server does; what it decided is the upgrade's state and note. */
function Thresholds({ upgrade: { terms }, e }: { upgrade: Upgrade; e: Evaluation }) {
  const loss = (e.old_ndcg_at_10 ?? 0) - (e.new_ndcg_at_10 ?? 0)
  const all = [
    { met: e.coverage >= 1, what: `${(100 * e.coverage).toFixed(e.coverage >= 1 ? 0 : 2)}% of the records are indexed`, least: 'all' },
    ...(e.queries > 0 ? [{ met: e.overlap_at_10 >= terms.min_overlap, what: `overlap@10 is ${share(e.overlap_at_10)}`, least: `at least ${share(terms.min_overlap)}` }] : []),
    ...(e.judged > 0 ? [{ met: loss <= terms.max_loss, what: `nDCG@10 is ${(e.new_ndcg_at_10 ?? 0).toFixed(3)}, was ${(e.old_ndcg_at_10 ?? 0).toFixed(3)}`, least: `at most ${terms.max_loss.toFixed(3)} lost` }] : []),
    { met: e.new_p95_ms <= quick || e.new_p95_ms <= terms.max_slowdown * e.old_p95_ms, what: `95% of searches within ${ms(e.new_p95_ms)}`, least: `${quick} ms, or ${terms.max_slowdown}× the old` },
  ]
  return (
    <div>
      <h3 className="text-xs text-muted">Thresholds</h3>
      <ul className="num mt-2 space-y-1.5">
        {all.map((t) => (
          <li key={t.what} className="grid grid-cols-[auto_1fr] gap-x-2" data-met={t.met}>
            <span className={t.met ? 'text-ok' : 'text-bad'} aria-label={t.met ? 'met' : 'not met'} role="img">{t.met ? '✓' : '✗'}</span>
            <span>{t.what} <span className="text-xs text-muted">({t.least})</span></span>
          </li>
        ))}
      </ul>
    </div>
  )
}
