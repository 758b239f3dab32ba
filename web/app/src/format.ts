const integer = new Intl.NumberFormat('en')
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const dateTime = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' })

export const count = (n: number) => integer.format(n)
export const short = (n: number) => (n < 10_000 ? integer.format(n) : compact.format(n))
export const percent = (part: number, whole: number) => (whole > 0 ? `${((100 * part) / whole).toFixed(1)}%` : '–')
export const plural = (n: number, one: string, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`
export const at = (iso: string) => dateTime.format(new Date(iso))

/** price is in the currency of the configuration, which has no name. */
export function price(n: number): string {
  if (n === 0) return '0'
  return n < 1 ? (n < 0.0001 ? '< 0.0001' : n.toPrecision(2)) : n.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
}

/** duration takes milliseconds. */
export function duration(ms: number): string {
  if (ms < 1) return '0 ms'
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1000).toFixed(2)} s`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const s = Math.round(ms / 1000)
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`
  const min = Math.round(s / 60)
  return min < 48 * 60 ? `${Math.floor(min / 60)} h ${min % 60} min` : `${Math.round(min / 1440)} days`
}

export const between = (start: string, end?: string) => (end ? Date.parse(end) : Date.now()) - Date.parse(start)

export function ago(iso: string): string {
  const ms = Date.now() - Date.parse(iso)
  if (ms < 5000) return 'just now'
  if (ms < 60_000) return `${Math.round(ms / 1000)} s ago`
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min ago`
  return ms < 172_800_000 ? `${Math.round(ms / 3_600_000)} h ago` : `${Math.round(ms / 86_400_000)} days ago`
}

/** until says how far off a time is. */
export function until(iso: string): string {
  const ms = Date.parse(iso) - Date.now()
  return ms <= 0 ? 'now' : `in ${duration(ms)}`
}

/** lagging is after how many seconds a collection needs attention. */
export const lagging = 60
export const lag = (s: { pending_changes: number; lag_seconds: number }) => (s.pending_changes ? duration(s.lag_seconds * 1000) : '–')
