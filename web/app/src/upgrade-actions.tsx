import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { api, type Upgrade, type UpgradeState, type Verb } from './api'
import { count, duration, plural, price } from './format'
import { Confirm } from './ui'

export const standby = (u: Upgrade) => duration(u.terms.standby / 1e6)

interface Action {
  label: string
  asks: string
  danger?: boolean
  reason?: boolean // it is kept with the upgrade
  effects: (u: Upgrade) => ReactNode[]
  did: (u: Upgrade) => string
}

const actions: Record<Verb, Action> = {
  approve: {
    label: 'Approve',
    asks: 'Build the new generation?',
    reason: true,
    effects: (u) => [
      <>{plural(u.forecast.records, 'record')} are built anew beside what is searched now, for about {count(u.forecast.tokens)} tokens at a price of {price(u.forecast.price)}.</>,
      u.terms.manual
        ? 'It is evaluated, and then waits until you switch it.'
        : 'It is evaluated, and switched to by itself if it meets the thresholds.',
      <>After the switch the old one is fed for {standby(u)}, so that you can roll back.</>,
    ],
    did: (u) => `Approved: generation ${u.to_generation} is being built beside generation ${u.from_generation}, which goes on answering.`,
  },
  abort: {
    label: 'Abort',
    asks: 'Give this upgrade up?',
    danger: true,
    reason: true,
    effects: (u) => (u.state === 'planned'
      ? ['Nothing has been built. A new plan can be made at any time.']
      : [`Generation ${u.to_generation} is given up and its index dropped; generation ${u.from_generation} stays as it is.`, 'Vectors that were computed are kept for a time and not paid again.']),
    did: (u) => `Aborted: generation ${u.from_generation} answers as before.`,
  },
  switch: {
    label: 'Switch',
    asks: 'Let the new generation answer?',
    effects: (u) => [
      `From now on searches are answered by generation ${u.to_generation}, whatever the thresholds said.`,
      <>Generation {u.from_generation} is fed for {standby(u)} more, so that you can roll back.</>,
    ],
    did: (u) => `Switched: generation ${u.to_generation} answers; generation ${u.from_generation} is on standby.`,
  },
  rollback: {
    label: 'Roll back',
    asks: 'Return to the old generation?',
    effects: (u) => [
      `Generation ${u.from_generation} answers again at once, with nothing stale.`,
      `Generation ${u.to_generation} goes on standby. To switch to it again takes a new upgrade, whose vectors are there already.`,
    ],
    did: (u) => `Rolled back: generation ${u.from_generation} answers again.`,
  },
  retire: {
    label: 'Retire',
    asks: 'End the standby now?',
    danger: true,
    effects: (u) => [
      `The index of generation ${u.state === 'switched' ? u.from_generation : u.to_generation} is dropped and fed no longer.`,
      ...(u.state === 'switched' ? ['There is no way back to it then but a new upgrade.'] : []),
    ],
    did: () => 'Retired: one generation is left, and another upgrade can begin.',
  },
}

const possible: Record<UpgradeState, Verb[]> = {
  planned: ['approve', 'abort'],
  building: ['abort'],
  held: ['switch', 'abort'],
  switched: ['rollback', 'retire'],
  'rolled-back': ['retire'],
  aborted: [],
  done: [],
}

/** UpgradeActions are what can be done with an upgrade as it stands; each asks first. */
export function UpgradeActions({ upgrade, onDone }: { upgrade: Upgrade; onDone: (what: string) => void }) {
  const client = useQueryClient()
  const [asked, setAsked] = useState<{ verb: Verb; of: Upgrade }>() // the upgrade as it was when asked about
  const [reason, setReason] = useState('')
  const act = useMutation({
    mutationFn: (a: { verb: Verb; of: Upgrade }) => api.actUpgrade(a.of, a.verb, actions[a.verb].reason ? reason.trim() : undefined),
    onSuccess: (u, a) => {
      setAsked(undefined)
      onDone(actions[a.verb].did(u))
      void client.invalidateQueries()
    },
  })
  const action = asked && actions[asked.verb]
  return (
    <>
      {possible[upgrade.state].map((verb, i) => (
        <button
          key={verb}
          type="button"
          data-verb={verb}
          className={`button ${actions[verb].danger ? 'button-danger' : i === 0 ? 'button-primary' : ''}`}
          onClick={() => { act.reset(); setReason(''); setAsked({ verb, of: upgrade }) }}
        >
          {actions[verb].label}
        </button>
      ))}
      {asked && action && (
        <Confirm title={action.asks} verb={action.label} danger={action.danger} pending={act.isPending} error={act.error} onConfirm={() => act.mutate(asked)} onCancel={() => setAsked(undefined)}>
          <ul className="my-3 list-disc space-y-1 pl-5 text-muted">{action.effects(asked.of).map((e, i) => <li key={i}>{e}</li>)}</ul>
          {action.reason && (
            <label className="mb-3 grid gap-1 text-xs text-muted">
              Reason, kept with the upgrade
              <input name="reason" className="field" maxLength={500} value={reason} onChange={(e) => setReason(e.target.value)} placeholder="optional" />
            </label>
          )}
        </Confirm>
      )}
    </>
  )
}
