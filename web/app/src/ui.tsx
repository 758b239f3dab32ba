import { useEffect, useId, useRef, type ReactNode } from 'react'
import { Gone, Problem, type State } from './api'
import { ago, at } from './format'

/** PageHeader heads a page; name is its title where that is not plain text. */
export function PageHeader({ title, name, hint, children }: { title: ReactNode; name?: string; hint?: ReactNode; children?: ReactNode }) {
  return (
    <header className="mb-4 flex flex-wrap items-end justify-between gap-x-4 gap-y-2">
      <title>{`${name ?? String(title)} · Holdfast`}</title>
      <div className="min-w-0">
        <h1 className="truncate text-lg font-semibold tracking-tight">{title}</h1>
        {hint && <p className="text-muted">{hint}</p>}
      </div>
      {children}
    </header>
  )
}

export function Card({ title, aside, children, className = '' }: { title?: ReactNode; aside?: ReactNode; children: ReactNode; className?: string }) {
  return (
    <section className={`card min-w-0 ${className}`}>
      {title && (
        <div className="flex items-baseline justify-between gap-3 border-b border-line px-4 py-2.5">
          <h2 className="font-medium">{title}</h2>
          {aside && <div className="truncate text-xs text-muted">{aside}</div>}
        </div>
      )}
      {children}
    </section>
  )
}

const colours: Record<State, string> = {
  waiting: 'bg-transparent ring-1 ring-inset ring-strong',
  running: 'bg-info',
  retrying: 'bg-warn',
  succeeded: 'bg-done',
  failed: 'bg-bad',
  skipped: 'bg-strong',
  cancelled: 'bg-strong',
}

export const stateColour = (s: State) => colours[s] ?? colours.waiting

export const StateLabel = ({ state }: { state: State }) => <Dot colour={stateColour(state)}>{state}</Dot>

/** Dot marks a word with a colour. */
export function Dot({ colour, children }: { colour: string; children: ReactNode }) {
  return (
    <span className="inline-flex items-center gap-2 whitespace-nowrap">
      <span className={`size-2 shrink-0 rounded-full ${colour}`} aria-hidden />
      {children}
    </span>
  )
}

/** Figures are large; each child is a Figure. */
export function Figures({ children, className = '' }: { children: ReactNode; className?: string }) {
  return <dl className={`card grid grid-cols-2 gap-px overflow-hidden bg-line ${className}`}>{children}</dl>
}

export function Figure({ name, figure }: { name: string; figure: ReactNode }) {
  return (
    <div className="bg-surface px-4 py-3 max-sm:last:odd:col-span-2">
      <dt className="text-xs text-muted">{name}</dt>
      <dd className="num mt-0.5 text-xl font-semibold tracking-tight" data-figure={name}>{figure}</dd>
    </div>
  )
}

/** Fact is a name with what it stands for, in a dl. */
export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return <div className="min-w-0"><dt className="text-xs text-muted">{name}</dt><dd className="truncate">{children}</dd></div>
}

