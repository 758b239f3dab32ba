import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { api, type Cost, type CostBy, type Model } from '../api'
import { count, percent, price, short, until } from '../format'
import { live, useModels } from '../queries'
import { Card, Choice, Dot, Empty, ErrorNote, Fact, PageHeader, Skeleton } from '../ui'

export function ModelsPage() {
  const models = useModels()
  return (
    <>
      <PageHeader title="Models" hint="What texts are embedded with, and what it costs" />
      <div className="grid gap-4">
        <Card title="Embedding models" aside={<>declared in <span className="font-mono">holdfast.yaml</span></>}>
          {models.isPending && <Skeleton rows={3} />}
          {models.error && <div className="p-4"><ErrorNote error={models.error} retry={() => models.refetch()} /></div>}
          {models.data?.items.length === 0 && <Empty title="There is no model">Declare one under models: in holdfast.yaml.</Empty>}
          <ul className="divide-y divide-line">{models.data?.items.map((m) => <ModelRow key={m.name} m={m} />)}</ul>
        </Card>
        <Costs />
      </div>
    </>
  )
}

const colours: Record<Model['state'], string> = { ok: 'bg-done', held: 'bg-bad', down: 'bg-bad', 'over budget': 'bg-warn', waiting: 'bg-warn', changed: 'bg-warn' }

function ModelRow({ m }: { m: Model }) {
  return (
    <li className="px-4 py-3" data-model={m.name}>
      <div className="flex items-baseline justify-between gap-x-4">
        <p className="min-w-0 break-words"><b className="font-medium">{m.name}</b> <span className="text-muted">{m.provider} · {m.identity}{m.revision && <> · <span title={`Revision ${m.revision}`}>{m.revision.slice(0, 12)}</span></>}</span></p>
        <Dot colour={colours[m.state]}>{m.state}</Dot>
      </div>
      {m.why && <p className="break-words text-warn">{m.why}{m.until && ` (${until(m.until)})`}</p>}
      <dl className="num mt-1 grid grid-cols-2 gap-x-6 gap-y-1 sm:grid-cols-4">
        <Fact name="Collections">
          {m.collections.length === 0 ? <span className="text-muted">none</span> : m.collections.map((c, i) => <span key={c}>{i > 0 && ', '}<Link to="/collections/$collection" params={{ collection: c }} className="link">{c}</Link></span>)}
        </Fact>
        <Fact name="Fingerprint"><span className="font-mono text-xs" title={m.fingerprint}>{m.fingerprint.slice(0, 12)}</span></Fact>
        <Fact name="Dimensions">{count(m.dimensions)}</Fact>
        <Fact name="Price, a million tokens">{price(m.price_per_million_tokens)}</Fact>
        {m.budgets?.map((b) => <Fact key={`${b.of} ${b.period}`} name={`Budget of ${b.of}, a ${b.period}`}>{price(b.spent)} of {price(b.budget)}</Fact>)}
      </dl>
    </li>
  )
}

const ways = [{ value: 'collection', label: 'By collection' }, { value: 'model', label: 'By model' }, { value: 'day', label: 'By day' }] as const
const day = 86_400_000

/** lastDays lists days (UTC), the oldest first. */
function lastDays(n: number): string[] {
  const today = Math.floor(Date.now() / day) * day
  return Array.from({ length: n }, (_, i) => new Date(today - (n - 1 - i) * day).toISOString().slice(0, 10))
}

function useCosts(by: CostBy, since: string) {
  return useQuery({ queryKey: ['costs', by, since], queryFn: ({ signal }) => api.costs(by, since, signal), refetchInterval: live * 5 })
}

