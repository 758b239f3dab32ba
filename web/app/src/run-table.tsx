import { Link } from '@tanstack/react-router'
import type { Run } from './api'
import { between, duration } from './format'
import { Empty, stateColour, StateLabel, Time } from './ui'

/** RunTable lists runs, each with its steps as cells. */
export function RunTable({ runs, empty }: { runs: Run[]; empty: string }) {
  if (runs.length === 0) return <Empty title={empty} />
  return (
    <table className="rows" data-runs>
      <thead>
        <tr>
          <th>State</th>
          <th>Run</th>
          <th className="hidden sm:table-cell">Pipeline</th>
          <th>Steps</th>
          <th className="hidden sm:table-cell">Started</th>
          <th className="!text-right">Took</th>
        </tr>
      </thead>
      <tbody>
        {runs.map((r) => (
          <tr key={r.id} className="relative hover:bg-sunken/60">
            <td><StateLabel state={r.state} /></td>
            <td>
              <Link to="/runs/$id" params={{ id: r.id }} className="font-mono text-xs after:absolute after:inset-0 hover:text-accent" title={r.id}>{r.id.slice(0, 12)}</Link>
            </td>
            <td className="hidden sm:table-cell">{r.pipeline}</td>
            <td>
              <span className="flex gap-0.5" role="img" aria-label={r.steps.map((s) => `${s.name} ${s.state}`).join(', ')}>
                {r.steps.map((s) => <span key={s.name} title={`${s.name}: ${s.state}`} className={`h-4 w-3 rounded-xs sm:w-4 ${stateColour(s.state)}`} />)}
              </span>
            </td>
            <td className="hidden text-muted sm:table-cell"><Time iso={r.started_at} /></td>
            <td className="num whitespace-nowrap text-right">{duration(between(r.started_at, r.finished_at))}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
