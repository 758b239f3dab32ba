import { Link } from '@tanstack/react-router'
import type { Declaration, Status, Upgrade, UpgradeState } from './api'
import { at, count, duration, price, until } from './format'
import { EvaluationView } from './evaluation'
import { standby, UpgradeActions } from './upgrade-actions'
import { Card, Dot, Fact, Time } from './ui'

const colours: Record<UpgradeState, string> = {
  planned: 'bg-transparent ring-1 ring-inset ring-strong',
  building: 'bg-info',
  held: 'bg-warn',
  switched: 'bg-done',
  'rolled-back': 'bg-warn',
  aborted: 'bg-strong',
  done: 'bg-done',
}

const says: Record<UpgradeState, string> = {
  planned: 'waits for approval; nothing is built',
  building: 'the new generation is built and evaluated beside the old one',
  held: 'built; waits for you',
  switched: 'the new generation answers, the old one is on standby',
  'rolled-back': 'the old generation answers again',
  aborted: 'given up',
  done: 'the old generation is retired',
}

export const UpgradeLabel = ({ state }: { state: UpgradeState }) => <Dot colour={colours[state]}>{state}</Dot>

/** change says what an upgrade changes, from what to what. */
export function change(u: Upgrade): string {
  const passages = (d: Declaration) => `${d.chunking.target}–${d.chunking.max} tokens`
  const told: Record<string, string> = {
    model: u.before.model === u.declaration.model ? `${u.declaration.model}, as it is now` : `${u.before.model} → ${u.declaration.model}`,
    chunking: `passages of ${passages(u.before)} → ${passages(u.declaration)}`,
    policy: u.before.policy === u.declaration.policy ? `policy ${u.declaration.policy}, as it is now` : `policy ${u.before.policy} → ${u.declaration.policy}`,
    content: `content ${u.before.content.join(', ')} → ${u.declaration.content.join(', ')}`,
  }
  return u.reasons.map((r) => told[r] ?? r).join('; ')
}

/** UpgradeView shows the newest upgrade and what can be done with it. */
export function UpgradeView({ upgrade: u, status, onDone }: { upgrade: Upgrade; status?: Status; onDone: (what: string) => void }) {
  return (
    <Card title="Upgrade" aside={<>planned <Time iso={u.planned_at} /></>}>
      <div data-upgrade={u.state}>
        <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-3 border-b border-line px-4 py-3">
          <div className="min-w-0">
            <p className="text-base font-semibold tracking-tight">{change(u)}</p>
            <p className="text-muted"><span className="text-ink"><UpgradeLabel state={u.state} /></span>: {says[u.state]}</p>
          </div>
          <div className="flex flex-wrap gap-2"><UpgradeActions upgrade={u} onDone={onDone} /></div>
        </div>
        {u.note && <p data-note className={`border-b border-line px-4 py-2 ${u.state === 'held' ? 'text-warn' : 'text-muted'}`}>{u.note}{u.run && u.state === 'held' && <> · <Link to="/runs/$id" params={{ id: u.run }} className="link">run</Link></>}</p>}
        {u.state === 'building' && <Progress u={u} status={status} />}
        <Forecast u={u} />
        {u.evaluation && <div className="border-t border-line px-4 py-3"><EvaluationView upgrade={u} evaluation={u.evaluation} /></div>}
        <History u={u} />
      </div>
    </Card>
  )
}

function Progress({ u, status }: { u: Upgrade; status?: Status }) {
  const next = status?.other_generations?.find((g) => g.id === u.to_generation)
  if (!next) return null
  const left = next.pending_changes ?? 0
  const whole = Math.max(u.forecast.records, left, 1)
  return (
    <div className="border-b border-line px-4 py-3">
      <ProgressBar done={whole - left} whole={whole} label={`Generation ${next.id}`} />
      <p className="num mt-1 text-xs text-muted">{left ? `${count(whole - left)} of ${count(whole)} records built` : 'All records are built; it is being evaluated'}</p>
    </div>
  )
}

export function ProgressBar({ done, whole, label }: { done: number; whole: number; label: string }) {
  return (
    <div role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={whole} aria-valuenow={done} className="h-2 overflow-hidden rounded-sm bg-sunken">
      <div className="h-full bg-info transition-[width]" style={{ width: `${(100 * done) / whole}%` }} />
    </div>
  )
}

function Forecast({ u }: { u: Upgrade }) {
  const f = u.forecast
  return (
    <dl className="num grid grid-cols-2 gap-x-6 gap-y-3 px-4 py-3 sm:grid-cols-4" data-forecast>
      <Fact name="Records">{count(f.records)}</Fact>
      <Fact name="Passages">{count(f.passages)}</Fact>
      <Fact name="Of them reused">{count(f.reused)}</Fact>
      <Fact name="Tokens to embed">{count(f.tokens)}</Fact>
      <Fact name="Price">{price(f.price)}</Fact>
      <Fact name="Time">{f.seconds > 0 ? duration(1000 * f.seconds) : <span className="text-muted">no limit is set</span>}</Fact>
      <Fact name="Standby, a day">{price(f.standby_price_per_day)}</Fact>
      <Fact name="Standby lasts">{standby(u)}</Fact>
    </dl>
  )
}

function History({ u }: { u: Upgrade }) {
  const parts = [
    u.approved_at && <>approved <Time iso={u.approved_at} />{u.approved_by && <> by {u.approved_by}</>}{u.approved_for && <>: “{u.approved_for}”</>}</>,
    u.switched_at && <>{u.state === 'rolled-back' ? 'rolled back' : 'switched'} <Time iso={u.switched_at} /></>,
    u.standby_until && <>standby ends <span title={at(u.standby_until)}>{until(u.standby_until)}</span></>,
    u.ended_at && <>ended <Time iso={u.ended_at} /></>,
    u.terms.manual && 'switched by hand only',
  ].filter(Boolean)
  if (parts.length === 0) return null
  return <p className="border-t border-line px-4 py-2 text-xs text-muted">{parts.map((p, i) => <span key={i} className="break-words">{i > 0 && ' · '}{p}</span>)}</p>
}
