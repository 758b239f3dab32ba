import { useEffect, useRef } from 'react'
import type { DeadLetter } from './api'
import { count, plural } from './format'
import { ErrorNote } from './ui'

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

export interface Outcome {
  indexed: number
  failed: number // again
  waiting: number
}

/** outcome compares the letters of a replay with those that are open now. */
export function outcome(replay: Replay, open: DeadLetter[]): Outcome {
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
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    dialog.current?.showModal()
  }, [])
  return (
    <dialog ref={dialog} onClose={onCancel} aria-labelledby="replay-title" data-confirm className="card m-auto w-[min(30rem,calc(100vw-2rem))] p-5 text-ink shadow-2xl">
      <h2 id="replay-title" className="text-base font-semibold">Replay {scope.what.charAt(0).toLowerCase() + scope.what.slice(1)}?</h2>
      <ul className="my-3 list-disc space-y-1 pl-5 text-muted">
        <li>Each record goes back into the queue and is taken through the pipeline again, as it is now.</li>
        <li>Passages whose vectors exist are not embedded again; the others cost a call to the model.</li>
        <li>A dead letter stays open until its record is indexed. One that fails again stays, with one more try.</li>
      </ul>
      <ErrorNote error={error} />
      <div className="mt-4 flex justify-end gap-2">
        <button type="button" className="button" onClick={() => dialog.current?.close()}>Cancel</button>
        <button type="button" className="button button-primary" disabled={pending} onClick={onConfirm} autoFocus>{pending ? 'Replaying' : 'Replay'}</button>
      </div>
    </dialog>
  )
}

export function ReplayOutcome({ replay, result, onClose }: { replay: Replay; result: Outcome; onClose: () => void }) {
  const { indexed, failed, waiting } = result
  const partial = replay.replayed > replay.scope.letters.length
  return (
    <div role="status" data-outcome className="card flex items-start justify-between gap-4 px-4 py-3">
      <div>
        <p className="num font-medium">{plural(replay.replayed, 'dead letter')} went back into the queue</p>
        <p className="num text-muted">
          {partial && 'Of those shown here: '}
          <span className={indexed ? 'text-ok' : ''}>{count(indexed)} indexed</span>, <span className={failed ? 'text-bad' : ''}>{count(failed)} failed again</span>, {count(waiting)} waiting
        </p>
      </div>
      <button type="button" className="button button-small" onClick={onClose}>Dismiss</button>
    </div>
  )
}