function Costs() {
  const { by = 'collection', days: chosen = '30' } = useSearch({ from: '/models' })
  const navigate = useNavigate({ from: '/models' })
  const days = lastDays(Number(chosen))
  const daily = useCosts('day', days[0]!)
  const listed = useCosts(by, days[0]!)
  const total = listed.data?.total
  return (
    <>
      <div className="mt-2 flex flex-wrap items-center justify-between gap-2">
        <h2 className="text-base font-semibold tracking-tight">Costs</h2>
        <div className="flex flex-wrap gap-2">
          <Choice label="List" options={ways} value={by} onChange={(v) => navigate({ search: (s) => ({ ...s, by: v === 'collection' ? undefined : v }) })} />
          <select className="field" aria-label="Days" value={chosen} onChange={(e) => navigate({ search: (s) => ({ ...s, days: e.target.value === '30' ? undefined : e.target.value }) })}>
            {['7', '30', '90'].map((n) => <option key={n} value={n}>{n} days</option>)}
          </select>
        </div>
      </div>
      <Card title="By day" aside="UTC">
        {daily.data ? <Days days={days} costs={daily.data.items} total={daily.data.total} /> : daily.error ? <div className="p-4"><ErrorNote error={daily.error} /></div> : <Skeleton rows={5} />}
      </Card>
      <Card>
        {listed.error && <div className="p-4"><ErrorNote error={listed.error} retry={() => listed.refetch()} /></div>}
        {listed.isPending && <Skeleton rows={4} />}
        {listed.data?.items.length === 0 && <Empty title="Nothing has been embedded in this time">Load records, and what it costs is counted here.</Empty>}
        {listed.data && listed.data.items.length > 0 && (
          <table className="rows" data-costs={by}>
            <thead>
              <tr>
                <th>{by.charAt(0).toUpperCase() + by.slice(1)}</th>
                {['Requests', 'Tokens', 'Computed', 'Reused'].map((h) => <th key={h} className="hidden !text-right sm:table-cell">{h}</th>)}
                <th className="!text-right">Spent</th>
                <th className="!text-right">Saved</th>
              </tr>
            </thead>
            <tbody>
              {listed.data.items.map((c) => <CostRow key={c.of} c={c} name={c.of} />)}
              {total && <CostRow c={total} name="Total" strong />}
            </tbody>
          </table>
        )}
      </Card>
    </>
  )
}

function CostRow({ c, name, strong = false }: { c: Cost; name: string; strong?: boolean }) {
  const wide = 'num hidden text-right sm:table-cell'
  return (
    <tr className={strong ? 'font-medium' : ''}>
      <td className="break-words">{name}</td>
      <td className={wide}>{count(c.requests)}</td>
      <td className={wide}>{count(c.tokens)}</td>
      <td className={wide}>{count(c.computed)}</td>
      <td className={wide}>{count(c.reused)} <span className="text-muted">{percent(c.reused, c.reused + c.computed)}</span></td>
      <td className="num text-right">{price(c.spent)}</td>
      <td className="num text-right text-ok">{price(c.saved)}</td>
    </tr>
  )
}

/** Days draws what was spent and, on top, what reuse saved; in tokens where nothing has a price. */
function Days({ days, costs, total }: { days: string[]; costs: Cost[]; total: Cost }) {
  const priced = total.spent + total.saved > 0
  const show = priced ? price : short
  const of = (c?: Cost) => (priced ? [c?.spent ?? 0, c?.saved ?? 0] : [c?.tokens ?? 0, c?.saved_tokens ?? 0]) as [number, number]
  const bars = days.map((d) => ({ d, of: of(costs.find((c) => c.of === d)) }))
  const most = Math.max(...bars.map((b) => b.of[0] + b.of[1])) || 1
  const [spent, saved] = of(total)
  return (
    <div className="px-4 py-3">
      <ul className="flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted">
        <li className="flex items-center gap-1.5"><span className="size-2 rounded-sm bg-accent" />{priced ? 'spent' : 'tokens embedded (no model has a price)'} <b className="num font-medium text-ink">{show(spent)}</b></li>
        <li className="flex items-center gap-1.5"><span className="size-2 rounded-sm bg-strong" />{priced ? 'saved by reuse' : 'tokens saved by reuse'} <b className="num font-medium text-ink">{show(saved)}</b></li>
      </ul>
      <div data-days role="img" aria-label={`${priced ? 'Spent' : 'Tokens'} by day: ${show(spent)}, and ${show(saved)} saved; at most ${show(most)} a day`} className="mt-3 flex h-32 items-end gap-px border-b border-strong sm:gap-1">
        {bars.map(({ d, of: [s, r] }) => (
          <span key={d} title={`${d}: ${show(s)}${priced ? ' spent' : ' tokens'}, ${show(r)} saved`} className="flex h-full min-w-0 flex-1 flex-col justify-end hover:bg-sunken">
            <span className="rounded-t-xs bg-strong" style={{ height: `${(100 * r) / most}%` }} />
            <span className="bg-accent" style={{ height: `${(100 * s) / most}%` }} />
          </span>
        ))}
      </div>
      <p className="num mt-1 flex justify-between text-2xs text-muted"><span>{days[0]}</span><span>{days.at(-1)}</span></p>
    </div>
  )
}