/** Confirm asks before something is done. The first control has the focus: a field, or Cancel. */
export function Confirm({ title, verb, pending, error, danger = false, onConfirm, onCancel, children }: {
  title: string
  verb: string
  pending: boolean
  error: unknown
  danger?: boolean
  onConfirm: () => void
  onCancel: () => void
  children: ReactNode
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useId()
  useEffect(() => {
    dialog.current?.showModal()
  }, [])
  return (
    <dialog ref={dialog} onClose={onCancel} aria-labelledby={heading} data-confirm className="card m-auto w-[min(30rem,calc(100vw-2rem))] p-5 text-ink shadow-2xl">
      <form onSubmit={(e) => { e.preventDefault(); onConfirm() }}>
        <h2 id={heading} className="text-base font-semibold">{title}</h2>
        {children}
        <ErrorNote error={error} />
        <div className="mt-4 flex justify-end gap-2">
          <button type="button" className="button" onClick={() => dialog.current?.close()}>Cancel</button>
          <button type="submit" className={`button ${danger ? 'button-danger' : 'button-primary'}`} disabled={pending} data-do>{verb}</button>
        </div>
      </form>
    </dialog>
  )
}

/** Outcome says what was done, until it is dismissed. */
export function Outcome({ title, onClose, children }: { title: ReactNode; onClose: () => void; children?: ReactNode }) {
  return (
    <div role="status" data-outcome className="card flex items-start justify-between gap-4 px-4 py-3">
      <div className="min-w-0">
        <p className="num font-medium">{title}</p>
        {children && <div className="num text-muted">{children}</div>}
      </div>
      <button type="button" className="button button-small" onClick={onClose}>Dismiss</button>
    </div>
  )
}

export function Time({ iso }: { iso: string }) {
  return (
    <time dateTime={iso} title={at(iso)} className="num whitespace-nowrap">
      {ago(iso)}
    </time>
  )
}

/** ErrorNote shows an error near what it concerns. */
export function ErrorNote({ error, retry }: { error: unknown; retry?: () => void }) {
  if (!error) return null
  const title = error instanceof Problem ? `${error.title} (${error.status})` : error instanceof Gone ? 'No answer' : 'The console failed'
  return (
    <div role="alert" className="rounded-md border border-bad/40 bg-bad/8 px-3 py-2">
      <p className="font-medium text-bad">{title}</p>
      <p className="break-words">{error instanceof Error ? error.message : String(error)}</p>
      {error instanceof Problem && (
        <ul className="break-words text-muted">
          {error.errors.filter((e) => !error.message.includes(e.message)).map((e, i) => <li key={i}>{e.location && <span className="font-mono text-xs">{e.location}: </span>}{e.message}</li>)}
        </ul>
      )}
      {retry && (
        <button type="button" className="button button-small mt-2" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

export function Skeleton({ rows = 3, className = 'p-4' }: { rows?: number; className?: string }) {
  return (
    <div className={`space-y-3 ${className}`} role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className="skeleton h-4 rounded bg-sunken" style={{ width: `${92 - ((i * 17) % 40)}%` }} />
      ))}
    </div>
  )
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="px-6 py-10 text-center">
      <p className="font-medium">{title}</p>
      {children && <div className="mx-auto mt-1 max-w-prose text-muted">{children}</div>}
    </div>
  )
}

export function Code({ children }: { children: ReactNode }) {
  return <code className="rounded bg-sunken px-1.5 py-0.5 font-mono text-xs text-ink">{children}</code>
}

export function Tag({ name, children }: { name?: string; children: ReactNode }) {
  return (
    <span className="num inline-flex max-w-full items-baseline gap-1 rounded bg-sunken px-1.5 text-xs leading-5">
      {name && <span className="text-muted">{name}</span>}
      <span className="truncate">{children}</span>
    </span>
  )
}

/** Choice is a small set of options, one of which is on. */
export function Choice<T extends string>({ label, options, value, onChange }: { label: string; options: readonly { value: T; label: string }[]; value: T; onChange: (v: T) => void }) {
  return (
    <div role="radiogroup" aria-label={label} className="inline-flex h-8 rounded-md border border-strong bg-surface p-0.5">
      {options.map((o) => (
        <label
          key={o.value}
          className="flex cursor-pointer items-center rounded px-2.5 text-xs font-medium text-muted hover:text-ink has-checked:bg-sunken has-checked:text-ink has-focus-visible:outline-2 has-focus-visible:outline-accent"
        >
          <input type="radio" className="sr-only" name={label} checked={o.value === value} onChange={() => onChange(o.value)} />
          {o.label}
        </label>
      ))}
    </div>
  )
}

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:\d\d)$/

/** value shows a field's value in one line; a time without its T and seconds. */
export function value(v: unknown): string {
  if (v === null || v === undefined) return '–'
  if (typeof v === 'string' && instant.test(v)) return `${v.slice(0, 10)} ${v.slice(11, 16)}${v.endsWith('Z') ? ' UTC' : v.slice(-6)}`
  return typeof v === 'object' ? JSON.stringify(v) : String(v)
}
