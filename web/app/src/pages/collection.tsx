import { Link, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import type { Generation, Status, Upgrade } from '../api'
import { at, count, lag, lagging, plural, until } from '../format'
import { PlanUpgrade } from '../plan-upgrade'
import { useCollections, useStatus, useUpgrades } from '../queries'
import { Card, Dot, Empty, ErrorNote, Figure, Figures, Outcome, PageHeader, Skeleton, Time } from '../ui'
import { change, ProgressBar, UpgradeLabel, UpgradeView } from '../upgrade-view'

export function CollectionPage() {
  const { collection: name } = useParams({ from: '/collections/$collection' })
  return <Page key={name} name={name} />
}

function Page({ name }: { name: string }) {
  const collections = useCollections()
  const status = useStatus(name)
  const upgrades = useUpgrades(name)
  const [done, setDone] = useState<string>()
  const collection = collections.data?.items.find((c) => c.name === name)
  const [newest, ...earlier] = upgrades.data?.items ?? []
  const error = status.error ?? upgrades.error ?? collections.error
  const under = newest && ['building', 'held', 'switched', 'rolled-back'].includes(newest.state)
  return (
    <>
      <PageHeader title={name} hint={collection && <>Content {collection.declaration.content.join(', ')} · declared <Time iso={collection.updated_at} /></>}>
        <Link to="/search" search={{ c: name }} className="button">Search</Link>
      </PageHeader>
      <div className="grid gap-4">
        <ErrorNote error={error} retry={() => { void status.refetch(); void upgrades.refetch() }} />
        {status.isPending && <Card><Skeleton rows={4} /></Card>}
        {status.data && <Totals s={status.data} />}
        {status.data && <Generations s={status.data} upgrade={newest} />}
        {upgrades.isPending && <Card><Skeleton rows={6} /></Card>}
        {done && <Outcome title={done} onClose={() => setDone(undefined)} />}
        {newest && <UpgradeView upgrade={newest} status={status.data} onDone={setDone} />}
        {upgrades.data && !newest && (
          <Card title="Upgrade">
            <div data-no-upgrade><Empty title="Nothing has been upgraded yet">To change the model or the passages, plan it below. The new generation is built beside this one, compared with it, and can be taken back.</Empty></div>
          </Card>
        )}
        {collection && upgrades.data && !under && <PlanUpgrade key={collection.updated_at} collection={collection} replaces={newest?.state === 'planned'} onDone={setDone} />}
        {earlier.length > 0 && <Earlier upgrades={earlier} />}
      </div>
    </>
  )
}

function Totals({ s }: { s: Status }) {
  return (
    <Figures className="sm:grid-cols-5">
      <Figure name="Records" figure={count(s.records)} />
      <Figure name="Passages" figure={count(s.passages)} />
      <Figure name="Pending changes" figure={count(s.pending_changes)} />
      <Figure name="Lag" figure={<span className={s.lag_seconds > lagging ? 'text-warn' : ''}>{lag(s)}</span>} />
      <Figure name="Dead letters" figure={s.dead_letters ? <Link to="/dead-letters" search={{ collection: s.collection }} className="text-bad hover:underline">{count(s.dead_letters)}</Link> : '0'} />
    </Figures>
  )
}

const colours = { active: 'bg-done', building: 'bg-info', standby: 'bg-warn', retired: 'bg-strong' }

function Generations({ s, upgrade }: { s: Status; upgrade?: Upgrade }) {
  const all = [...(s.generation ? [s.generation] : []), ...(s.other_generations ?? [])]
  return (
    <Card title="Generations" aside={all.length > 1 ? 'changes go to each' : undefined}>
      {all.length === 0 && <Empty title="There is no active generation">The collection can't be searched yet.</Empty>}
      <ul className="divide-y divide-line">
        {all.map((g) => (
          <li key={g.id} data-generation={g.state} className="grid gap-x-6 gap-y-1 px-4 py-2.5 sm:grid-cols-[5.5rem_minmax(0,1fr)_minmax(0,16rem)] sm:items-center">
            <Dot colour={colours[g.state]}>{g.state}</Dot>
            <span className="min-w-0">
              <b className="font-medium">{g.model}</b> <span className="num text-muted">{g.dimensions} d · policy {g.policy} · </span>
              <span className="font-mono text-xs text-muted" title={`Fingerprint ${g.fingerprint}`}>{g.fingerprint.slice(0, 8)}</span>
              <span className="num text-muted"> · generation {g.id}, <Time iso={g.created_at} /></span>
            </span>
            <span className="num text-muted sm:text-right"><Progress g={g} records={s.records} upgrade={upgrade} /></span>
          </li>
        ))}
      </ul>
    </Card>
  )
}

/** Progress says how far a generation is, or how long it is kept. */
function Progress({ g, records, upgrade }: { g: Generation; records: number; upgrade?: Upgrade }) {
  const left = g.pending_changes ?? 0
  if (g.state === 'active') return 'answers searches'
  if (g.state === 'standby') {
    const end = upgrade?.standby_until
    return <>{end ? <>until <time dateTime={end} title={until(end)}>{at(end)}</time></> : 'kept ready'}{left > 0 && `, ${plural(left, 'change')} pending`}</>
  }
  const whole = Math.max(records, left, 1)
  return left === 0 ? 'built' : <><ProgressBar done={whole - left} whole={whole} label={`Generation ${g.id}`} /><span className="text-xs">{plural(left, 'change')} pending</span></>
}

function Earlier({ upgrades }: { upgrades: Upgrade[] }) {
  return (
    <Card title="Earlier upgrades" aside={count(upgrades.length)}>
      <table className="rows">
        <thead><tr><th>State</th><th>Change</th><th className="hidden !text-right sm:table-cell">Overlap@10</th><th className="hidden md:table-cell">Note</th><th className="!text-right">Planned</th></tr></thead>
        <tbody>
          {upgrades.map((u) => (
            <tr key={u.id}>
              <td><UpgradeLabel state={u.state} /></td>
              <td>{change(u)}</td>
              <td className="num hidden text-right sm:table-cell">{u.evaluation?.queries ? u.evaluation.overlap_at_10.toFixed(2) : '–'}</td>
              <td className="hidden text-muted md:table-cell">{u.note ?? '–'}</td>
              <td className="text-right text-muted"><Time iso={u.planned_at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  )
}
