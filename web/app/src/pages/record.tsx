import { useParams } from '@tanstack/react-router'
import { useCollections } from '../queries'
import { RecordView } from '../record-view'
import { Card, PageHeader } from '../ui'

export function RecordPage() {
  const { collection, id } = useParams({ from: '/collections/$collection/records/$id' })
  const declaration = useCollections().data?.items.find((c) => c.name === collection)?.declaration
  return (
    <>
      <PageHeader name={id} title={<span className="font-mono">{id}</span>} hint={<>Record of {collection}</>} />
      <Card><RecordView collection={collection} id={id} declaration={declaration} /></Card>
    </>
  )
}
