import type { DeadLetter } from './api'
import { count, plural } from './format'
import { Confirm, Outcome } from './ui'

/** Scope is what one replay is about. */
export interface Scope {
  what: string
  body: { ids?: string[]; collection?: string }
  letters: DeadLetter[] // those of it that the page knows, as they were before
}

export interface Replay {
  scope: Scope
  replayed: number
}

export interface Result {
  indexed: number
  failed: number // again
  waiting: number
}

/** outcome compares the letters of a replay with those that are open now. */
export function outcome(replay: Replay, open: DeadLetter[]): Result {
  const now = new Map(open.map((l) => [l.id, l]))
  const result = { indexed: 0, failed: 0, waiting: 0 }
  for (const before of replay.scope.letters) {
    const after = now.get(before.id)
    if (!after) result.indexed++
    else if (after.attempts > before.attempts) result.failed++
    else result.waiting++
  }
  return result
}

export function ConfirmReplay({ scope, pending, error, onConfirm, onCancel }: { scope: Scope; pending: boolean; error: unknown; onConfirm: () => void; onCancel: () => void }) {
  return (
    <Confirm title={`Replay ${scope.what.charAt(0).toLowerCase() + scope.what.slice(1)}?`} verb={pending ? 'Replaying' : 'Replay'} pending={pending} error={error} onConfirm={onConfirm} onCancel={onCancel}>
      <ul className="my-3 list-disc space-y-1 pl-5 text-muted">
        <li>Each record goes back into the queue and is taken through the pipeline again, as it is now.</li>
        <li>Passages whose vectors exist are not embedded again; the others cost a call to the model.</li>
        <li>A dead letter stays open until its record is indexed. One that fails again stays, with one more try.</li>
      </ul>
    </Confirm>
  )
}

export function ReplayOutcome({ replay, result, onClose }: { replay: Replay; result: Result; onClose: () => void }) {
  const { indexed, failed, waiting } = result
  const partial = replay.replayed > replay.scope.letters.length
  return (
    <Outcome title={`${plural(replay.replayed, 'dead letter')} went back into the queue`} onClose={onClose}>
      {partial && 'Of those shown here: '}
      <span className={indexed ? 'text-ok' : ''}>{count(indexed)} indexed</span>, <span className={failed ? 'text-bad' : ''}>{count(failed)} failed again</span>, {count(waiting)} waiting
    </Outcome>
  )
}
