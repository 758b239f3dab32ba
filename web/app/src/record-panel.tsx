import { Link } from '@tanstack/react-router'
import { useEffect, useRef, type ComponentProps } from 'react'
import { RecordView } from './record-view'

/** RecordPanel shows a record beside the page. Esc closes it. */
export function RecordPanel({ onClose, ...view }: ComponentProps<typeof RecordView> & { onClose: () => void }) {
  const panel = useRef<HTMLElement>(null)
  useEffect(() => {
    panel.current?.focus({ preventScroll: true })
  }, [view.id])
  useEffect(() => {
    const escape = (e: KeyboardEvent) => {
      if (e.key === 'Escape') onClose()
    }
    addEventListener('keydown', escape)
    return () => removeEventListener('keydown', escape)
  }, [onClose])
  return (
    <aside
      ref={panel} tabIndex={-1} aria-label={`Record ${view.id}`} data-panel
      className="fixed inset-y-0 right-0 z-30 flex w-full flex-col border-l border-line bg-surface shadow-2xl outline-none sm:w-[28rem] lg:sticky lg:top-5 lg:max-h-[calc(100dvh-2.5rem)] lg:w-auto lg:rounded-lg lg:border lg:shadow-none"
    >
      <header className="flex items-center gap-3 border-b border-line px-4 py-2.5">
        <h2 className="min-w-0 flex-1 truncate"><span className="font-mono font-medium">{view.id}</span> <span className="text-muted">in {view.collection}</span></h2>
        <Link to="/collections/$collection/records/$id" params={{ collection: view.collection, id: view.id }} className="link text-xs">Page</Link>
        <button type="button" className="button button-small" onClick={onClose}>Close</button>
      </header>
      <div className="flex-1 overflow-y-auto overscroll-contain"><RecordView {...view} /></div>
    </aside>
  )
}
