import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { api, type Collection, type UpgradePlan } from './api'
import { useModels } from './queries'
import { Card, ErrorNote } from './ui'

/** PlanUpgrade asks for a forecast; nothing is built by it. */
export function PlanUpgrade({ collection, replaces, onDone }: { collection: Collection; replaces: boolean; onDone: (what: string) => void }) {
  const { model = '', chunking } = collection.declaration
  const client = useQueryClient()
  const models = useModels()
  const [to, setTo] = useState(model)
  const [target, setTarget] = useState(String(chunking.target))
  const [max, setMax] = useState(String(chunking.max))
  const [standby, setStandby] = useState('72h')
  const [manual, setManual] = useState(false)
  const plan = useMutation({
    mutationFn: (p: UpgradePlan) => api.planUpgrade(collection.name, p),
    onSuccess: () => {
      onDone('Planned: read the forecast, then approve it. Nothing is built before.')
      void client.invalidateQueries()
    },
  })
  const submit = () => {
    const p: UpgradePlan = { standby }
    if (manual) p.manual = true
    if (to !== model) p.model = to
    if (Number(target) !== chunking.target || Number(max) !== chunking.max) p.chunking = { target: Number(target), max: Number(max) }
    plan.mutate(p)
  }
  return (
    <Card title="Plan an upgrade" aside={replaces ? 'replaces the plan above' : undefined}>
      <form data-plan className="px-4 py-3" onSubmit={(e) => { e.preventDefault(); submit() }}>
        <div className="grid items-end gap-3 sm:flex sm:flex-wrap">
          <Labelled label="Model">
            <select name="model" className="field w-full min-w-40" value={to} onChange={(e) => setTo(e.target.value)}>
              {!models.data?.items.some((m) => m.name === model) && <option>{model}</option>}
              {models.data?.items.map((m) => <option key={m.name}>{m.name}</option>)}
            </select>
          </Labelled>
          <Labelled label="Tokens of a passage">
            <input name="target" type="number" min={1} required className="field w-full sm:w-28" value={target} onChange={(e) => setTarget(e.target.value)} />
          </Labelled>
          <Labelled label="at most">
            <input name="max" type="number" min={1} required className="field w-full sm:w-28" value={max} onChange={(e) => setMax(e.target.value)} />
          </Labelled>
          <Labelled label="Old one fed for">
            <input name="standby" required className="field w-full sm:w-24" value={standby} onChange={(e) => setStandby(e.target.value)} />
          </Labelled>
          <label className="flex h-8 items-center gap-2">
            <input name="manual" type="checkbox" checked={manual} onChange={(e) => setManual(e.target.checked)} />
            Switch by hand only
          </label>
          <button type="submit" className="button button-primary sm:ml-auto" disabled={plan.isPending}>{plan.isPending ? 'Planning' : 'Plan'}</button>
        </div>
        <p className="mt-2 text-xs text-muted">You get a forecast of tokens, price and time. Models are declared in <span className="font-mono text-2xs">holdfast.yaml</span>; policies and content change on the command line.</p>
        <div className="mt-2 empty:hidden"><ErrorNote error={plan.error ?? models.error} /></div>
      </form>
    </Card>
  )
}

function Labelled({ label, children }: { label: string; children: ReactNode }) {
  return <label className="grid gap-1 text-xs text-muted">{label}{children}</label>
}
