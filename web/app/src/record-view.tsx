import { useQuery } from '@tanstack/react-query'
import { useRef, type RefObject } from 'react'
import { api, type Declaration, type Fields, type Passage } from './api'
import { CleanText } from './clean'
import { at } from './format'
import { span } from './text'
import { ErrorNote, Skeleton, Tag, value } from './ui'

/** RecordView shows a record as it is stored and, of a hit, where it was found. */
export function RecordView({ collection, id, declaration, passage, terms }: { collection: string; id: string; declaration?: Declaration; passage?: Passage; terms?: string[] }) {
  const found = useRef<HTMLElement>(null)
  const record = useQuery({ queryKey: ['record', collection, id], queryFn: ({ signal }) => api.record(collection, id, signal) })
  if (record.isPending) return <Skeleton rows={8} />
  if (record.error) return <div className="p-4"><ErrorNote error={record.error} retry={() => record.refetch()} /></div>
  const r = record.data
  const content = declaration?.content ?? []
  const metadata = (declaration?.metadata ?? []).filter((f) => f in r.fields)
  const others = Object.keys(r.fields).filter((f) => !content.includes(f) && !metadata.includes(f))
  return (
    <div className="divide-y divide-line" data-record={r.id}>
      <dl className="num grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 px-4 py-3">
        <dt className="text-muted">Version</dt>
        <dd>
          {r.version} <span className="text-muted">· content {r.content_version}</span>
        </dd>
        <dt className="text-muted">Updated</dt>
        <dd>{at(r.updated_at)}</dd>
        {metadata.map((f) => (
          <Metadata key={f} name={f} v={r.fields[f]} />
        ))}
      </dl>
      {passage && (
        <section className="px-4 py-3">
          <h3 className="num mb-1 flex items-baseline justify-between gap-3 text-xs font-medium text-muted">
            <span>Passage as indexed <span className="font-normal">· {passage.field}, bytes {passage.start} to {passage.end}</span></span>
            <button type="button" className="link font-normal" onClick={() => found.current?.scrollIntoView({ block: 'start' })}>Show where it stands</button>
          </h3>
          <p className="whitespace-pre-wrap break-words leading-6"><CleanText text={passage.text} terms={terms} /></p>
        </section>
      )}
      {content.filter((f) => f in r.fields).map((f) => (
        <section key={f} className="px-4 py-3">
          <h3 className="mb-1 text-xs font-medium text-muted">{f} <span className="font-normal">· as stored, before the gate</span></h3>
          <ContentField found={found} text={typeof r.fields[f] === 'string' ? r.fields[f] : value(r.fields[f])} passage={passage?.field === f ? passage : undefined} />
        </section>
      ))}
      {others.length > 0 && (
        <section className="px-4 py-3">
          <h3 className="mb-1 text-xs font-medium text-muted">Stored only <span className="font-normal">· neither embedded nor filtered on</span></h3>
          <dl className="num grid grid-cols-[auto_1fr] gap-x-4 gap-y-1">{others.map((f) => <Metadata key={f} name={f} v={r.fields[f]} />)}</dl>
        </section>
      )}
      <RawJSON fields={r.fields} />
    </div>
  )
}

function Metadata({ name, v }: { name: string; v: unknown }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="flex min-w-0 flex-wrap gap-1 break-words">{Array.isArray(v) ? v.map((e, i) => <Tag key={i}>{value(e)}</Tag>) : value(v)}</dd>
    </>
  )
}

function ContentField({ text, passage, found }: { text: string; passage?: Passage; found: RefObject<HTMLElement | null> }) {
  const style = 'whitespace-pre-wrap break-words leading-6'
  if (!passage) return <p className={style}>{text}</p>
  const [before, inside, after] = span(text, passage.start, passage.end)
  return (
    <p className={style}>
      {before}
      <mark ref={found} data-span className="scroll-mt-8">{inside}</mark>
      {after}
    </p>
  )
}

function RawJSON({ fields }: { fields: Fields }) {
  return (
    <details className="px-4 py-3">
      <summary className="cursor-pointer text-xs font-medium text-muted">Fields as JSON</summary>
      <pre className="mt-2 overflow-x-auto rounded-md bg-sunken p-3 font-mono text-xs leading-5">{JSON.stringify(fields, null, 2)}</pre>
    </details>
  )
}
